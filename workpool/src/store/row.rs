//! Structs that rows are read into. What sqlx derives for this would have every program that uses
//! workpool compile sqlx twice: once for itself, and once for the compiler.

/// Declares a struct, each field of which is the column of its name; or, `= flatten`, a struct like
/// this one of the same row.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$about:meta])* $seen:vis $field:ident: $type:ty $(= $how:ident)?,)*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$about])* $seen $field: $type,)*
        }

        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                Ok(Self { $($field: row!(@read row, $field, $type $(, $how)?)?,)* })
            }
        }
    };
    (@read $row:ident, $field:ident, $type:ty, flatten) => {
        <$type as sqlx::FromRow<'_, sqlx::postgres::PgRow>>::from_row($row)
    };
    (@read $row:ident, $field:ident, $type:ty) => {
        sqlx::Row::try_get($row, stringify!($field))
    };
}

pub(crate) use row;

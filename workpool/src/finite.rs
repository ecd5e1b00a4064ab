//! Whether a value is read back from JSON as what it was, as far as `null` is concerned.
//!
//! `serde_json` writes NaN and the infinities as `null`, so `Some(f64::NAN)` would be read back
//! as `None`; and `Some(None)` too. This walks a value and refuses them wherever they are. It writes nothing, keeps
//! nothing, and judges nothing else: whether a value is JSON at all is for `serde_json` to say.

use std::fmt::Display;

use serde::{Serialize, Serializer, ser};

/// Refuses `value` if a float anywhere in it is NaN or infinite, or a `Some` in it is written as
/// `null`.
pub(crate) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), NotFinite> {
    value.serialize(Finite).map(drop)
}

/// Why a value did not pass.
#[derive(Debug, thiserror::Error)]
pub enum NotFinite {
    /// A float that `serde_json` would write as `null`.
    #[error("it contains NaN or an infinity, which JSON does not have")]
    Float,
    /// A `Some` that would be read back as `None`.
    #[error("it contains `Some` of something that JSON writes as null, such as `Some(None)`")]
    Null,
    /// What the value's own `Serialize` raised.
    #[error("{0}")]
    Custom(String),
}

impl ser::Error for NotFinite {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

/// The walk. It has no state, so it is its own serializer of every compound.
struct Finite;

/// What was found to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Null,
    Other,
}

type Checked<T = Written> = Result<T, NotFinite>;

/// Methods that take what cannot hold a float.
macro_rules! pass {
    ($($method:ident($($of:ty),*);)*) => {
        $(fn $method(self, $(_: $of),*) -> Checked { Ok(Written::Other) })*
    };
}

/// Methods that open a compound, whose parts are looked into as they come.
macro_rules! open {
    ($($method:ident($($of:ty),*) -> $compound:ident;)*) => {
        $(
            type $compound = Self;
            fn $method(self, $(_: $of),*) -> Checked<Self> { Ok(self) }
        )*
    };
}

impl Serializer for Finite {
    type Ok = Written;
    type Error = NotFinite;

    fn serialize_f32(self, number: f32) -> Checked {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Checked {
        if number.is_finite() { Ok(Written::Other) } else { Err(NotFinite::Float) }
    }

    /// Types may choose their form by this; what is checked must be the form that JSON gets.
    fn is_human_readable(&self) -> bool {
        true
    }

    /// Text holds no float, so it need not be built.
    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Checked {
        Ok(Written::Other)
    }

    fn serialize_none(self) -> Checked {
        Ok(Written::Null)
    }

    fn serialize_unit(self) -> Checked {
        Ok(Written::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Checked {
        Ok(Written::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        match value.serialize(self)? {
            Written::Null => Err(NotFinite::Null),
            Written::Other => Ok(Written::Other),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self).map(|_| Written::Other)
    }

    pass! {
        serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64);
        serialize_i128(i128); serialize_u128(u128); serialize_bool(bool); serialize_char(char);
        serialize_str(&str); serialize_bytes(&[u8]);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    open! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }
}

/// The parts of each compound.
macro_rules! parts {
    ($($compound:ident: $($method:ident($($name:ty)?)),+;)*) => {
        $(impl ser::$compound for Finite {
            type Ok = Written;
            type Error = NotFinite;

            $(fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? part: &T) -> Checked<()> {
                check(part)
            })+

            fn end(self) -> Checked { Ok(Written::Other) }
        })*
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Meters(f64);

    #[derive(Serialize)]
    struct Pair(u8, f32);

    #[derive(Serialize)]
    struct Nested {
        at: Option<f64>,
        inner: Option<Box<Nested>>,
    }

    #[derive(Serialize)]
    enum Shape {
        Point,
        Circle(f64),
        Ellipse(f64, f64),
        Square { side: f64 },
    }

    #[track_caller]
    fn refused(value: &impl Serialize) {
        let error = check(value).unwrap_err();
        assert_eq!(error.to_string(), "it contains NaN or an infinity, which JSON does not have");
    }

    #[track_caller]
    fn fine(value: &(impl Serialize + ?Sized)) {
        check(value).unwrap();
    }

    fn nested(at: Option<f64>) -> Nested {
        Nested { at: None, inner: Some(Box::new(Nested { at, inner: None })) }
    }

    #[test]
    fn a_float_that_json_does_not_have_is_refused_wherever_it_is() {
        refused(&f64::NEG_INFINITY);
        refused(&f32::INFINITY);
        refused(&Some(f64::NAN));
        refused(&vec![1.0, f64::NAN]);
        refused(&("a", [f32::NAN]));
        refused(&Meters(f64::NAN));
        refused(&Pair(1, f32::INFINITY));
        refused(&nested(Some(f64::NAN)));
        refused(&BTreeMap::from([("a", 1.0), ("b", f64::INFINITY)]));
        refused(&Shape::Circle(f64::NAN));
        refused(&Shape::Ellipse(1.0, f64::NAN));
        refused(&Shape::Square { side: f64::NAN });
        // No map of `std` has floats as keys.
        assert!(Finite.collect_map([(f64::NAN, ())]).is_err());
    }

    #[test]
    fn everything_else_passes() {
        fine(&(true, 'a', "text", (), Unit, nested(None), nested(Some(1.5))));
        fine(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
        fine(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
        fine(&(f64::MAX, f64::MIN_POSITIVE, -0.0, f32::MAX, Meters(1.5), Pair(1, 1.5)));
        fine(&BTreeMap::from([(1, vec![1.5])]));
        fine(&[Shape::Point, Shape::Circle(1.5), Shape::Ellipse(1.5, 2.5)]);
        fine(&Shape::Square { side: 1.5 });
        fine("unsized");
        Finite.serialize_bytes(&[0, 255]).unwrap();
        Finite.collect_str("NaN").unwrap();
    }

    #[test]
    fn what_is_checked_is_the_form_for_humans_which_json_gets() {
        assert!(Finite.is_human_readable());
    }

    #[test]
    fn what_a_type_raises_by_itself_is_kept() {
        let cell = RefCell::new(1.5);
        let _held = cell.borrow_mut();
        assert_eq!(check(&[Some(&cell)]).unwrap_err().to_string(), "already mutably borrowed");
    }
}

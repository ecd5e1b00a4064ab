//! The SQL files, with the configured schema in place of `workpool.`. The one place where SQL
//! text is made at run time.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

macro_rules! statements {
    ($($name:ident)*) => {
        /// One statement a file of `store/sql`.
        #[derive(Debug)]
        #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "some serve tests only"))]
        pub(crate) struct Statements {
            $(pub(crate) $name: SqlStr,)*
        }

        impl Statements {
            pub(super) fn new(schema: &str) -> Self {
                Self {
                    $($name: rendered(
                        include_str!(concat!("sql/", stringify!($name), ".sql")), schema,
                    ),)*
                }
            }

            /// Each with the name of its file.
            #[cfg(feature = "testing")]
            pub(crate) fn all(&self) -> Vec<(&'static str, SqlStr)> {
                vec![$((stringify!($name), self.$name.clone()),)*]
            }
        }
    };
}

statements! {
    abandoned add_audit add_stats advance bury cancel cancelable cancels claim claim_callbacks
    claim_pool    condense_stats contents current deregister doctor_holds doctor_role doctor_server
    doctor_tables due elect_report ended enqueue enqueue_alike enqueue_claimed failures finish finish_callbacks
    forget_ended free_pools give_back give_back_all held held_callback histories history holders inter join
    known leases list_audit list_callbacks list_slots list_succeeded list_unended
    list_unsuccessful list_workers lock_own lock_pools lock_slots lock_worker look lost_pools
    next_callback next_turn notify orphans overdue overview owned parked pool_of pools prune prune_audit
    prune_pool prune_stats register register_slots release release_callbacks release_unknown
    remove_pool renew replay resize result retry retry_callback retry_ended run_now seed_pools
    set_log_level show stats status succeed succeed_and_call succeed_group sync take turn
    unknown_functions unsettled waiting watch why
}

/// Puts the schema in, which has been checked, and drops the comments that every execution would
/// otherwise send along.
pub(super) fn rendered(sql: &str, schema: &str) -> SqlStr {
    let lines = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
    let text = in_schema(&lines.collect::<Vec<_>>().join("\n"), schema);
    AssertSqlSafe(std::sync::Arc::<str>::from(text)).into_sql_str()
}

/// Puts the schema in; in quotes, because it may be a word of SQL.
pub(super) fn in_schema(sql: &str, schema: &str) -> String {
    if schema == "workpool" {
        return sql.to_owned();
    }
    let quoted = format!(r#""{schema}""#);
    sql.replace("workpool.", &format!("{quoted}.")).replace(" workpool;", &format!(" {quoted};"))
}

/// Begins a transaction with settings of its own, in one round trip.
pub(crate) fn begin_with_settings(begin: &str, settings: &[(&str, String)], last: &str) -> SqlStr {
    let set = settings.iter().map(|(name, value)| {
        debug_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_')));
        format!("SET LOCAL {name} = '{value}'; ")
    });
    AssertSqlSafe(format!("{begin}; {}{last}", set.collect::<String>())).into_sql_str()
}

/// Copies a database, or drops one; the names are made by this crate.
#[cfg(feature = "testing")]
pub(crate) fn for_database(name: &str, template: Option<&str>) -> SqlStr {
    debug_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
    let text = match template {
        Some(template) => format!("CREATE DATABASE {name} TEMPLATE {template}"),
        None => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    };
    AssertSqlSafe(text).into_sql_str()
}

//! The metrics with their units and what is said of them to whoever scrapes. The page for people,
//! `metrics.rs`, lists the same ones with their labels.

use metrics::Unit;

/// The histograms, for a recorder that has to know which is of what.
#[cfg(feature = "prometheus")]
pub(crate) const IN_SECONDS: [&str; 3] = [START_LAG, DURATION, CALLBACK_DURATION];
#[cfg(feature = "prometheus")]
pub(crate) const IN_ITEMS: [&str; 1] = [CLAIM_ITEMS];

macro_rules! metrics {
    ($describe:ident: $($kind:ident $name:ident = $text:literal, $unit:ident, $help:literal;)*) => {
        $(pub(super) const $name: &str = $text;)*

        /// Tells the recorder of all of these.
        pub(super) fn $describe() {
            $(metrics! { @ $kind $text, Unit::$unit, $help })*
        }
    };
    (@ counter $($what:expr),*) => { ::metrics::describe_counter!($($what),*); };
    (@ gauge $($what:expr),*) => { ::metrics::describe_gauge!($($what),*); };
    (@ histogram $($what:expr),*) => { ::metrics::describe_histogram!($($what),*); };
}

metrics! { describe:
    counter ENQUEUED = "workpool_enqueued_total", Count,
        "Items that were written, also in transactions that were rolled back later.";
    counter STARTED = "workpool_started_total", Count,
        "Attempts whose function was entered.";
    counter COMPLETED = "workpool_completed_total", Count,
        "Attempts that finished, by outcome; retrying: another one follows.";
    counter RECOVERED = "workpool_recovered_total", Count,
        "Attempts of dead workers, by what became of their work.";
    counter FENCED = "workpool_fenced_total", Count,
        "Late ends of attempts that had been superseded; what they wrote was dropped.";
    counter LEASES_LOST = "workpool_leases_lost_total", Count,
        "Leases that could not be renewed in time.";
    counter CLAIMS = "workpool_claims_total", Count,
        "Claims that asked for items of the pool.";
    histogram CLAIM_ITEMS = "workpool_claim_items", Count,
        "Items that a claim got of the pool.";
    histogram START_LAG = "workpool_start_lag_seconds", Seconds,
        "From the due time of an attempt until its function was entered.";
    histogram DURATION = "workpool_duration_seconds", Seconds,
        "From the claim of an attempt until its end was written.";
    counter CALLBACKS = "workpool_callbacks_total", Count,
        "Attempts of callbacks, by outcome; parked: given up, to be replayed.";
    histogram CALLBACK_DURATION = "workpool_callback_duration_seconds", Seconds,
        "How long an attempt of a callback took.";
    gauge RUNNING = "workpool_running", Count,
        "Items that this process has in hand, from their claim until their end is written.";
    gauge SLOTS = "workpool_slots_granted", Count,
        "Slots that this process holds.";
    gauge LIMIT = "workpool_limit", Count,
        "The limit of the pool over all processes.";
    gauge PAUSED = "workpool_paused", Count,
        "1 while the pool is paused.";
    gauge BACKLOG = "workpool_backlog", Count,
        "Items that are due and wait, up to 100,000; in the one process that looked last.";
    gauge OLDEST_DUE = "workpool_oldest_due_seconds", Seconds,
        "For how long the first item in line has been due; in the one process that looked last.";
    gauge PARKED = "workpool_callbacks_parked", Count,
        "Callbacks that were given up, up to 1,000; in the one process that looked last.";
    gauge WORKERS = "workpool_workers", Count,
        "Workers in this process that hold a lease.";
    gauge LEASE = "workpool_lease_seconds", Seconds,
        "For how long the lease of the worker is surely valid.";
    gauge CONNECTIONS = "workpool_connections", Count,
        "Connections in use.";
    gauge TRANSACTIONS = "workpool_transactions", Count,
        "Places for transactions of mutations and queries that are in use.";
    counter DATABASE_ERRORS = "workpool_database_errors_total", Count,
        "Operations of workpool that the database refused or did not answer, by class of SQLSTATE.";
}

#[cfg(all(feature = "prometheus", feature = "dashboard"))]
metrics! { describe_pools:
    gauge POOL_RUNNING = "workpool_pool_running", Count,
        "Items of the pool that run, in all processes.";
    gauge POOL_SCHEDULED = "workpool_pool_scheduled", Count,
        "Items of the pool that wait for their time.";
    gauge POOL_WORKERS = "workpool_pool_workers", Count,
        "Live workers that serve the pool.";
    gauge POOL_HOUR = "workpool_pool_last_hour", Count,
        "Attempts that ended in the last hour, by outcome; retrying: another one follows.";
}

//! What this crate measures, with the feature `metrics`, through the facade of that name. This page
//! is the contract; names and labels change only with a major version.
//!
//! | metric | kind | labels | meaning |
//! |---|---|---|---|
//! | `workpool_enqueued_total` | counter | `pool`, `function` | items that were written, also in transactions that were rolled back later |
//! | `workpool_started_total` | counter | `pool`, `function` | attempts whose function was entered |
//! | `workpool_completed_total` | counter | `pool`, `function`, `outcome` | attempts that finished: `success`, `failed`, `canceled`, or `retrying` when another one follows |
//! | `workpool_recovered_total` | counter | `pool`, `function`, `outcome` | attempts of dead workers, by what became of their work: `failed`, `retrying`, `canceled` or `run again`; they are not among the completed ones |
//! | `workpool_fenced_total` | counter | `pool`, `function` | late ends of attempts that had been superseded |
//! | `workpool_leases_lost_total` | counter | | leases that could not be renewed in time |
//! | `workpool_claims_total` | counter | `pool` | claims that asked for items of the pool |
//! | `workpool_claim_items` | histogram | `pool` | items that a claim got of the pool |
//! | `workpool_start_lag_seconds` | histogram | `pool`, `function` | from the due time of an attempt, by the clock of the database, until its function was entered |
//! | `workpool_duration_seconds` | histogram | `pool`, `function` | from the claim of an attempt until its end was written |
//! | `workpool_callbacks_total` | counter | `function`, `outcome` | attempts of callbacks: `success`, `retrying`, or `parked` when it was given up |
//! | `workpool_callback_duration_seconds` | histogram | `function` | how long an attempt of a callback took |
//! | `workpool_running` | gauge | `pool` | items that this process has in hand, from their claim until their end is written |
//! | `workpool_slots_granted` | gauge | `pool` | slots that this process holds |
//! | `workpool_limit` | gauge | `pool` | the limit of the pool over all processes |
//! | `workpool_paused` | gauge | `pool` | 1 while the pool is paused |
//! | `workpool_backlog` | gauge | `pool` | items that are due and wait, counted up to 100,000 |
//! | `workpool_oldest_due_seconds` | gauge | `pool` | for how long the first item in line has been due |
//! | `workpool_callbacks_parked` | gauge | `pool` | callbacks that were given up, among the latest 1,000 of all pools |
//! | `workpool_workers` | gauge | | workers in this process that hold a lease |
//! | `workpool_lease_seconds` | gauge | | for how long the lease of the worker is surely valid, of several the one that looked last |
//! | `workpool_connections` | gauge | `link` | connections in use: `control`, `ends`, `mutations`, `callbacks`, and those of the `application` |
//! | `workpool_transactions` | gauge | | places for the transactions of mutations and queries that are taken |
//! | `workpool_database_errors_total` | counter | `class` | operations of workpool that failed: the class of the SQLSTATE, such as `40` for conflicts, or `connection`, `no connection`, `other` |
//!
//! Times are in seconds, everything else is counted. No label says which worker it was: that is for
//! whoever scrapes to add. `function` is a registered name, of a callback too; `pool` and `link` are
//! as bounded.
//!
//! Slots, limits and pauses are read about once a second, lease, connections and transactions twice.
//! Backlog, oldest due item and parked callbacks are looked for once in a
//! [report interval](crate::WorkerBuilder::report_interval), by one worker of all, beside its
//! [`report`](crate::events): in all other processes they are 0, so take the maximum over processes,
//! not the mean. What is due when no worker is there, no worker measures: watch `workpool_workers`,
//! or let the dashboard be scraped.
//!
//! # Of all processes
//!
//! With the features `prometheus` and `dashboard`, the dashboard has the route `metrics` beside its pages, which reads the
//! state of every pool from the database when it is scraped: `workpool_limit`, `workpool_paused`, `workpool_backlog`,
//! `workpool_oldest_due_seconds` and `workpool_callbacks_parked` as above, though with bounds of its own (10,000 for one
//! pool, fewer for each of many), and
//!
//! | metric | kind | labels | meaning |
//! |---|---|---|---|
//! | `workpool_pool_running` | gauge | `pool` | items of the pool that run, in all processes |
//! | `workpool_pool_scheduled` | gauge | `pool` | items of the pool that wait for their time |
//! | `workpool_pool_workers` | gauge | `pool` | live workers that serve the pool |
//! | `workpool_pool_last_hour` | gauge | `outcome`, `pool` | attempts that ended in the last hour: `success`, `failed`, `canceled`, or `retrying` when another one follows |
//!
//! # Recorders
//!
//! Install one before the first worker is started: a worker registers what it measures once, when it
//! first meets a pool or a function.
//!
//! A recorder that keeps histograms in buckets wants other ones for items than for seconds.

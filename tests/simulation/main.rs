//! Several worker processes that are killed, frozen and stopped, servers that restart, and races
//! whose order is forced by locks and by a proxy.
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod deaths;
mod functions;
#[allow(dead_code, reason = "the table of states uses the rest")]
mod hand;
mod line;
mod load;
mod notes;
mod outages;
mod races;
mod sharing;
mod shutdowns;
mod world;
mod zombies;

//! The contract, line by line, against a real PostgreSQL.
//!
//! Each test has a database of its own. The functions of all modules are registered for all tests,
//! so pools are told apart by name; handlers wait at the gates of their test, and no test sleeps to
//! be in step with anything.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::unused_async, reason = "a function of work is async, whether it waits or not")]

mod functions;

mod bad_input;
mod bad_rows;
mod cancel;
mod cancel_all;
mod completion;
mod enqueue;
mod events;
mod failures;
mod fences;
mod groups;
mod hints;
mod horizon;
mod inspect;
mod large;
mod limits;
mod obstacles;
mod plans;
mod pools;
mod retries;
mod roles;
mod schema;
mod shapes;
mod starts;
mod starved;
mod state;
mod status;
mod testing;
mod times;
mod together;
mod transactions;
mod turns;

//! What is measured and traced, and what Grafana, Prometheus and orchestrators make of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod board;
mod endpoints;
mod functions;
mod measured;
mod monitoring;
mod page;
mod spans;
mod traces;

//! The dashboard as a router: what it shows, how it is guarded, what its actions do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acting;
mod browsing;
mod functions;
mod guarding;
mod large;
mod mounting;
mod scraping;
mod serving;
mod showing;
mod watching;

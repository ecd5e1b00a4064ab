//! The dashboard in headless Chromium. Asked for by `--features browser`, and needs `chromium` and
//! `chromedriver` to be installed. Screenshots of all pages are left in `target/tmp/dashboard`;
//! with `WORKPOOL_SCREENSHOTS` set, those of the repository, in `pages`, are made anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod acting;
mod chrome;
mod day;
mod forging;
mod functions;
mod hostile;
mod live;
mod looking;
mod site;

//! What is counted and measured, through the facade `metrics`. Without the feature of that name
//! nothing is, and everything here comes to nothing. The names are a contract; see
//! [`metrics`](crate::metrics).

use crate::error::Error;

#[cfg(feature = "metrics")]
mod function;
#[cfg(feature = "metrics")]
mod level;
#[cfg(feature = "metrics")]
mod names;
#[cfg(not(feature = "metrics"))]
mod off;
#[cfg(feature = "metrics")]
mod on;
#[cfg(feature = "metrics")]
mod pool;
#[cfg(all(feature = "prometheus", feature = "dashboard"))]
mod shared;

#[cfg(feature = "metrics")]
pub(crate) use self::function::FunctionMeter;
#[cfg(feature = "metrics")]
pub(crate) use self::level::Level;
#[cfg(feature = "prometheus")]
pub(crate) use self::names::{IN_ITEMS, IN_SECONDS};
#[cfg(not(feature = "metrics"))]
pub(crate) use self::off::{FunctionMeter, Level, Meter, enqueued, failed, lease_lost};
#[cfg(feature = "metrics")]
pub(crate) use self::on::{Meter, Sample, enqueued, failed, lease_lost};
#[cfg(all(feature = "prometheus", feature = "dashboard"))]
pub(crate) use self::shared::show;

/// Something of ours may have failed because of the database.
pub(crate) fn refused(error: &Error) {
    if let Error::Database(error) = error {
        failed(error);
    }
}

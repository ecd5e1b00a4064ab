//! A recorder in the form that Prometheus scrapes, and its endpoint. For programs that have none:
//! [what this crate measures](crate::metrics) goes to whatever recorder is installed.
//!
//! ```no_run
//! # async fn f(workpool: workpool::Workpool) -> Result<(), Box<dyn std::error::Error>> {
//! use workpool::prometheus::Prometheus;
//!
//! let prometheus = Prometheus::install()?; // before the first worker
//! let worker = workpool.worker().start().await?;
//! let page: String = prometheus.render();
//! # Ok(()) }
//! ```

use std::fmt;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::{Error, Result};
use crate::meter::{IN_ITEMS, IN_SECONDS};

/// The type of what is rendered.
#[cfg(feature = "http")]
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the buckets for times.
const SECONDS: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 3600.0,
];
/// And for numbers of items.
const ITEMS: [f64; 11] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// Between rounds in which the recorder sums up what has come, whether it is scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder of this program, as Prometheus reads it. Cheap to clone.
#[derive(Clone)]
pub struct Prometheus {
    handle: PrometheusHandle,
}

impl Prometheus {
    /// Installs a recorder for the whole program: what else it measures through the facade `metrics`
    /// is shown as well.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] when the program has a recorder already.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, in which it keeps a small task.
    pub fn install() -> Result<Self> {
        let mut builder = PrometheusBuilder::new();
        for (names, bounds) in [(&IN_SECONDS[..], &SECONDS[..]), (&IN_ITEMS, &ITEMS)] {
            for name in names {
                let one = Matcher::Full((*name).to_owned());
                builder = builder.set_buckets_for_metric(one, bounds).map_err(refused)?;
            }
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(refused)?;
        tokio::spawn(keep_up(handle.clone()));
        Ok(Self { handle })
    }

    /// All that was measured so far, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// A router with one route, `/metrics`, for a scraper. It asks nobody who they are: names of
    /// pools and functions are on it, arguments and results are not.
    #[cfg(feature = "http")]
    pub fn router(&self) -> axum::Router {
        let this = self.clone();
        let page = async move || ([(axum::http::header::CONTENT_TYPE, TEXT)], this.render());
        axum::Router::new().route("/metrics", axum::routing::get(page))
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

/// What is known of pools over all processes, by a recorder that is used for it and then dropped.
#[cfg(feature = "dashboard")]
pub(crate) fn of_pools(pools: &[crate::view::PoolOverview]) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || crate::meter::show(pools));
    handle.render()
}

/// Without it what nobody scrapes would pile up.
async fn keep_up(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}

fn refused(why: impl fmt::Display) -> Error {
    Error::invalid("recorder of metrics", why.to_string())
}

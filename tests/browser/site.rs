//! An application that mounts the dashboard, on a port of its own.

use std::path::PathBuf;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use workpool::dashboard::Dashboard;
use workpool_tests::Stage;

/// A server that ends with it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) origin: String,
    _end: DropGuard,
}

impl Site {
    /// Serves a router; `name` is the host that browsers are told.
    pub(crate) async fn serve(name: &str, router: Router, end: CancellationToken) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{name}:{}", listener.local_addr().unwrap().port());
        let over = end.clone().cancelled_owned();
        tokio::spawn(async { axum::serve(listener, router).with_graceful_shutdown(over).await });
        Self { origin, _end: end.drop_guard() }
    }

    /// The dashboard of a stage, nested under `/jobs`.
    pub(crate) async fn with(stage: &Stage) -> Self {
        Self::of(Dashboard::new(stage.workpool()).show_unknown_arguments(true)).await
    }

    /// A dashboard that is set up otherwise, in the same place.
    pub(crate) async fn of(dashboard: Dashboard) -> Self {
        let end = CancellationToken::new();
        let dashboard = dashboard.until(end.clone().cancelled_owned());
        let router = Router::new().nest("/jobs", dashboard.router());
        Self::serve("127.0.0.1", router, end).await
    }
}

/// Where a screenshot is left; `kept`: when it is asked for, among those of the repository.
pub(crate) fn screenshot(name: &str, kept: bool) -> PathBuf {
    let folder = if kept && std::env::var_os("WORKPOOL_SCREENSHOTS").is_some() {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("browser/pages")
    } else {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard")
    };
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.png"))
}

//! A small shop as an axum application: a form that enqueues inside its own transaction, a page that
//! shows the work live, and the dashboard behind a password.
//!
//! ```text
//! cargo run -p workpool-examples --features web --example web_app
//! ```
//!
//! It serves until Ctrl-C; with `-- --once` it places an order, looks at everything, and ends.

mod check;
mod guard;
mod pages;
mod shop;

use anyhow::Result;
use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workpool::Workpool;
use workpool::dashboard::Dashboard;
use workpool::testing::TestDatabase;

/// All routes of the application. `end` ends the streams of live pages.
fn app(workpool: &Workpool, password: &str, end: &CancellationToken) -> Router {
    let dashboard = Dashboard::new(workpool)
        .actor(|request| Some(request.extensions.get::<guard::User>()?.0.clone()))
        .until(end.clone().cancelled_owned())
        .router()
        .layer(from_fn_with_state(password.to_owned(), guard::ask));
    pages::router(workpool, end).nest("/jobs", dashboard)
}

#[tokio::main]
async fn main() -> Result<()> {
    let once = std::env::args().any(|arg| arg == "--once");
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    shop::open(workpool.db()).await?;
    let worker = workpool.worker().start().await?;

    let end = CancellationToken::new();
    let password = format!("{:032x}", rand::random::<u128>());
    let app = app(workpool, &password, &end);
    let listener = TcpListener::bind(if once { "127.0.0.1:0" } else { "127.0.0.1:3000" }).await?;
    let address = listener.local_addr()?;
    println!("shop:      http://{address}/");
    println!("dashboard: http://{address}/jobs, user admin, password {password}");
    let over = end.clone().cancelled_owned();
    let server =
        tokio::spawn(async { axum::serve(listener, app).with_graceful_shutdown(over).await });

    let checked = if once {
        check::all(workpool, address, &password).await
    } else {
        Ok(tokio::signal::ctrl_c().await?)
    };
    // First the pages that somebody watches, then the server, then the work that runs.
    end.cancel();
    server.await??;
    worker.shutdown().await;
    checked
}

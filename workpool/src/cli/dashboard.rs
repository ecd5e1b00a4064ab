//! The dashboard as a server of its own, until somebody ends it.

use serde::Serialize;
use workpool::dashboard::Dashboard;

use crate::args::{Dashboard as Said, To};
use crate::connect;
use crate::exit::{End, Failed};
use crate::output::Out;

/// Pages and streams read at the same time.
const CONNECTIONS: u32 = 5;

/// Where to look.
#[derive(Debug, Serialize)]
struct Open {
    url: String,
}

pub(crate) async fn dashboard(to: &To, said: &Said, out: &Out) -> Result<End, Failed> {
    let builder = connect::builder(to).migrate(false);
    let workpool = connect::connect_with(to, builder, CONNECTIONS).await?;
    let mut dashboard =
        Dashboard::new(&workpool).read_only(said.read_only).show_unknown_arguments(said.show_args);
    if let Some(actor) = to.actor.clone() {
        dashboard = dashboard.actor(move |_| Some(actor.clone()));
    }
    let mut server = dashboard.server().address(said.listen);
    if let Some(token) = &said.token {
        server = server.token(token);
    }
    let server = server.bind().await?;
    // With the token, once, for whoever started it.
    out.answer(&Open { url: server.url() }, |open| format!("{}\n\nCtrl-C ends it.", open.url))?;
    server.run(interrupted()).await?;
    Ok(End::Done)
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then it cannot be ended this way, and goes on.
        std::future::pending::<()>().await;
    }
}

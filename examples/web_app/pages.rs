//! The pages of the shop.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use futures_util::StreamExt;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use workpool::{Status, WorkId, Workpool};

use crate::shop::{self, Order};

#[derive(Clone)]
struct Shop {
    workpool: Workpool,
    end: CancellationToken,
}

/// The routes.
pub(crate) fn router(workpool: &Workpool, end: &CancellationToken) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/orders", post(place))
        .route("/orders/{id}", get(order))
        .route("/orders/{id}/changes", get(changes))
        .with_state(Shop { workpool: workpool.clone(), end: end.clone() })
}

/// Whatever goes wrong.
struct Fault(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let text = html! { p { (self.0) } p { a href="/" { "Back" } } };
        (StatusCode::BAD_REQUEST, page("It did not work", &text)).into_response()
    }
}

fn page(title: &str, content: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } }
            body { h1 { (title) } (content) }
        }
    };
    Html(page.into_string())
}

async fn front(State(shop): State<Shop>) -> Result<Html<String>, Fault> {
    let orders = shop::latest(shop.workpool.db()).await?;
    let content = html! {
        form method="post" action="/orders" {
            label { "Item " input name="item" autofocus; } " " button { "Order" }
        }
        ul { @for Order { id, item, state, .. } in orders {
            li { a href=(format!("/orders/{id}")) { "Order " (id) } ": " (item) ", " (state) }
        } }
        p { a href="/jobs" { "Dashboard" } }
    };
    Ok(page("Shop", &content))
}

#[derive(Deserialize)]
struct Placed {
    item: String,
}

async fn place(State(shop): State<Shop>, Form(placed): Form<Placed>) -> Result<Redirect, Fault> {
    let order = shop::place(&shop.workpool, &placed.item).await?;
    Ok(Redirect::to(&format!("/orders/{order}")))
}

/// Adds a line for each change.
const SCRIPT: &str = "
const changes = new EventSource(location.pathname + '/changes');
changes.onmessage = (event) => {
    const line = document.createElement('li');
    line.textContent = event.data;
    document.getElementById('changes').append(line);
};
changes.addEventListener('end', () => changes.close());
";

async fn order(State(shop): State<Shop>, Path(id): Path<i64>) -> Result<Response, Fault> {
    let Some(order) = shop::find(shop.workpool.db(), id).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let content = html! {
        p { (order.item) ": " (order.state) }
        ol id="changes" {}
        p { a href="/" { "Back" } }
        script { (maud::PreEscaped(SCRIPT)) }
    };
    Ok(page(&format!("Order {id}"), &content).into_response())
}

/// The status of its work, as a stream: each change is pushed, whichever process runs the work.
async fn changes(State(shop): State<Shop>, Path(id): Path<i64>) -> Result<Response, Fault> {
    let order = shop::find(shop.workpool.db(), id).await?;
    let Some(work) = order.and_then(|order| order.work) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let statuses = shop.workpool.watch(WorkId::<String>::from_uuid(work));
    let events = statuses.map(|status| status.map(|status| Event::default().data(told(&status))));
    let last = async { Ok(Event::default().event("end").data("")) };
    let events = events.chain(futures_util::stream::once(last));
    let events = events.take_until(shop.end.cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new()).into_response())
}

fn told(status: &Status) -> String {
    let told = match status {
        Status::Pending { last_failure: Some(failure), .. } => format!("waits: {failure}"),
        Status::Pending { .. } => "waits".into(),
        Status::Running { previous_attempts, .. } => {
            format!("runs, attempt {}", previous_attempts + 1)
        }
        Status::Finished(end) => format!("{} after {} attempts", end.outcome, end.attempts),
    };
    // An event has lines of its own.
    told.replace(['\r', '\n'], " ")
}

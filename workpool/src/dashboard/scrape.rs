//! What waits and runs in each pool, for Prometheus: read from the database, and so the same
//! whichever process is asked.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::refusal::Answer;
use super::site::Site;
use crate::prometheus;

pub(super) async fn scrape(State(site): State<Arc<Site>>) -> Answer<impl IntoResponse> {
    let pools = site.inspector().pools().await?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT)], prometheus::of_pools(&pools)))
}

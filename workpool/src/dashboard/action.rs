//! What can be done, and doing it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as FieldError, MapDeserializer};
use uuid::Uuid;

use super::links::Links;
use super::notice::Notice;
use super::pages::list::List;
use super::posted::{Posted, TOKEN};
use super::refusal::{Answer, Refusal};
use super::site::Site;
use crate::inspect::{Inspector, Retried, RunNow};
use crate::work::Cancel;

/// Items that can be picked at once.
const PICKED: usize = 100;
/// Items that one go by a filter reaches.
pub(super) const MATCHING: u32 = 10_000;

/// Something to do.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Pause(String),
    Resume(String),
    /// The limit is not known before somebody has been asked for it.
    Scale(String, Option<u32>),
    Cancel(Vec<Uuid>),
    Retry(Vec<Uuid>),
    RunNow(Vec<Uuid>),
    Replay(Vec<Uuid>),
    CancelMatching(List),
    RetryMatching(List),
}

impl Action {
    /// Reads what the address and the fields of a form or of a query ask for.
    pub(super) fn parse(verb: &str, fields: &[(String, String)]) -> Answer<Self> {
        let field =
            |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let pool = || field("pool").ok_or_else(|| Refusal::bad("Which pool?"));
        Ok(match verb {
            "pause" => Self::Pause(pool()?),
            "resume" => Self::Resume(pool()?),
            "scale" => {
                let limit = field("limit").map(|limit| limit.trim().parse::<u32>()).transpose();
                let limit =
                    limit.map_err(|_| Refusal::bad("The limit must be a number from 0."))?;
                Self::Scale(pool()?, limit)
            }
            "cancel" => Self::Cancel(ids(fields)?),
            "retry" => Self::Retry(ids(fields)?),
            "run-now" => Self::RunNow(ids(fields)?),
            "replay" => Self::Replay(ids(fields)?),
            "cancel-matching" => Self::CancelMatching(list(fields)?),
            "retry-matching" => Self::RetryMatching(list(fields)?),
            _ => return Err(Refusal::not_found("There is no such action.")),
        })
    }

    /// The last part of its address.
    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Scale(..) => "scale",
            Self::Cancel(_) => "cancel",
            Self::Retry(_) => "retry",
            Self::RunNow(_) => "run-now",
            Self::Replay(_) => "replay",
            Self::CancelMatching(_) => "cancel-matching",
            Self::RetryMatching(_) => "retry-matching",
        }
    }

    /// The page from which one sees what came of it.
    pub(super) fn page(&self, links: &Links, done: &str) -> String {
        let done = ("done", done);
        match self {
            Self::Pause(pool) | Self::Resume(pool) | Self::Scale(pool, _) => {
                links.with("/pool", &[("name", pool), done])
            }
            Self::Cancel(ids) | Self::Retry(ids) | Self::RunNow(ids) | Self::Replay(ids)
                if ids.len() == 1 =>
            {
                links.with(&format!("/work/{}", ids[0]), &[done])
            }
            Self::Cancel(_) | Self::RunNow(_) => links.with("/work", &[done]),
            Self::Retry(_) => links.with("/work", &[("state", "failed"), done]),
            Self::Replay(_) => links.with("/callbacks", &[done]),
            Self::CancelMatching(list) | Self::RetryMatching(list) => {
                let mut query = list.query();
                query.push(done);
                links.with("/work", &query)
            }
        }
    }

    async fn perform(&self, inspector: &Inspector) -> Answer<Notice> {
        Ok(match self {
            Self::Pause(pool) => {
                inspector.pause(pool).await?;
                Notice::Paused
            }
            Self::Resume(pool) => {
                inspector.resume(pool).await?;
                Notice::Resumed
            }
            Self::Scale(pool, limit) => {
                let limit = limit.ok_or_else(|| Refusal::bad("To which limit?"))?;
                inspector.set_max_parallelism(pool, limit).await?;
                Notice::Scaled(limit.into())
            }
            Self::Cancel(ids) => cancel(inspector, ids).await?,
            Self::Retry(ids) => retry(inspector, ids).await?,
            Self::RunNow(ids) => run_now(inspector, ids).await?,
            Self::Replay(ids) => {
                let replayed = inspector.replay_callbacks(ids).await?;
                if replayed == 0 { Notice::Nothing } else { Notice::Replayed(replayed) }
            }
            Self::CancelMatching(list) => {
                let sum = inspector.cancel_matching(&list.filter()?, MATCHING).await?;
                Notice::Canceled(sum.canceled, sum.requested)
            }
            Self::RetryMatching(list) => {
                let sum = inspector.retry_matching(&list.filter()?, MATCHING).await?;
                Notice::Retried(sum.retried, sum.already)
            }
        })
    }
}

/// The items that are meant.
fn ids(fields: &[(String, String)]) -> Answer<Vec<Uuid>> {
    let ids = fields.iter().filter(|(key, _)| key == "id").map(|(_, id)| id.parse());
    let ids: Result<Vec<_>, _> = ids.collect();
    let ids = ids.map_err(|_| Refusal::bad("That is not the id of a work item."))?;
    match ids.len() {
        0 => Err(Refusal::bad("Nothing was picked.")),
        n if n > PICKED => Err(Refusal::bad("Too many were picked; use a filter.")),
        _ => Ok(ids),
    }
}

/// The filter that is meant.
fn list(fields: &[(String, String)]) -> Answer<List> {
    let fields = fields.iter().filter(|(key, _)| key != TOKEN);
    let fields = fields.map(|(key, value)| (key.as_str(), value.as_str()));
    let deserializer: MapDeserializer<'_, _, FieldError> = MapDeserializer::new(
        fields.map(|(key, value)| (key.into_deserializer(), value.into_deserializer())),
    );
    let list = List::deserialize(deserializer).map_err(|why| Refusal::bad(why.to_string()))?;
    let _ = list.filter()?;
    Ok(list)
}

/// Does what a form of ours has posted.
pub(super) async fn act(
    State(site): State<Arc<Site>>,
    Path(verb): Path<String>,
    posted: Posted,
) -> Answer<Response> {
    let action = Action::parse(&verb, &posted.fields)?;
    let notice = action.perform(&site.inspector_of(&posted.caller)).await?;
    let page = action.page(&posted.caller.links, &notice.code());
    Ok(Redirect::to(&page).into_response())
}

async fn cancel(inspector: &Inspector, ids: &[Uuid]) -> Answer<Notice> {
    let (mut ended, mut told) = (0, 0);
    for id in ids {
        match inspector.cancel(*id).await? {
            Cancel::Canceled => ended += 1,
            Cancel::Requested => told += 1,
            Cancel::AlreadyFinished | Cancel::Unknown => {}
        }
    }
    Ok(if ended + told == 0 { Notice::Nothing } else { Notice::Canceled(ended, told) })
}

async fn retry(inspector: &Inspector, ids: &[Uuid]) -> Answer<Notice> {
    let (mut new, mut old) = (0, 0);
    for id in ids {
        match inspector.retry(*id).await? {
            Retried::As(_) => new += 1,
            Retried::Already(_) => old += 1,
            Retried::NoPool => {
                let what = "Its pool is not in the database: nobody would run it.";
                return Err(Refusal::new(StatusCode::CONFLICT, what));
            }
            Retried::NotKept => {
                let what = "Its arguments are not kept: it cannot be tried again from here.";
                return Err(Refusal::new(StatusCode::CONFLICT, what));
            }
            Retried::NotEnded | Retried::Succeeded | Retried::Unknown => {}
        }
    }
    Ok(if new + old == 0 { Notice::Nothing } else { Notice::Retried(new, old) })
}

async fn run_now(inspector: &Inspector, ids: &[Uuid]) -> Answer<Notice> {
    let mut due = 0;
    for id in ids {
        due += u64::from(inspector.run_now(*id).await? == RunNow::Due);
    }
    Ok(if due == 0 { Notice::Nothing } else { Notice::MadeDue(due) })
}

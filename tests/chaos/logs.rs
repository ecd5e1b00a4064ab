//! What the workers have logged.

use std::path::Path;

use crate::clock::Moment;

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: Moment,
    pub(crate) text: String,
}

/// The log of all workers on a seat, in order.
pub(crate) fn read(folder: &Path, seat: usize) -> Vec<Line> {
    let log = std::fs::read_to_string(folder.join(format!("worker-{seat}.log")));
    log.unwrap_or_default().lines().filter_map(line).collect()
}

/// `seconds.milliseconds event …`; other lines are of a panic.
fn line(text: &str) -> Option<Line> {
    let (seconds, rest) = text.split_once('.')?;
    let (milliseconds, text) = rest.split_once(' ')?;
    let (seconds, milliseconds): (i64, i64) = (seconds.parse().ok()?, milliseconds.parse().ok()?);
    Some(Line { at: Moment(seconds * 1_000_000 + milliseconds * 1000), text: text.to_owned() })
}

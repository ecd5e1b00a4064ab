//! Where a page begins and ends.

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::store::{Listed, Part, Place, Timestamp};
use crate::view::{Cursor, Page};

/// Rows that one page looks at.
pub(super) const BUDGET: i64 = 20_000;
/// Rows of one page.
const LARGEST: u32 = 1000;

/// What part of a list is asked for.
pub(super) fn part(list: &str, after: Option<&Cursor>, limit: u32) -> Result<Part> {
    let after = match after {
        None => None,
        Some(cursor) => Some(parse(list, cursor).ok_or_else(|| {
            let why = format!("`{}` is no place in this list", cursor.0.escape_debug());
            Error::invalid("cursor", why)
        })?),
    };
    Ok(Part { after, rows: i64::from(limit.clamp(1, LARGEST)), budget: BUDGET })
}

/// The page, with where the next one begins.
pub(super) fn page<T>(name: &str, found: Listed<T>, limit: i64) -> Page<T> {
    let Listed { now, mut rows, horizon } = found;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let full = rows.len() > limit;
    rows.truncate(limit);
    let latest = if full { rows.last().map(|row| row.0) } else { horizon };
    let next = latest.map(|place| {
        let Place { section, at: Timestamp(at), id } = place;
        Cursor(format!("{name}.{section}.{at}.{}", id.simple()))
    });
    Page { rows: rows.into_iter().map(|row| row.1).collect(), next, now }
}

fn parse(list: &str, cursor: &Cursor) -> Option<Place> {
    let mut parts = cursor.0.split('.');
    let mut next = || parts.next();
    if next()? != list {
        return None;
    }
    let section = next()?.parse().ok()?;
    let at = Timestamp(next()?.parse().ok()?);
    let id = Uuid::parse_str(next()?).ok()?;
    parts.next().is_none().then_some(Place { section, at, id })
}

//! Counts that stop at a bound, and lists that are read a page at a time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Time;

/// A count that stops at a bound, so that it costs the same with ten million items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Count {
    /// How many were counted.
    pub items: u64,
    /// The bound was reached: there are at least so many.
    pub more: bool,
}

impl Count {
    /// So many were found by a count that stops after `bound` and one.
    pub(crate) fn bounded(found: i64, bound: i64) -> Self {
        Self { items: found.clamp(0, bound).unsigned_abs(), more: found > bound }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.items == 0
    }
}

/// `1200`, or `10000+` when the bound was reached.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.items, if self.more { "+" } else { "" }))
    }
}

/// A part of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows; there may be none although others follow: a page looks at a bounded number of rows.
    pub rows: Vec<T>,
    /// Where to go on; none: this was the last page.
    pub next: Option<Cursor>,
    /// When it was read, by the clock of the database.
    pub now: Time,
}

/// A place in a list. Opaque: it fits the list and the filter that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(crate) String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

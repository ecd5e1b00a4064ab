//! What came of an action, carried to the next page in the query: one of our own words and numbers,
//! so that a link from elsewhere can put no text of its own here.

use super::text;

/// What an action came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Paused,
    Resumed,
    Scaled(u64),
    /// Waiting work that has ended, running work that was told.
    Canceled(u64, u64),
    /// Items tried again, those that somebody had tried again before.
    Retried(u64, u64),
    MadeDue(u64),
    Replayed(u64),
    Nothing,
}

impl Notice {
    /// As it stands in a query.
    pub(super) fn code(self) -> String {
        match self {
            Self::Paused => "paused".into(),
            Self::Resumed => "resumed".into(),
            Self::Scaled(limit) => format!("scaled.{limit}"),
            Self::Canceled(ended, told) => format!("canceled.{ended}.{told}"),
            Self::Retried(new, old) => format!("retried.{new}.{old}"),
            Self::MadeDue(items) => format!("due.{items}"),
            Self::Replayed(callbacks) => format!("replayed.{callbacks}"),
            Self::Nothing => "nothing".into(),
        }
    }

    fn parse(code: &str) -> Option<Self> {
        let mut parts = code.split('.');
        let word = parts.next()?;
        let mut n = || parts.next().and_then(|n| n.parse().ok());
        Some(match word {
            "paused" => Self::Paused,
            "resumed" => Self::Resumed,
            "scaled" => Self::Scaled(n()?),
            "canceled" => Self::Canceled(n()?, n()?),
            "retried" => Self::Retried(n()?, n()?),
            "due" => Self::MadeDue(n()?),
            "replayed" => Self::Replayed(n()?),
            "nothing" => Self::Nothing,
            _ => return None,
        })
    }

    fn text(self) -> String {
        match self {
            Self::Paused => "Paused: nothing starts until it is resumed.".into(),
            Self::Resumed => "Resumed.".into(),
            Self::Scaled(limit) => format!("At most {} at once now.", text::number(limit)),
            Self::Canceled(ended, 0) => format!("Canceled {}.", text::items(ended)),
            Self::Canceled(0, told) => {
                format!("Asked {} to stop: no further attempt follows.", text::items(told))
            }
            Self::Canceled(ended, told) => {
                format!("Canceled {}, asked {} to stop.", text::items(ended), text::items(told))
            }
            Self::Retried(new, 0) => format!("{} tried again.", text::items(new)),
            Self::Retried(new, old) => format!(
                "{} tried again; {} had been tried again before.",
                text::items(new),
                text::items(old)
            ),
            Self::MadeDue(items) => format!("{} made due now.", text::items(items)),
            Self::Replayed(1) => "1 callback is due again.".into(),
            Self::Replayed(n) => format!("{} callbacks are due again.", text::number(n)),
            Self::Nothing => "Nothing to do: things have moved on meanwhile.".into(),
        }
    }
}

/// What the word in a query says; none when it is not one of ours.
pub(super) fn said(code: &str) -> Option<String> {
    Notice::parse(code).map(Notice::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_said_as_it_was_meant_and_nothing_else_is() {
        for notice in [Notice::Paused, Notice::Scaled(7), Notice::Canceled(1, 20)] {
            assert_eq!(Notice::parse(&notice.code()), Some(notice));
        }
        assert_eq!(
            said("canceled.0.3").unwrap(),
            "Asked 3 items to stop: no further attempt follows."
        );
        for odd in ["", "hello", "scaled", "scaled.x", "<b>", "retried.1"] {
            assert_eq!(said(odd), None, "{odd}");
        }
    }
}

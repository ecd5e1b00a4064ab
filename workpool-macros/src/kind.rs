//! The four attributes and what differs between them, as plain words for the messages and the
//! expansion. Reads no tokens and judges nothing.

/// Which attribute is being expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Action,
    Mutation,
    Query,
    OnComplete,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Action, Self::Mutation, Self::Query, Self::OnComplete];

    /// The attribute as the user writes it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Action => "#[action]",
            Self::Mutation => "#[mutation]",
            Self::Query => "#[query]",
            Self::OnComplete => "#[on_complete]",
        }
    }

    /// What a message calls the function, with its article.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Action => "an action",
            Self::Mutation => "a mutation",
            Self::Query => "a query",
            Self::OnComplete => "an `on_complete` handler",
        }
    }

    /// The variant of `FunctionKind` and of `Handler`.
    pub(crate) fn variant(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Mutation => "Mutation",
            Self::Query => "Query",
            Self::OnComplete => "OnComplete",
        }
    }

    /// The name of the context type.
    pub(crate) fn context_name(self) -> &'static str {
        match self {
            Self::Action => "ActionCtx",
            Self::Mutation | Self::OnComplete => "MutationCtx",
            Self::Query => "QueryCtx",
        }
    }

    /// The type of the context parameter as the user writes it.
    pub(crate) fn context_type(self) -> &'static str {
        match self {
            Self::Action => "&ActionCtx",
            Self::Mutation | Self::OnComplete => "&mut MutationCtx<'_>",
            Self::Query => "&mut QueryCtx<'_>",
        }
    }

    /// Whether the context is lent mutably: what runs in a transaction has a connection to itself.
    pub(crate) fn context_is_mutable(self) -> bool {
        self != Self::Action
    }

    /// The options that the attribute takes.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Action => &["pool", "name", "retry", "timeout", "status_ttl", "redact"],
            Self::Mutation => &["pool", "name", "timeout", "status_ttl", "redact", "grouped"],
            Self::Query => &["pool", "name", "timeout", "status_ttl", "redact"],
            Self::OnComplete => &["context", "name", "redact", "grouped"],
        }
    }

    /// Why the attribute takes no such option, for the options that make sense elsewhere.
    pub(crate) fn refusal(self, option: &str) -> Option<&'static str> {
        match (self, option) {
            (Self::Mutation | Self::Query, "retry") => Some(
                "its body runs in a database transaction, which is run again by itself on \
                 serialization failures and lost connections, and an error ends the work; remove \
                 `retry`, or use `#[action]` if you want retries",
            ),
            (Self::OnComplete, "retry") => Some(
                "it is always retried with backoff, and parked in the end if it keeps failing; \
                 remove `retry`",
            ),
            (Self::OnComplete, "pool") => Some(
                "it runs outside the pools, under a limit of its own; write `pool` on the function \
                 whose work it completes",
            ),
            (Self::Action | Self::Query, "grouped") => Some(
                "it commits nothing that could be committed together with others; remove `grouped`",
            ),
            (Self::OnComplete, "timeout" | "status_ttl") => {
                Some("write it on the function whose work it completes")
            }
            (Self::Action | Self::Mutation | Self::Query, "context") => Some(
                "the context belongs to the completion; write `context` on the `#[on_complete]` \
                 handler",
            ),
            _ => None,
        }
    }
}

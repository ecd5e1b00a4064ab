//! The attribute: its options, read and checked one by one. Does not look at the function, so that
//! faults of both are found in one build.

use std::time::Duration;

use proc_macro2::{Delimiter, Group, TokenStream};
use syn::{LitBool, LitStr, Type};

use crate::diagnostics::Faults;
use crate::kind::Kind;
use crate::options::{self, Owner, Value, WrittenOption};
use crate::redact::Redact;
use crate::value::{self, PoolValue};

/// The options that are given and sound; `None` stands for absent and for faulty alike.
#[derive(Debug, Default)]
pub(crate) struct Attribute {
    pub(crate) pool: Option<PoolValue>,
    pub(crate) name: Option<LitStr>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) status_ttl: Option<Duration>,
    pub(crate) redact: Option<Redact>,
    pub(crate) grouped: Option<bool>,
    pub(crate) context: ContextOption,
}

/// The `context` option. Its absence has a meaning of its own, which a faulty one must not get.
#[derive(Debug, Default)]
#[allow(clippy::large_enum_variant, reason = "an expansion holds one of it")]
pub(crate) enum ContextOption {
    /// The context of the completion is `()`.
    #[default]
    Absent,
    Faulty,
    Given(Type),
}

/// The `retry` option. That it is absent, and thus left to the pool, is a fourth answer.
#[derive(Debug)]
pub(crate) enum Retry {
    /// `retry = false`
    Off,
    /// `retry` or `retry = true`: by the policy of the pool.
    On,
    /// `retry(…)`
    Policy(Policy),
}

/// The parts of `retry(…)`; what is absent is the default of `workpool`.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    pub(crate) max_attempts: Option<u32>,
    pub(crate) initial_backoff: Option<Duration>,
    pub(crate) base: Option<f64>,
    pub(crate) max_backoff: Option<Duration>,
}

impl Attribute {
    /// Reads what stands in the parentheses of the attribute.
    pub(crate) fn parse(kind: Kind, tokens: TokenStream, faults: &mut Faults) -> Self {
        let mut attribute = Self::default();
        for option in options::read(Owner::Attribute(kind), tokens, faults) {
            match option.key.to_string().as_str() {
                "pool" => attribute.pool = value::pool(&option, faults),
                "name" => attribute.name = value::name(&option, faults),
                "retry" => attribute.retry = Retry::parse(&option, faults),
                "timeout" => attribute.timeout = value::timeout(&option, faults),
                "status_ttl" => attribute.status_ttl = value::status_ttl(&option, faults),
                "redact" => attribute.redact = Redact::parse(&option, faults),
                "grouped" => attribute.grouped = value::switch(&option, faults),
                "context" => {
                    attribute.context = value::context(&option, faults)
                        .map_or(ContextOption::Faulty, ContextOption::Given);
                }
                other => unreachable!("`{other}` is listed by `Kind::options` and not read"),
            }
        }
        attribute
    }
}

impl Retry {
    fn parse(option: &WrittenOption, faults: &mut Faults) -> Option<Self> {
        let switch = || value::parse(option).map(|switch: LitBool| switch.value);
        match &option.value {
            Value::Absent => Some(Self::On),
            Value::Listed(group) if group.delimiter() == Delimiter::Parenthesis => {
                Policy::parse(group, faults).map(Self::Policy)
            }
            _ => match switch() {
                Some(true) => Some(Self::On),
                Some(false) => Some(Self::Off),
                None => {
                    let message = "`retry` takes no such value: write `retry`, `retry = false` or \
                                   `retry(max_attempts = 3)`";
                    faults.at(option.place(), message);
                    None
                }
            },
        }
    }
}

impl Policy {
    fn parse(group: &Group, faults: &mut Faults) -> Option<Self> {
        if group.stream().is_empty() {
            faults.at(group, "`retry()` sets nothing: write `retry` for the policy of the pool");
            return None;
        }
        let mut policy = Self::default();
        let mut initial_place = None;
        for option in options::read(Owner::Retry, group.stream(), faults) {
            match option.key.to_string().as_str() {
                "max_attempts" => policy.max_attempts = value::attempts(&option, faults),
                "initial_backoff" => {
                    policy.initial_backoff = value::duration(&option, "\"1s\"", faults);
                    initial_place = Some(option.place());
                }
                "base" => policy.base = value::base(&option, faults),
                "max_backoff" => policy.max_backoff = value::duration(&option, "\"1h\"", faults),
                other => unreachable!("`{other}` is listed by `Owner::keys` and not read"),
            }
        }
        if let (Some(initial), Some(max)) = (policy.initial_backoff, policy.max_backoff)
            && initial > max
        {
            let message = "`initial_backoff` is longer than `max_backoff`, which would cap it at \
                           once: lower the one or raise the other";
            faults.at(initial_place, message);
        }
        Some(policy)
    }
}

//! Which arguments, results and contexts are shown: those of functions that this program knows and
//! that do not declare otherwise. What an unknown function declares, nobody here can tell.

use std::collections::HashMap;

use crate::function::FunctionSpec;
use crate::registry::Entry;

/// What is shown of the arguments of which function.
#[derive(Debug)]
pub(super) struct Redaction {
    known: HashMap<&'static str, &'static FunctionSpec>,
    show_unknown: bool,
}

/// A JSON text as it may be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// In lines, some values perhaps replaced.
    Text(String),
    /// Why not.
    Hidden(&'static str),
}

impl Redaction {
    pub(super) fn new(show_unknown: bool) -> Self {
        let entries = inventory::iter::<Entry>.into_iter();
        let known = entries.map(|entry| (entry.spec.name, entry.spec)).collect();
        Self { known, show_unknown }
    }

    /// What may be shown of the arguments, the result or the context of this function.
    pub(super) fn show(&self, function: &str, json: &str) -> Shown {
        if !self.show_unknown && !self.known.contains_key(function) {
            return Shown::Hidden("hidden: this program does not know the function");
        }
        Shown::Text(pretty(json))
    }
}

/// Stored text in lines. What is no JSON stays as it is.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let lines = value.and_then(|value| serde_json::to_string_pretty(&value));
    lines.unwrap_or_else(|_| json.to_owned())
}

//! Which arguments, results and contexts are shown: those of functions that this program knows, as
//! far as they do not declare otherwise. What an unknown function declares, nobody here can tell.

use std::collections::HashMap;

use serde_json::Value;

use crate::function::{FunctionSpec, Redact};
use crate::registry::Entry;

/// What is shown of what belongs to which function.
#[derive(Debug)]
pub(super) struct Redaction {
    known: HashMap<&'static str, &'static FunctionSpec>,
    show_unknown: bool,
}

/// What a stored text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What paths lead into: the arguments of a function, or the context of a callback.
    Given,
    Result,
}

/// A JSON text as it may be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// In lines, some values perhaps replaced.
    Text(String),
    /// Why not.
    Hidden(&'static str),
}

const UNKNOWN: &str = "hidden: this program does not know the function";
const REDACTED: &str = "redacted, as the function declares";
/// What stands for a value that is not shown.
const MARK: &str = "redacted";

impl Redaction {
    pub(super) fn new(show_unknown: bool) -> Self {
        let entries = inventory::iter::<Entry>.into_iter();
        let known = entries.map(|entry| (entry.spec.name, entry.spec)).collect();
        Self { known, show_unknown }
    }

    /// What may be shown of this text of this function.
    pub(super) fn show(&self, function: &str, part: Part, json: &str) -> Shown {
        match (self.known.get(function).map(|spec| spec.redact), part) {
            (None, _) if !self.show_unknown => Shown::Hidden(UNKNOWN),
            (Some(Redact::All), _) => Shown::Hidden(REDACTED),
            (Some(Redact::Paths(paths)), Part::Given) => without(json, paths),
            _ => Shown::Text(pretty(json)),
        }
    }
}

/// Stored text in lines. What is no JSON stays as it is.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<Value>(json);
    let lines = value.and_then(|value| serde_json::to_string_pretty(&value));
    lines.unwrap_or_else(|_| json.to_owned())
}

/// The same without what these paths lead to. What has no fields to tell apart is hidden as a whole.
fn without(json: &str, paths: &[&str]) -> Shown {
    let Ok(mut value) = serde_json::from_str::<Value>(json) else { return Shown::Hidden(REDACTED) };
    if !(value.is_object() || value.is_array()) {
        return Shown::Hidden(REDACTED);
    }
    for path in paths {
        hide(&mut value, &path.split('.').collect::<Vec<_>>());
    }
    serde_json::to_string_pretty(&value).map_or(Shown::Hidden(REDACTED), Shown::Text)
}

fn hide(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(values), path) if !path.is_empty() => {
            for value in values {
                hide(value, path);
            }
        }
        (Value::Object(fields), [name, rest @ ..]) => {
            if let Some(value) = fields.get_mut(*name) {
                hide(value, rest);
            }
        }
        // The path ends here, or something that has no fields is in its place.
        (value, _) => *value = MARK.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str, paths: &[&str]) -> String {
        match without(json, paths) {
            Shown::Text(text) => text.split_whitespace().collect(),
            Shown::Hidden(why) => why.to_owned(),
        }
    }

    #[test]
    fn what_a_path_leads_to_is_replaced_wherever_it_is() {
        assert_eq!(shown(r#"{"a":1,"b":2}"#, &["b"]), r#"{"a":1,"b":"redacted"}"#);
        assert_eq!(shown(r#"{"c":{"n":[1,2]}}"#, &["c.n"]), r#"{"c":{"n":"redacted"}}"#);
        let list = r#"{"c":[{"m":1,"n":2},{"n":3}]}"#;
        assert_eq!(shown(list, &["c.n"]), r#"{"c":[{"m":1,"n":"redacted"},{"n":"redacted"}]}"#);
        assert_eq!(shown(r#"[{"p":1}]"#, &["p"]), r#"[{"p":"redacted"}]"#);
        assert_eq!(shown(r#"{"a":1}"#, &["missing.n"]), r#"{"a":1}"#);
    }

    #[test]
    fn in_doubt_more_is_hidden() {
        assert_eq!(shown(r#"{"card":"4111"}"#, &["card.number"]), r#"{"card":"redacted"}"#);
        assert_eq!(shown(r#"{"card":null}"#, &["card.number"]), r#"{"card":"redacted"}"#);
        assert_eq!(shown(r#"["secret"]"#, &["p"]), r#"["redacted"]"#);
        assert_eq!(shown("\"secret\"", &["p"]), REDACTED);
        assert_eq!(shown("no json", &["p"]), REDACTED);
    }
}

//! The grammar that all option lists share: `key`, `key = value` and `key(…)` between commas.
//! Keeps each known option once, and reports the unknown, the repeated and the misplaced ones. What
//! a value means is decided by its reader.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;

use crate::diagnostics::{Faults, list, nearest};
use crate::kind::Kind;

/// One option as written.
#[derive(Debug)]
pub(crate) struct WrittenOption {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What follows the key.
#[derive(Debug)]
pub(crate) enum Value {
    /// `key`
    Absent,
    /// `key = value`
    Assigned(TokenStream),
    /// `key(…)`
    Listed(Group),
}

/// Who takes the options: an attribute, or `retry(…)` inside of one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    Attribute(Kind),
    Retry,
}

impl Owner {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Attribute(kind) => kind.options(),
            Self::Retry => &["max_attempts", "initial_backoff", "base", "max_backoff"],
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Attribute(kind) => kind.attribute(),
            Self::Retry => "retry(…)",
        }
    }

    /// What to say about a key that is not one of ours.
    fn unknown(self, key: &str) -> String {
        if let Self::Attribute(kind) = self
            && let Some(reason) = kind.refusal(key)
        {
            return format!("{} takes no `{key}`: {reason}", kind.noun());
        }
        let takes = format!("`{}` takes {}", self.label(), list(self.keys()));
        match nearest(key, self.keys()) {
            Some(meant) => format!("unknown option `{key}`: did you mean `{meant}`? ({takes})"),
            None => format!("unknown option `{key}`: {takes}"),
        }
    }
}

/// Reads the list, and returns each option that `owner` takes, once.
pub(crate) fn read(owner: Owner, tokens: TokenStream, faults: &mut Faults) -> Vec<WrittenOption> {
    let mut accepted: Vec<WrittenOption> = Vec::new();
    for part in split_at_commas(tokens) {
        let Some(option) = single(part, faults) else { continue };
        let key = option.key.to_string();
        if !owner.keys().contains(&key.as_str()) {
            faults.at(&option.key, owner.unknown(&key));
        } else if let Some(first) = accepted.iter().find(|first| first.key == option.key) {
            faults.at(&option.key, repeated(first, &option));
        } else {
            accepted.push(option);
        }
    }
    accepted
}

fn repeated(first: &WrittenOption, second: &WrittenOption) -> String {
    let key = &first.key;
    if first.value.same_as(&second.value) {
        format!("`{key}` is given twice: keep one")
    } else {
        format!("`{key}` contradicts the `{key}` before it: keep one")
    }
}

impl Value {
    fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Assigned(a), Self::Assigned(b)) => a.to_string() == b.to_string(),
            (Self::Listed(a), Self::Listed(b)) => a.to_string() == b.to_string(),
            _ => false,
        }
    }
}

/// Splits at the commas that are not inside the `<…>` of a type.
fn split_at_commas(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    let (mut depth, mut after_dash) = (0_usize, false);
    for token in tokens {
        let sign = if let TokenTree::Punct(punct) = &token { Some(punct.as_char()) } else { None };
        match sign {
            Some(',') if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            Some('<') => depth += 1,
            // The `>` of `->` closes nothing.
            Some('>') if !after_dash => depth = depth.saturating_sub(1),
            _ => {}
        }
        after_dash = sign == Some('-');
        parts.last_mut().expect("there is always a part being filled").push(token);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn single(part: Vec<TokenTree>, faults: &mut Faults) -> Option<WrittenOption> {
    let mut tokens = part.into_iter();
    let first = tokens.next()?;
    let TokenTree::Ident(key) = first else {
        faults.at(&first, not_an_option(&first));
        return None;
    };
    let value = match tokens.next() {
        None => Value::Absent,
        Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => {
            let value: TokenStream = tokens.by_ref().collect();
            if value.is_empty() {
                faults.at(&key, format!("`{key} =` lacks its value: write `{key} = …`"));
                return None;
            }
            Value::Assigned(value)
        }
        Some(TokenTree::Group(group)) => Value::Listed(group),
        Some(other) => {
            faults.at(other, format!("expected `=` after `{key}`: write `{key} = …`"));
            return None;
        }
    };
    if let Some(extra) = tokens.next() {
        faults.at(extra, format!("expected `,` after `{key}`"));
        return None;
    }
    Some(WrittenOption { key, value })
}

fn not_an_option(token: &TokenTree) -> String {
    match token {
        TokenTree::Literal(literal) => {
            format!("an option has a name: write `pool = {}`", literal.to_token_stream())
        }
        _ => "expected the name of an option, such as `name = \"…\"`".to_owned(),
    }
}

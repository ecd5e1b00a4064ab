//! Readers for the values of options: text, names, durations, numbers, types. Each reports a value
//! of the wrong kind and one out of range at the value, or at the key when there is none.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parse;
use syn::{ExprPath, Lit, LitBool, LitStr, Type};

use crate::diagnostics::Faults;
use crate::options::{Value, WrittenOption};

/// The longest name of a pool, in bytes, as in `workpool`.
const POOL_NAME_LIMIT: usize = 200;

/// A pool: by its name, or by the path of a `Pool` constant.
#[derive(Clone, Debug)]
pub(crate) enum PoolValue {
    Named(LitStr),
    Declared(ExprPath),
}

pub(crate) fn pool(option: &WrittenOption, faults: &mut Faults) -> Option<PoolValue> {
    let example = "\"email\"";
    if let Some(path) = parse(option) {
        return Some(PoolValue::Declared(path));
    }
    let Some(name) = parse::<LitStr>(option) else {
        return wrong_kind(option, "a string or the path of a `Pool` constant", example, faults);
    };
    let length = name.value().len();
    if length > POOL_NAME_LIMIT {
        let message = format!(
            "the name of a pool has at most {POOL_NAME_LIMIT} bytes, and this one has {length}"
        );
        faults.at(name, message);
        return None;
    }
    storable(option, name, example, faults).map(PoolValue::Named)
}

pub(crate) fn name(option: &WrittenOption, faults: &mut Faults) -> Option<LitStr> {
    let example = "\"emails/welcome\"";
    match parse(option) {
        Some(name) => storable(option, name, example, faults),
        None => wrong_kind(option, "a string", example, faults),
    }
}

/// Refuses what the database cannot hold as a name.
fn storable(
    option: &WrittenOption,
    text: LitStr,
    example: &str,
    faults: &mut Faults,
) -> Option<LitStr> {
    let (key, value) = (&option.key, text.value());
    if value.is_empty() {
        faults.at(text, format!("`{key}` is empty: write `{key} = {example}`"));
    } else if value.contains('\0') {
        faults.at(text, format!("`{key}` contains a NUL, which the database cannot store"));
    } else {
        return Some(text);
    }
    None
}

pub(crate) fn duration(
    option: &WrittenOption,
    example: &str,
    faults: &mut Faults,
) -> Option<Duration> {
    let key = &option.key;
    match parse(option) {
        Some(Lit::Str(text)) => match humantime::parse_duration(&text.value()) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let value = text.value();
                faults.at(
                    text,
                    format!("`{value}` is no duration ({error}): write `{key} = {example}`"),
                );
                None
            }
        },
        Some(Lit::Int(number)) => {
            let seconds = format!("\"{}s\"", number.base10_digits());
            wrong_kind(option, "a duration with its unit", &seconds, faults)
        }
        _ => wrong_kind(option, "a duration", example, faults),
    }
}

pub(crate) fn timeout(option: &WrittenOption, faults: &mut Faults) -> Option<Duration> {
    let timeout = duration(option, "\"30s\"", faults)?;
    if timeout.is_zero() {
        let message = "a timeout of zero ends every attempt before it starts: write \
                       `timeout = \"30s\"`, or leave `timeout` out";
        faults.at(option.place(), message);
        return None;
    }
    Some(timeout)
}

/// How long status and result are kept; `"forever"` is the longest duration there is.
pub(crate) fn status_ttl(option: &WrittenOption, faults: &mut Faults) -> Option<Duration> {
    if parse(option).is_some_and(|text: LitStr| text.value() == "forever") {
        return Some(Duration::MAX);
    }
    duration(option, "\"1d\"` or `status_ttl = \"forever\"", faults)
}

pub(crate) fn attempts(option: &WrittenOption, faults: &mut Faults) -> Option<u32> {
    let Some(Lit::Int(number)) = parse(option) else {
        return wrong_kind(option, "a whole number", "3", faults);
    };
    match number.base10_parse::<i32>().ok().and_then(|count| u32::try_from(count).ok()) {
        None | Some(0) => {
            let message = format!(
                "`max_attempts` counts the first attempt too: write a number from 1 to {}",
                i32::MAX
            );
            faults.at(number, message);
            None
        }
        count => count,
    }
}

pub(crate) fn base(option: &WrittenOption, faults: &mut Faults) -> Option<f64> {
    let digits = match parse(option) {
        Some(Lit::Float(number)) => number.base10_digits().to_owned(),
        Some(Lit::Int(number)) => number.base10_digits().to_owned(),
        _ => return wrong_kind(option, "a number", "2.0", faults),
    };
    let base = digits.parse().ok().filter(|base: &f64| base.is_finite() && *base >= 1.0);
    if base.is_none() {
        let message = "`base` multiplies the backoff after each attempt: write a finite number of \
                       at least 1, such as `base = 2.0`";
        faults.at(option.place(), message);
    }
    base
}

pub(crate) fn context(option: &WrittenOption, faults: &mut Faults) -> Option<Type> {
    let context = parse(option);
    context.or_else(|| wrong_kind(option, "a type", "EmailLog", faults))
}

/// `key`, `key = true` or `key = false`.
pub(crate) fn switch(option: &WrittenOption, faults: &mut Faults) -> Option<bool> {
    if matches!(option.value, Value::Absent) {
        return Some(true);
    }
    let value = parse(option).map(|switch: LitBool| switch.value);
    if value.is_none() {
        let key = &option.key;
        faults.at(option.place(), format!("`{key}` takes no value: write `{key}`"));
    }
    value
}

/// The value of an option as a `T`, if that is what it is.
pub(crate) fn parse<T: Parse>(option: &WrittenOption) -> Option<T> {
    match &option.value {
        Value::Assigned(value) => syn::parse2(value.clone()).ok(),
        Value::Absent | Value::Listed(_) => None,
    }
}

/// Says what the option takes and shows an example, which may itself hold alternatives.
fn wrong_kind<T>(
    option: &WrittenOption,
    takes: &str,
    example: &str,
    faults: &mut Faults,
) -> Option<T> {
    let key = &option.key;
    faults.at(option.place(), format!("`{key}` takes {takes}: write `{key} = {example}`"));
    None
}

impl WrittenOption {
    /// Where a fault in the value is shown.
    pub(crate) fn place(&self) -> TokenStream {
        match &self.value {
            Value::Assigned(value) => value.clone(),
            Value::Listed(group) => group.to_token_stream(),
            Value::Absent => self.key.to_token_stream(),
        }
    }
}

//! The `redact` option: what is not shown to people. Where the paths lead is not looked at: the
//! types of the arguments are not known here.

use proc_macro2::Delimiter;
use syn::LitStr;
use syn::parse::Parser;
use syn::punctuated::Punctuated;

use crate::diagnostics::Faults;
use crate::options::{Value, WrittenOption};

/// What is not shown.
#[derive(Debug)]
pub(crate) enum Redact {
    /// `redact`
    All,
    /// `redact("password", "card.number")`
    Paths(Vec<LitStr>),
}

impl Redact {
    pub(crate) fn parse(option: &WrittenOption, faults: &mut Faults) -> Option<Self> {
        let group = match &option.value {
            Value::Absent => return Some(Self::All),
            Value::Listed(group) if group.delimiter() == Delimiter::Parenthesis => group,
            _ => return Self::refuse(option, faults),
        };
        let paths = Punctuated::<LitStr, syn::Token![,]>::parse_terminated;
        let Ok(paths) = paths.parse2(group.stream()) else { return Self::refuse(option, faults) };
        if paths.is_empty() {
            faults.at(group, "`redact()` hides nothing: write `redact` to hide all of it");
            return None;
        }
        let count = paths.len();
        let sound = |path: &LitStr| {
            let is_sound = path.value().split('.').all(|name| !name.is_empty());
            if !is_sound {
                let message = "a path is names with dots between them, such as `card.number`";
                faults.at(path, message);
            }
            is_sound
        };
        let paths: Vec<_> = paths.into_iter().filter(sound).collect();
        (paths.len() == count).then_some(Self::Paths(paths))
    }

    fn refuse(option: &WrittenOption, faults: &mut Faults) -> Option<Self> {
        let message = "`redact` takes no such value: write `redact`, or name what is hidden: \
                       `redact(\"password\", \"card.number\")`";
        faults.at(option.place(), message);
        None
    }
}

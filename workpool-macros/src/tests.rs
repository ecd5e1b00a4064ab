//! What the attributes make of sources: expansions as they would be written by hand, and faults
//! with the token that each is shown at. That the compiler accepts an expansion is shown elsewhere,
//! by everything that uses the attributes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod attribute_faults;
mod expansions;
mod fallbacks;
mod signature_faults;

use proc_macro2::{TokenStream, TokenTree};

use crate::diagnostics::Faults;
use crate::kind::Kind;
use crate::model::Model;

/// A source taken apart as the compiler does: `#[action(…)]` and the function under it.
struct Use {
    kind: Kind,
    attribute: TokenStream,
    item: TokenStream,
}

impl Use {
    fn of(source: &str) -> Self {
        let mut tokens = source.parse::<TokenStream>().unwrap().into_iter();
        let (Some(TokenTree::Punct(_)), Some(TokenTree::Group(brackets))) =
            (tokens.next(), tokens.next())
        else {
            panic!("`{source}` does not start with an attribute");
        };
        let mut inner = brackets.stream().into_iter();
        let name = inner.next().unwrap().to_string();
        let kind = Kind::ALL.into_iter().find(|kind| kind.attribute() == format!("#[{name}]"));
        let attribute = match inner.next() {
            Some(TokenTree::Group(options)) => options.stream(),
            _ => TokenStream::new(),
        };
        Self { kind: kind.unwrap(), attribute, item: tokens.collect() }
    }

    fn expand(&self) -> TokenStream {
        crate::expand(self.kind, self.attribute.clone(), &self.item)
    }

    fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if let Some(parts) =
            crate::parse(self.kind, self.attribute.clone(), &self.item, &mut faults)
        {
            let _ = Model::build(parts, &mut faults);
        }
        faults
    }
}

/// Checks that the source has exactly these faults, each as (token, message), and that they are all
/// reported beside the function as it was.
#[track_caller]
fn assert_faults(source: &str, expected: &[(&str, &str)]) {
    let written = Use::of(source);
    let found: Vec<(String, String)> = written
        .faults()
        .iter()
        .map(|fault| (fault.span().source_text().unwrap_or_default(), fault.to_string()))
        .collect();
    let found: Vec<(&str, &str)> =
        found.iter().map(|(token, message)| (token.as_str(), message.as_str())).collect();
    assert_eq!(found, expected, "in `{source}`");

    let expansion = written.expand().to_string();
    assert!(expansion.starts_with(&written.item.to_string()), "`{source}` is not re-emitted");
    let errors = expansion.matches("compile_error").count();
    assert_eq!(errors, expected.len(), "in the expansion of `{source}`");
}

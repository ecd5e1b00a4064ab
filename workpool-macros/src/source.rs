//! The function as the user wrote it. Its body stays a single token, so that it is re-emitted as it
//! is and even a body that is still being typed does not keep the rest from being understood.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Signature, Visibility};

#[derive(Debug)]
pub(crate) struct Source {
    /// All of it, for the re-emission.
    pub(crate) tokens: TokenStream,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Source {
    pub(crate) fn name(&self) -> &Ident {
        &self.sig.ident
    }

    /// `send_email` has its arguments in `SendEmailArgs`, when there are several.
    pub(crate) fn arguments_name(&self) -> Ident {
        let name = self.name().unraw().to_string();
        let pascal: String = name.split('_').map(capitalized).collect();
        format_ident!("{pascal}Args", span = self.name().span())
    }

    /// The attributes of this name, such as every `#[cfg(…)]`.
    pub(crate) fn attributes(&self, name: &str) -> impl Iterator<Item = &Attribute> {
        self.attrs.iter().filter(move |attribute| attribute.path().is_ident(name))
    }
}

impl Parse for Source {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let tokens = input.fork().parse()?;
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = input.step(|cursor| match cursor.token_tree() {
            Some((TokenTree::Group(body), rest)) if body.delimiter() == Delimiter::Brace => {
                Ok((body, rest))
            }
            _ => Err(cursor.error("the function has no body: write it in `{ … }`")),
        })?;
        Ok(Self { tokens, attrs, vis, sig, body })
    }
}

impl ToTokens for Source {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

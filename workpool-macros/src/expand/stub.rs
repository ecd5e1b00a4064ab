//! The stub: a braced struct with the name of the function. It lives in the namespace of types and
//! the function in that of values, so one `use` imports both.
//!
//! The lints that are allowed here judge names, visibility and use of what the user did write: the
//! function, which they judge already.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::at;
use crate::arguments::{Argument, Input};
use crate::kind::Kind;
use crate::source::Source;

/// `struct send_email {}`, with the docs of the function.
pub(crate) fn declaration(kind: Kind, source: &Source) -> TokenStream {
    let (vis, name) = (&source.vis, source.name());
    let mut docs: TokenStream = source.attributes("doc").map(ToTokens::to_token_stream).collect();
    if docs.is_empty() {
        let use_of_it = match kind {
            Kind::OnComplete => "names it to `on_complete`",
            Kind::Action | Kind::Mutation | Kind::Query => "enqueues it",
        };
        let doc = format!(" Stub of [`fn@{}`]: {use_of_it}.", name.unraw());
        docs = quote!(#[doc = #doc]);
    }
    quote! {
        #docs
        #[allow(
            missing_copy_implementations,
            missing_debug_implementations,
            non_camel_case_types,
            unreachable_pub
        )]
        #vis struct #name {}
    }
}

/// The struct that stores several arguments.
pub(crate) fn arguments(source: &Source, input: &Input) -> Option<TokenStream> {
    let Input::Several(arguments) = input else { return None };
    let (vis, name, function) = (&source.vis, source.arguments_name(), source.name().unraw());
    let doc = format!(" The arguments of [`fn@{function}`].");
    let fields = arguments.iter().map(|Argument { name, ty }| {
        let doc = format!(" The argument `{}` of [`fn@{function}`].", name.unraw());
        quote_spanned!(at(ty.span())=> #[doc = #doc] #vis #name: #ty)
    });
    // Where an error of the derives is shown, if it is not at the type of a field.
    let derives = quote_spanned! {at(source.name().span())=>
        #[derive(
            ::workpool::__private::serde::Serialize,
            ::workpool::__private::serde::Deserialize
        )]
    };
    Some(quote! {
        #[doc = #doc]
        #[allow(clippy::pedantic, dead_code, missing_debug_implementations, unreachable_pub)]
        #derives
        #[serde(crate = "::workpool::__private::serde")]
        #vis struct #name {
            #(#fields,)*
        }
    })
}

/// The functions that enqueue, for arguments of the type `args`.
pub(crate) fn enqueue(source: &Source, args: &TokenStream) -> TokenStream {
    methods(
        source,
        args,
        &quote!(<::workpool::Enqueue<'c, Self>>::new(ctx, args)),
        &quote!(<::workpool::EnqueueBatch<'c, Self>>::new(ctx, args)),
    )
}

/// The same for a function with a fault in its arguments: whatever is passed will do.
pub(crate) fn enqueue_anything(source: &Source) -> TokenStream {
    let body = quote! {{
        let _ = (ctx, args);
        ::core::unimplemented!()
    }};
    methods(source, &quote!(impl ::core::marker::Sized), &body, &body)
}

fn methods(
    source: &Source,
    args: &TokenStream,
    enqueue_body: &TokenStream,
    batch_body: &TokenStream,
) -> TokenStream {
    let (vis, name) = (&source.vis, source.name());
    // What the user calls leads to what the user wrote.
    let enqueue = format_ident!("enqueue", span = name.span());
    let enqueue_batch = format_ident!("enqueue_batch", span = name.span());
    let deprecated: Vec<_> = source.attributes("deprecated").collect();
    let enqueue_doc = format!(
        " Enqueues [`fn@{}`] through `ctx`, and thus in its transaction if it has one.",
        name.unraw()
    );
    let batch_doc = format!(
        " Enqueues [`fn@{}`] once for each of `args`, all in one transaction.",
        name.unraw()
    );
    let lazy = " The builder that it returns does nothing until it is awaited.";
    quote! {
        #[allow(dead_code, deprecated, unreachable_pub)]
        impl #name {
            #[doc = #enqueue_doc]
            #[doc = ""]
            #[doc = #lazy]
            #(#deprecated)*
            #vis fn #enqueue<'c, C>(ctx: &'c C, args: #args) -> ::workpool::Enqueue<'c, Self>
            where
                C: ::workpool::EnqueueContext,
            {
                #enqueue_body
            }

            #[doc = #batch_doc]
            #[doc = ""]
            #[doc = #lazy]
            #(#deprecated)*
            #vis fn #enqueue_batch<'c, C>(
                ctx: &'c C,
                args: impl ::core::iter::IntoIterator<Item = #args>,
            ) -> ::workpool::EnqueueBatch<'c, Self>
            where
                C: ::workpool::EnqueueContext,
            {
                #batch_body
            }
        }
    }
}

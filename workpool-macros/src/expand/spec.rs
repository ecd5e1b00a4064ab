//! What the registry knows of a function: the traits of the stub and the constant in them.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{ExprPath, Type};

use super::at;
use crate::arguments::Completion;
use crate::attr::{Attribute, Policy, Retry};
use crate::kind::Kind;
use crate::redact::Redact;
use crate::source::Source;
use crate::value::PoolValue;

/// `impl Function`, with the constant that [`spec`] made.
pub(crate) fn function(
    source: &Source,
    args: &TokenStream,
    output: &TokenStream,
    spec: &TokenStream,
) -> TokenStream {
    let name = source.name();
    // Where a type is shown that is less visible than the function.
    let args = quote_spanned!(at(args.span())=> type Args = #args;);
    let output = quote_spanned!(at(output.span())=> type Output = #output;);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::workpool::__private::Function for #name {
            #args
            #output
            #spec
        }
    }
}

/// `impl Retryable` for an action: what runs in a transaction takes no retry policy, also not from
/// the one who enqueues it.
pub(crate) fn retryable(kind: Kind, source: &Source) -> Option<TokenStream> {
    let name = source.name();
    (kind == Kind::Action).then(|| {
        quote! {
            #[automatically_derived]
            #[allow(deprecated)]
            impl ::workpool::__private::Retryable for #name {}
        }
    })
}

/// `impl OnComplete`, with the constant that [`spec`] made.
pub(crate) fn on_complete(
    source: &Source,
    context: &TokenStream,
    output: &TokenStream,
    spec: &TokenStream,
) -> TokenStream {
    let name = source.name();
    let context = quote_spanned!(at(context.span())=> type Context = #context;);
    let output = quote_spanned!(at(output.span())=> type Output = #output;);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::workpool::__private::OnComplete for #name {
            #context
            #output
            #spec
        }
    }
}

/// Which results the handler can be told of.
pub(crate) fn completes(source: &Source, completion: &Completion) -> Vec<TokenStream> {
    if completion.takes_any_output() {
        return vec![completes_all(source), check_any_output(&completion.output)];
    }
    let (name, output) = (source.name(), completed_output(completion));
    vec![quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::workpool::__private::Completes<#output> for #name {}
    }]
}

/// The handler can be told of any result.
pub(crate) fn completes_all(source: &Source) -> TokenStream {
    let name = source.name();
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl<T> ::workpool::__private::Completes<T> for #name {}
    }
}

/// The `Value` that stands for any result must be that of `serde_json`.
fn check_any_output(output: &Type) -> TokenStream {
    quote! {
        #[allow(deprecated)]
        const _: fn() = || ::workpool::__private::assert_any_output::<#output>();
    }
}

/// The `T` of the `Result<T, E>` that a function returns, whatever the alias it is written with.
pub(crate) fn output(returns: &Type) -> TokenStream {
    quote_spanned!(at(returns.span())=> <#returns as ::workpool::__private::Returns>::Output)
}

/// The `T` of a `Completion<C, T>`.
pub(crate) fn completed_output(completion: &Completion) -> TokenStream {
    let ty = &completion.ty;
    quote_spanned!(at(ty.span())=> <#ty as ::workpool::__private::CompletionType>::Output)
}

/// The constant `SPEC`.
pub(crate) fn spec(
    kind: Kind,
    source: &Source,
    attribute: &Attribute,
    state: &[Type],
) -> TokenStream {
    let variant = format_ident!("{}", kind.variant());
    let name = registered_name(source, attribute);
    let pool = pool(kind, attribute.pool.as_ref());
    let retry = retry(attribute.retry.as_ref());
    let timeout = option(attribute.timeout.map(duration));
    let status_ttl = option(attribute.status_ttl.map(duration));
    let redact = redact(attribute.redact.as_ref());
    let grouped = attribute.grouped.unwrap_or(false);
    // The span of the function, as it is: with the hygiene of the macro the line would be that of
    // the attribute.
    let here = source.name().span();
    let file = quote_spanned!(here=> ::core::file!());
    let line = quote_spanned!(here=> ::core::line!());
    quote! {
        const SPEC: &'static ::workpool::__private::FunctionSpec =
            &::workpool::__private::FunctionSpec {
                name: #name,
                kind: ::workpool::__private::FunctionKind::#variant,
                pool: #pool,
                retry: #retry,
                timeout: #timeout,
                status_ttl: #status_ttl,
                redact: #redact,
                grouped: #grouped,
                state: &[#(::workpool::__private::StateNeed::of::<#state>()),*],
                location: ::workpool::__private::Location { file: #file, line: #line },
            };
    }
}

/// The name given, or else the path of the function from its crate on.
fn registered_name(source: &Source, attribute: &Attribute) -> TokenStream {
    if let Some(name) = &attribute.name {
        return name.to_token_stream();
    }
    let suffix = format!("::{}", source.name().unraw());
    quote!(::core::concat!(::core::module_path!(), #suffix))
}

fn pool(kind: Kind, pool: Option<&PoolValue>) -> TokenStream {
    let named = |name| quote!(::workpool::__private::PoolRef::Named(#name));
    option(match pool {
        None if kind == Kind::OnComplete => None,
        None => Some(named(quote!("default"))),
        Some(PoolValue::Named(name)) => Some(named(quote!(#name))),
        Some(PoolValue::Declared(path)) => Some(declared(path)),
    })
}

/// The constant in the block states the type, so that anything but a pool is an error at the path.
fn declared(path: &ExprPath) -> TokenStream {
    quote_spanned! {at(path.span())=>
        ::workpool::__private::PoolRef::Declared({
            const __POOL: &::workpool::Pool<'static> = &#path;
            __POOL
        })
    }
}

fn retry(retry: Option<&Retry>) -> TokenStream {
    let setting = match retry {
        None => quote!(Unset),
        Some(Retry::Off) => quote!(Off),
        Some(Retry::On) => quote!(On),
        Some(Retry::Policy(Policy { max_attempts, initial_backoff, base, max_backoff })) => {
            let max_attempts = option(max_attempts.map(|count| quote!(#count)));
            let initial_backoff = option(initial_backoff.map(duration));
            let base = option(base.map(|base| quote!(#base)));
            let max_backoff = option(max_backoff.map(duration));
            quote! {
                Policy(::workpool::__private::retry_policy(
                    #max_attempts,
                    #initial_backoff,
                    #base,
                    #max_backoff,
                ))
            }
        }
    };
    quote!(::workpool::__private::RetrySetting::#setting)
}

fn redact(redact: Option<&Redact>) -> TokenStream {
    let what = match redact {
        None => quote!(Nothing),
        Some(Redact::All) => quote!(All),
        Some(Redact::Paths(paths)) => quote!(Paths(&[#(#paths),*])),
    };
    quote!(::workpool::__private::Redact::#what)
}

fn duration(duration: Duration) -> TokenStream {
    if duration == Duration::MAX {
        return quote!(::core::time::Duration::MAX);
    }
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or(
        quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

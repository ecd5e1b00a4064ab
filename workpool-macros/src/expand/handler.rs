//! The handler: what the worker calls with stored arguments, and its entry in the registry. The
//! body of the user's function is called, never copied.
//!
//! What is decoded and encoded is named through the stub, not by its type, so that a type which is
//! not fit for it is refused once, where the stub describes it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::at;
use crate::arguments::Input;
use crate::attr::ContextOption;
use crate::kind::Kind;
use crate::model::Model;
use crate::signature::type_name;

/// The handler and its entry, in a scope of their own.
pub(crate) fn handler(model: &Model) -> TokenStream {
    let name = model.source.name();
    let variant = format_ident!("{}", model.kind.variant());
    let (handler, described) = match model.kind {
        Kind::OnComplete => (completion_handler(model), quote!(OnComplete)),
        Kind::Action | Kind::Mutation | Kind::Query => (function_handler(model), quote!(Function)),
    };
    quote! {
        #[allow(deprecated)]
        const _: () = {
            #handler

            ::workpool::__private::inventory::submit! {
                ::workpool::__private::Entry {
                    spec: <#name as ::workpool::__private::#described>::SPEC,
                    handler: ::workpool::__private::Handler::#variant(__handler),
                }
            }
        };
    }
}

/// Decodes the arguments, calls the function, encodes what it returns.
fn function_handler(model: &Model) -> TokenStream {
    let name = model.source.name();
    let (context, call, failed) = (context_type(model), call(model), failed(model));
    let binding = match &model.input {
        Input::Nothing => None,
        _ => Some(quote_spanned!(at(name.span())=> let args =)),
    };
    let succeeded = quote_spanned! {at(model.returns.span())=>
        ::core::result::Result::Ok(output) => {
            ::workpool::__private::encode_output::<#name>(&output)
        }
    };
    // At the name: a future that is not `Send` is a fault of the function as a whole.
    quote_spanned! {at(name.span())=>
        fn __handler<'a>(
            ctx: #context,
            args: &'a str,
        ) -> ::workpool::__private::BoxFuture<
            'a,
            ::core::result::Result<::std::string::String, ::workpool::Failure>,
        > {
            ::std::boxed::Box::pin(async move {
                #binding ::workpool::__private::decode_args::<#name>(args)?;
                match #call.await {
                    #succeeded
                    #failed
                }
            })
        }
    }
}

/// Decodes the completion and calls the function.
fn completion_handler(model: &Model) -> TokenStream {
    let name = model.source.name();
    let (context, call, failed) = (context_type(model), call(model), failed(model));
    let succeeded = quote_spanned! {at(model.returns.span())=>
        ::core::result::Result::Ok(()) => ::core::result::Result::Ok(()),
    };
    quote_spanned! {at(name.span())=>
        fn __handler<'a>(
            ctx: #context,
            args: ::workpool::__private::RawCompletion,
        ) -> ::workpool::__private::BoxFuture<'a, ::core::result::Result<(), ::workpool::Failure>> {
            ::std::boxed::Box::pin(async move {
                let args = ::workpool::__private::decode_completion::<#name>(&args)?;
                match #call.await {
                    #succeeded
                    #failed
                }
            })
        }
    }
}

fn context_type(model: &Model) -> TokenStream {
    match model.kind {
        Kind::Action => quote!(&'a ::workpool::ActionCtx),
        Kind::Mutation | Kind::OnComplete => quote!(&'a mut ::workpool::MutationCtx<'_>),
        Kind::Query => quote!(&'a mut ::workpool::QueryCtx<'_>),
    }
}

/// The call of the user's function. A context that is another type of the same name is an error at
/// its type; a completion with another context than the attribute says, at the option.
fn call(model: &Model) -> TokenStream {
    let name = model.source.name();
    let context_span = type_name(&model.context.ty).map_or(name.span(), Ident::span);
    let args_span = match &model.attribute.context {
        ContextOption::Given(context) => context.span(),
        ContextOption::Absent | ContextOption::Faulty => name.span(),
    };
    let context = format_ident!("ctx", span = at(context_span));
    let args = format_ident!("args", span = at(args_span));
    match &model.input {
        Input::Nothing => quote!(#name(#context)),
        Input::One(_) | Input::Completion(_) => quote!(#name(#context, #args)),
        Input::Several(arguments) => {
            let fields = arguments.iter().map(|argument| &argument.name);
            quote!(#name(#context, #(#args.#fields),*))
        }
    }
}

/// Turns whatever error the user returns into a failure. Method resolution takes the first of the
/// three traits that the error allows: the one for what refers to an error, the one for errors
/// themselves, the one for what can only be displayed.
fn failed(model: &Model) -> TokenStream {
    quote_spanned! {at(model.returns.span())=>
        ::core::result::Result::Err(error) => {
            #[allow(unused_imports)]
            use ::workpool::__private::{ViaDisplay as _, ViaError as _, ViaReference as _};
            ::core::result::Result::Err((&&&::workpool::__private::Fail::new(error)).failure())
        }
    }
}

//! What is emitted when there is a fault: the function untouched, a stub of the right shape so that
//! the uses of the function stay sound, and the faults. Nothing is registered.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::arguments::Input;
use crate::attr::ContextOption;
use crate::diagnostics::Faults;
use crate::expand::{args_type, spec, stub, with_source};
use crate::kind::Kind;
use crate::model::Parts;

/// For a function of which at least the outline is known.
pub(crate) fn fallback(parts: &Parts, faults: &Faults) -> TokenStream {
    let mut items = vec![stub::declaration(parts.kind, &parts.source)];
    match parts.kind {
        Kind::OnComplete => on_complete(parts, &mut items),
        Kind::Action | Kind::Mutation | Kind::Query => function(parts, &mut items),
    }
    let mut tokens = with_source(&parts.source, &items);
    tokens.extend(faults.compile_errors());
    tokens
}

/// For what is no function at all.
pub(crate) fn verbatim(item: &TokenStream, faults: &Faults) -> TokenStream {
    let errors = faults.compile_errors();
    quote!(#item #errors)
}

fn function(parts: &Parts, items: &mut Vec<TokenStream>) {
    let Parts { kind, source, attribute, signature } = parts;
    let spec = spec::spec(*kind, source, attribute, &[]);
    let output = signature.returns.as_ref().map_or(quote!(()), spec::output);
    let args = signature.input.as_ref().map(|input| args_type(source, input));
    items.extend(signature.input.as_ref().and_then(|input| stub::arguments(source, input)));
    items.push(spec::function(source, args.as_ref().unwrap_or(&quote!(())), &output, &spec));
    items.extend(spec::retryable(*kind, source));
    items.push(match &args {
        Some(args) => stub::enqueue(source, args),
        None => stub::enqueue_anything(source),
    });
}

fn on_complete(parts: &Parts, items: &mut Vec<TokenStream>) {
    let Parts { kind, source, attribute, signature } = parts;
    let spec = spec::spec(*kind, source, attribute, &[]);
    let completion = match &signature.input {
        Some(Input::Completion(completion)) => Some(completion),
        _ => None,
    };
    let context = match (&attribute.context, completion) {
        (ContextOption::Given(context), _) => context.to_token_stream(),
        (_, Some(completion)) => completion.context.to_token_stream(),
        (_, None) => quote!(()),
    };
    let output = completion.map_or(quote!(()), spec::completed_output);
    items.push(spec::on_complete(source, &context, &output, &spec));
    items.push(spec::completes_all(source));
}

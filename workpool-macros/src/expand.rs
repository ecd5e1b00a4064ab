//! From the model to Rust: the function as written, the stub that shares its name, what the
//! registry knows of it, and the handler that the worker calls. Judges nothing: what the model
//! allows and the compiler does not is an error at the user's token, and each type is put to the
//! test only once.

mod handler;
pub(crate) mod spec;
pub(crate) mod stub;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

use crate::arguments::{Completion, Input};
use crate::attr::ContextOption;
use crate::model::Model;
use crate::source::Source;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let mut items = vec![stub::declaration(model.kind, &model.source)];
    match &model.input {
        Input::Completion(completion) => on_complete(model, completion, &mut items),
        input => function(model, input, &mut items),
    }
    items.push(handler::handler(model));
    with_source(&model.source, &items)
}

fn function(model: &Model, input: &Input, items: &mut Vec<TokenStream>) {
    let Model { source, returns, .. } = model;
    let args = args_type(source, input);
    let spec = spec::spec(model.kind, source, &model.attribute, &model.state);
    items.extend(stub::arguments(source, input));
    items.push(spec::function(source, &args, &spec::output(returns), &spec));
    items.extend(spec::retryable(model.kind, source));
    items.push(stub::enqueue(source, &args));
}

fn on_complete(model: &Model, completion: &Completion, items: &mut Vec<TokenStream>) {
    let Model { source, attribute, .. } = model;
    let spec = spec::spec(model.kind, source, attribute, &model.state);
    let output = spec::completed_output(completion);
    let context = match &attribute.context {
        ContextOption::Given(context) => context,
        ContextOption::Absent | ContextOption::Faulty => &completion.context,
    };
    items.push(spec::on_complete(source, &context.to_token_stream(), &output, &spec));
    items.extend(spec::completes(source, completion));
}

/// The function as written and the items beside it, which are there only when it is.
pub(crate) fn with_source(source: &Source, items: &[TokenStream]) -> TokenStream {
    let mut tokens = source.to_token_stream();
    for item in items {
        let conditions = source.attributes("cfg");
        tokens.extend(quote!(#(#conditions)* #item));
    }
    tokens
}

/// The type that holds the arguments.
pub(crate) fn args_type(source: &Source, input: &Input) -> TokenStream {
    match input {
        Input::Nothing => quote!(()),
        Input::One(ty) => ty.to_token_stream(),
        Input::Several(_) => source.arguments_name().to_token_stream(),
        Input::Completion(completion) => completion.ty.to_token_stream(),
    }
}

/// A place in the user's code with the hygiene of the macro: errors are shown there, local names do
/// not clash, and lints know that the user did not write this.
fn at(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
}

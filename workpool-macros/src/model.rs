//! The model: one function, wholly understood. It is built only when attribute and signature are
//! both without fault, so that the expansion has no case left to refuse.

use quote::ToTokens;
use syn::{Block, Type};

use crate::arguments::Input;
use crate::attr::{Attribute, ContextOption};
use crate::diagnostics::Faults;
use crate::kind::Kind;
use crate::signature::{Context, Signature};
use crate::source::Source;
use crate::state;

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) attribute: Attribute,
    pub(crate) context: Context,
    pub(crate) input: Input,
    pub(crate) returns: Type,
    /// The application state that the body takes.
    pub(crate) state: Vec<Type>,
}

/// What was read of a function, sound or not.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) attribute: Attribute,
    pub(crate) signature: Signature,
}

impl Model {
    /// Gives the parts back if there is a fault in them.
    pub(crate) fn build(parts: Parts, faults: &mut Faults) -> Result<Self, Box<Parts>> {
        check_context_option(&parts, faults);
        let Parts { kind, source, attribute, signature } = parts;
        match signature {
            Signature { context: Some(context), input: Some(input), returns: Some(returns) }
                if faults.is_empty() =>
            {
                let state = state_needs(&source, &context);
                Ok(Self { kind, source, attribute, context, input, returns, state })
            }
            signature => Err(Box::new(Parts { kind, source, attribute, signature })),
        }
    }
}

/// Without the option the context of a completion is `()`. That the types agree when both are
/// written is left to the compiler, which knows what their names mean.
fn check_context_option(parts: &Parts, faults: &mut Faults) {
    if let (ContextOption::Absent, Some(Input::Completion(completion))) =
        (&parts.attribute.context, &parts.signature.input)
        && !is_unit(&completion.context)
    {
        let context = completion.context.to_token_stream();
        let message = format!(
            "the attribute names no context: write `#[on_complete(context = {context})]`, or `()` \
             here"
        );
        faults.at(context, message);
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn state_needs(source: &Source, context: &Context) -> Vec<Type> {
    let body = syn::parse2::<Block>(source.body.to_token_stream());
    match (&context.name, body) {
        (Some(name), Ok(body)) => state::needs(name, &body),
        // A body that does not parse is reported by the compiler.
        _ => Vec::new(),
    }
}

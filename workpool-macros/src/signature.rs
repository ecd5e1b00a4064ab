//! The signature: that the function is one concrete `async fn`, with its context first, and returns
//! a `Result`. The arguments after the context are read by their own module. Does not look at the
//! attribute.

use proc_macro2::{Ident, Span};
use syn::{FnArg, GenericParam, Pat, PatType, ReturnType, Type};

use crate::arguments::Input;
use crate::diagnostics::Faults;
use crate::kind::Kind;
use crate::owned::{self, Role};

/// The parts that are sound; `None` stands for a faulty one.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) context: Option<Context>,
    pub(crate) input: Option<Input>,
    pub(crate) returns: Option<Type>,
}

/// The context parameter.
#[derive(Debug)]
pub(crate) struct Context {
    /// Its name, unless it is `_`.
    pub(crate) name: Option<Ident>,
    pub(crate) ty: Type,
}

impl Signature {
    pub(crate) fn parse(kind: Kind, sig: &syn::Signature, faults: &mut Faults) -> Self {
        qualifiers(kind, sig, faults);
        let concrete = generics(kind, &sig.generics, faults);
        let parameters = parameters(kind, sig, faults);
        let (context, arguments) = match parameters.split_first() {
            Some((first, others)) if is_meant_as_context(first) => {
                (Context::parse(kind, first, faults), others)
            }
            _ => {
                missing_context(kind, sig, parameters.first().copied(), faults);
                (None, parameters.as_slice())
            }
        };
        let input = Input::parse(kind, sig, arguments, faults);
        let returns = returns(kind, sig, faults);
        // A type that names a generic parameter means nothing outside of the function.
        Self { context, input: input.filter(|_| concrete), returns: returns.filter(|_| concrete) }
    }
}

fn qualifiers(kind: Kind, sig: &syn::Signature, faults: &mut Faults) {
    let noun = kind.noun();
    let because = "the worker calls it as an ordinary async function";
    if let Some(token) = &sig.constness {
        faults.at(token, format!("{noun} cannot be `const`: {because}; remove `const`"));
    }
    if sig.asyncness.is_none() {
        let name = &sig.ident;
        faults.at(sig.fn_token, format!("{noun} must be async: write `async fn {name}`"));
    }
    if let Some(token) = &sig.unsafety {
        faults.at(token, format!("{noun} cannot be `unsafe`: {because}; remove `unsafe`"));
    }
    if let Some(abi) = &sig.abi {
        faults.at(abi, format!("{noun} cannot be `extern`: {because}; remove `extern`"));
    }
    if let Some(variadic) = &sig.variadic {
        let message = format!("{noun} cannot be variadic: {because}; name each argument");
        faults.at(variadic, message);
    }
}

/// Refuses what the function is generic over; true if there is nothing.
fn generics(kind: Kind, generics: &syn::Generics, faults: &mut Faults) -> bool {
    let noun = kind.noun();
    let because = "the registry needs one concrete function";
    for parameter in &generics.params {
        let remedy = match parameter {
            GenericParam::Lifetime(_) => "remove the lifetime, and write `'_` in the context",
            GenericParam::Type(_) => "write a concrete type",
            GenericParam::Const(_) => "write a concrete value",
        };
        faults.at(parameter, format!("{noun} cannot be generic: {because}; {remedy}"));
    }
    if let Some(clause) = &generics.where_clause {
        let message = format!("{noun} cannot have a `where` clause: {because}; remove it");
        faults.at(clause, message);
    }
    generics.params.is_empty() && generics.where_clause.is_none()
}

/// All parameters but a receiver.
fn parameters<'a>(kind: Kind, sig: &'a syn::Signature, faults: &mut Faults) -> Vec<&'a PatType> {
    let mut parameters = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Typed(parameter) => parameters.push(parameter),
            FnArg::Receiver(receiver) => {
                let noun = kind.noun();
                let message = format!(
                    "{noun} cannot be a method: the worker has no `self` to call it on; make it a \
                     free function, and take shared things from `ctx.state::<T>()`"
                );
                faults.at(receiver, message);
            }
        }
    }
    parameters
}

/// Whether the parameter is the context or an attempt at it, going by the name of either.
fn is_meant_as_context(parameter: &PatType) -> bool {
    let name = bound_name(&parameter.pat).map(ToString::to_string);
    matches!(name.as_deref(), Some("ctx" | "_ctx" | "context"))
        || type_name(&parameter.ty).is_some_and(|name| name.to_string().ends_with("Ctx"))
}

fn missing_context(kind: Kind, sig: &syn::Signature, first: Option<&PatType>, faults: &mut Faults) {
    let (noun, ty) = (kind.noun(), kind.context_type());
    match first {
        None => {
            let message = format!("{noun} takes its context: write `(ctx: {ty})`");
            faults.at_span(parentheses(sig), message);
        }
        Some(first) => {
            let message = format!(
                "the first parameter of {noun} is its context: write `ctx: {ty}` before this"
            );
            faults.at(first, message);
        }
    }
}

impl Context {
    fn parse(kind: Kind, parameter: &PatType, faults: &mut Faults) -> Option<Self> {
        if is_context_type(kind, &parameter.ty) {
            let name = bound_name(&parameter.pat).cloned();
            return Some(Self { name, ty: (*parameter.ty).clone() });
        }
        let written = bound_name(&parameter.pat).map_or("ctx".to_owned(), ToString::to_string);
        let (noun, ty) = (kind.noun(), kind.context_type());
        let other = type_name(&parameter.ty).and_then(|name| {
            Kind::ALL
                .into_iter()
                .find(|other| name == other.context_name() && name != kind.context_name())
        });
        let alternative = other.map_or(String::new(), |other| {
            format!(", or make the function {} with `{}`", other.noun(), other.attribute())
        });
        let message =
            format!("the context of {noun} is `{ty}`: write `{written}: {ty}`{alternative}");
        faults.at(&parameter.ty, message);
        None
    }
}

fn is_context_type(kind: Kind, ty: &Type) -> bool {
    let Type::Reference(reference) = ungrouped(ty) else { return false };
    reference.mutability.is_some() == kind.context_is_mutable()
        && reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident == "_")
        && matches!(ungrouped(&reference.elem), Type::Path(_))
        && type_name(ty).is_some_and(|name| name == kind.context_name())
}

fn returns(kind: Kind, sig: &syn::Signature, faults: &mut Faults) -> Option<Type> {
    let message = format!("{} returns a `Result`: write `-> workpool::Result<()>`", kind.noun());
    match &sig.output {
        ReturnType::Default => faults.at(&sig.ident, message),
        ReturnType::Type(_, ty) => match ungrouped(ty) {
            Type::Tuple(tuple) if tuple.elems.is_empty() => faults.at(ty, message),
            ty if owned::check(Role::Result, ty, faults) => return Some(ty.clone()),
            _ => {}
        },
    }
    None
}

/// The parameter list with its parentheses.
pub(crate) fn parentheses(sig: &syn::Signature) -> Span {
    sig.paren_token.span.join()
}

/// The name that a plain `name` or `mut name` pattern binds.
pub(crate) fn bound_name(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(&name.ident),
        _ => None,
    }
}

/// The last word of the path of a type, also behind references.
pub(crate) fn type_name(ty: &Type) -> Option<&Ident> {
    match ungrouped(ty) {
        Type::Reference(reference) => type_name(&reference.elem),
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// The type itself, out of its parentheses and of the invisible ones of a `macro_rules!` macro.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        ty => ty,
    }
}

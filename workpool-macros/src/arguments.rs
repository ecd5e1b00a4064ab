//! What a function takes after its context: arguments of its own, or the completion. All of it is
//! read from the database, so nothing may be borrowed, and several arguments need names.

use proc_macro2::Ident;
use syn::{Attribute, GenericArgument, PatType, PathArguments, Type};

use crate::diagnostics::Faults;
use crate::kind::Kind;
use crate::owned::{self, Role};
use crate::signature::{bound_name, parentheses, type_name, ungrouped};

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "an expansion holds one of it")]
pub(crate) enum Input {
    Nothing,
    One(Type),
    /// Stored together, as the fields of a generated struct.
    Several(Vec<Argument>),
    Completion(Completion),
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// The completion that an `on_complete` handler takes.
#[derive(Debug)]
pub(crate) struct Completion {
    /// `Completion<C, T>` as written.
    pub(crate) ty: Type,
    pub(crate) context: Type,
    pub(crate) output: Type,
}

impl Input {
    /// Reads the parameters after the context; `None` if any of them is faulty.
    pub(crate) fn parse(
        kind: Kind,
        sig: &syn::Signature,
        parameters: &[&PatType],
        faults: &mut Faults,
    ) -> Option<Self> {
        let conditional = any_conditional(parameters, faults);
        let input = if kind == Kind::OnComplete {
            Completion::parse(sig, parameters, faults).map(Self::Completion)
        } else {
            Self::from_arguments(parameters, faults)
        };
        input.filter(|_| !conditional)
    }

    fn from_arguments(parameters: &[&PatType], faults: &mut Faults) -> Option<Self> {
        let several = parameters.len() > 1;
        let mut sound = true;
        let mut arguments = Vec::new();
        for parameter in parameters {
            sound &= owned::check(Role::Argument, &parameter.ty, faults);
            match bound_name(&parameter.pat) {
                Some(name) => {
                    arguments.push(Argument { name: name.clone(), ty: (*parameter.ty).clone() });
                }
                None if several => {
                    let message = "write a plain name: several arguments are stored as the fields \
                                   of a struct, each under its name";
                    faults.at(&parameter.pat, message);
                    sound = false;
                }
                None => {}
            }
        }
        sound.then(|| match parameters {
            [] => Self::Nothing,
            [only] => Self::One((*only.ty).clone()),
            _ => Self::Several(arguments),
        })
    }
}

/// Refuses parameters that are there in some builds only; true if there are any.
fn any_conditional(parameters: &[&PatType], faults: &mut Faults) -> bool {
    let is_cfg =
        |attr: &&Attribute| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr");
    let conditions: Vec<_> =
        parameters.iter().flat_map(|parameter| parameter.attrs.iter().filter(is_cfg)).collect();
    for condition in &conditions {
        let message = "arguments are stored, and every build must agree on them: put the condition \
                       on the function";
        faults.at(condition, message);
    }
    !conditions.is_empty()
}

impl Completion {
    fn parse(sig: &syn::Signature, parameters: &[&PatType], faults: &mut Faults) -> Option<Self> {
        let [only] = parameters else {
            match parameters.get(1) {
                None => {
                    let message = "an `on_complete` handler takes the completion after its \
                                   context: write `done: Completion<Ctx, T>`";
                    faults.at_span(parentheses(sig), message);
                }
                Some(extra) => {
                    let message = "an `on_complete` handler takes nothing but the completion after \
                                   its context: put what else it needs into the context of the \
                                   completion";
                    faults.at(extra, message);
                }
            }
            return None;
        };
        if !owned::check(Role::Argument, &only.ty, faults) {
            return None;
        }
        let completion = Self::from_type(ungrouped(&only.ty));
        if completion.is_none() {
            let message = "an `on_complete` handler takes a completion: write \
                           `Completion<Ctx, T>`, with the type of its context and the result type \
                           of the work";
            faults.at(&only.ty, message);
        }
        completion
    }

    fn from_type(ty: &Type) -> Option<Self> {
        let Type::Path(path) = ty else { return None };
        let segment = path.path.segments.last()?;
        let PathArguments::AngleBracketed(generics) = &segment.arguments else { return None };
        let mut generics = generics.args.iter();
        match (generics.next(), generics.next(), generics.next()) {
            (Some(GenericArgument::Type(context)), Some(GenericArgument::Type(output)), None)
                if segment.ident == "Completion" =>
            {
                let (context, output) = (context.clone(), output.clone());
                Some(Self { ty: ty.clone(), context, output })
            }
            _ => None,
        }
    }

    /// Whether the handler completes work of any result type, which it asks for with
    /// `serde_json::Value`. Only the name is known here; the expansion has the compiler check it.
    pub(crate) fn takes_any_output(&self) -> bool {
        type_name(&self.output).is_some_and(|name| name == "Value")
    }
}

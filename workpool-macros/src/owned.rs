//! Whether a type can be written down outside of the function and hold what was stored: no borrowed
//! parts, no `impl Trait`. That it is a serde type is left to the compiler.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Lifetime, Type, TypeImplTrait, TypeReference};

use crate::diagnostics::Faults;

/// What the type is the type of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Argument,
    Result,
}

/// Reports every part of `ty` that borrows or has no name; true if there is none.
pub(crate) fn check(role: Role, ty: &Type, faults: &mut Faults) -> bool {
    let mut search = Search { role, faults, sound: true };
    search.visit_type(ty);
    search.sound
}

struct Search<'a> {
    role: Role,
    faults: &'a mut Faults,
    sound: bool,
}

impl Search<'_> {
    fn fault(&mut self, place: impl ToTokens, write: &str) {
        let reason = match self.role {
            Role::Argument => "arguments are stored in the database and must be owned",
            Role::Result => "what a function returns outlives the call and must be owned",
        };
        self.faults.at(place, format!("write {write}: {reason}"));
        self.sound = false;
    }

    /// An error is only displayed, so `&'static str` will do there; an argument is read back.
    fn allows(&self, lifetime: &Lifetime) -> bool {
        self.role == Role::Result && lifetime.ident == "static"
    }
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if reference.lifetime.as_ref().is_some_and(|lifetime| self.allows(lifetime)) {
            return visit::visit_type(self, &reference.elem);
        }
        self.fault(reference, &owned_form(&reference.elem));
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.fault(lifetime, "an owned type, or `'static` here");
        }
    }

    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        let message = "write a concrete type: the registry needs one concrete function, and \
                       `impl Trait` has no name";
        self.faults.at(opaque, message);
        self.sound = false;
    }
}

/// What to write instead of a reference to `target`.
fn owned_form(target: &Type) -> String {
    match target {
        Type::Slice(_) => "a `Vec`".to_owned(),
        Type::Path(path) => match path.path.get_ident().map(ToString::to_string).as_deref() {
            Some("str") => "`String`".to_owned(),
            Some("Path") => "`PathBuf`".to_owned(),
            Some(name) => format!("`{name}`"),
            None => "the type without its `&`".to_owned(),
        },
        _ => "the type without its `&`".to_owned(),
    }
}

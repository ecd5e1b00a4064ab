//! Which application state a function takes, found by looking for `ctx.state::<T>()` in its body:
//! what the worker lacks is then reported when it starts, not when the work fails. A best effort:
//! calls inside of macros and of other functions are not seen, and a body in which a name may mean
//! something else than outside of it is not searched at all.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, ExprMethodCall, GenericArgument, Item, Lifetime, PatIdent, Type,
    TypeInfer,
};

/// Each `T` of `context.state::<T>()` in `body`, once, in order of appearance.
pub(crate) fn needs(context: &Ident, body: &Block) -> Vec<Type> {
    let mut search = Search { context, found: Vec::new(), certain: true };
    search.visit_block(body);
    if search.certain { search.found } else { Vec::new() }
}

struct Search<'a> {
    context: &'a Ident,
    found: Vec<Type>,
    /// Whether all names mean the same outside of the body.
    certain: bool,
}

impl Search<'_> {
    fn is_context(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Path(path) if path.path.is_ident(self.context))
    }

    fn add(&mut self, ty: &Type) {
        if is_nameable(ty) && !self.found.contains(ty) {
            self.found.push(ty.clone());
        }
    }
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "state"
            && self.is_context(&call.receiver)
            && let Some(generics) = &call.turbofish
            && let Some(GenericArgument::Type(ty)) = generics.args.first()
        {
            self.add(ty);
        }
        visit::visit_expr_method_call(self, call);
    }

    /// An item of the body's own may give a type another name or meaning.
    fn visit_item(&mut self, _: &'ast Item) {
        self.certain = false;
    }

    /// The name of the context is bound again, to who knows what.
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        self.certain &= pattern.ident != *self.context;
        visit::visit_pat_ident(self, pattern);
    }

    /// The type may be there only in some builds.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.certain &= !attribute.path().is_ident("cfg");
    }
}

/// Whether the type is complete outside of the body: nothing inferred, nothing borrowed.
fn is_nameable(ty: &Type) -> bool {
    struct Nameable(bool);
    impl<'ast> Visit<'ast> for Nameable {
        fn visit_type_infer(&mut self, _: &'ast TypeInfer) {
            self.0 = false;
        }

        fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
            self.0 &= lifetime.ident == "static";
        }
    }
    let mut nameable = Nameable(true);
    nameable.visit_type(ty);
    nameable.0
}

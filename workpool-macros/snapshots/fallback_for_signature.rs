pub fn rename(name: &str) {}
/// Stub of [`fn@rename`]: enqueues it.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
pub struct rename {}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Function for rename {
    type Args = ();
    type Output = ();
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::rename"),
        kind: ::workpool::__private::FunctionKind::Mutation,
        pool: ::core::option::Option::Some(
            ::workpool::__private::PoolRef::Named("default"),
        ),
        retry: ::workpool::__private::RetrySetting::Unset,
        timeout: ::core::option::Option::None,
        status_ttl: ::core::option::Option::None,
        redact: ::workpool::__private::Redact::Nothing,
        grouped: false,
        state: &[],
        location: ::workpool::__private::Location {
            file: ::core::file!(),
            line: ::core::line!(),
        },
    };
}
#[allow(dead_code, deprecated, unreachable_pub)]
impl rename {
    /// Enqueues [`fn@rename`] through `ctx`, and thus in its transaction if it has one.
    ///
    /// The builder that it returns does nothing until it is awaited.
    pub fn enqueue<'c, C>(
        ctx: &'c C,
        args: impl ::core::marker::Sized,
    ) -> ::workpool::Enqueue<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        {
            let _ = (ctx, args);
            ::core::unimplemented!()
        }
    }
    /// Enqueues [`fn@rename`] once for each of `args`, all in one transaction.
    ///
    /// The builder that it returns does nothing until it is awaited.
    pub fn enqueue_batch<'c, C>(
        ctx: &'c C,
        args: impl ::core::iter::IntoIterator<Item = impl ::core::marker::Sized>,
    ) -> ::workpool::EnqueueBatch<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        {
            let _ = (ctx, args);
            ::core::unimplemented!()
        }
    }
}
::core::compile_error! {
    "a mutation must be async: write `async fn rename`"
}
::core::compile_error! {
    "the first parameter of a mutation is its context: write `ctx: &mut MutationCtx<'_>` before this"
}
::core::compile_error! {
    "write `String`: arguments are stored in the database and must be owned"
}
::core::compile_error! {
    "a mutation returns a `Result`: write `-> workpool::Result<()>`"
}

pub(crate) async fn increment(ctx: &mut MutationCtx<'_>) -> anyhow::Result<i64> {
    next(ctx.db()).await
}
/// Stub of [`fn@increment`]: enqueues it.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
pub(crate) struct increment {}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Function for increment {
    type Args = ();
    type Output = <anyhow::Result<i64> as ::workpool::__private::Returns>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::increment"),
        kind: ::workpool::__private::FunctionKind::Mutation,
        pool: ::core::option::Option::Some(
            ::workpool::__private::PoolRef::Declared({
                const __POOL: &::workpool::Pool<'static> = &pools::COUNTER;
                __POOL
            }),
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
impl increment {
    /// Enqueues [`fn@increment`] through `ctx`, and thus in its transaction if it has one.
    ///
    /// The builder that it returns does nothing until it is awaited.
    pub(crate) fn enqueue<'c, C>(ctx: &'c C, args: ()) -> ::workpool::Enqueue<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::Enqueue<'c, Self>>::new(ctx, args)
    }
    /// Enqueues [`fn@increment`] once for each of `args`, all in one transaction.
    ///
    /// The builder that it returns does nothing until it is awaited.
    pub(crate) fn enqueue_batch<'c, C>(
        ctx: &'c C,
        args: impl ::core::iter::IntoIterator<Item = ()>,
    ) -> ::workpool::EnqueueBatch<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::EnqueueBatch<'c, Self>>::new(ctx, args)
    }
}
#[allow(deprecated)]
const _: () = {
    fn __handler<'a>(
        ctx: &'a mut ::workpool::MutationCtx<'_>,
        args: &'a str,
    ) -> ::workpool::__private::BoxFuture<
        'a,
        ::core::result::Result<::std::string::String, ::workpool::Failure>,
    > {
        ::std::boxed::Box::pin(async move {
            ::workpool::__private::decode_args::<increment>(args)?;
            match increment(ctx).await {
                ::core::result::Result::Ok(output) => {
                    ::workpool::__private::encode_output::<increment>(&output)
                }
                ::core::result::Result::Err(error) => {
                    #[allow(unused_imports)]
                    use ::workpool::__private::{
                        ViaDisplay as _, ViaError as _, ViaReference as _,
                    };
                    ::core::result::Result::Err(
                        (&&&::workpool::__private::Fail::new(error)).failure(),
                    )
                }
            }
        })
    }
    ::workpool::__private::inventory::submit! {
        ::workpool::__private::Entry { spec : < increment as
        ::workpool::__private::Function > ::SPEC, handler :
        ::workpool::__private::Handler::Mutation(__handler), }
    }
};

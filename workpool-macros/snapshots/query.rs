async fn count(
    ctx: &mut QueryCtx<'_>,
    Filter { kind, .. }: Filter,
) -> Result<i64, Error> {
    ctx.state::<Counters>().of(ctx.db(), kind, ctx.state::<Counters>().limit()).await
}
/// Stub of [`fn@count`]: enqueues it.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
struct count {}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Function for count {
    type Args = Filter;
    type Output = <Result<i64, Error> as ::workpool::__private::Returns>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::count"),
        kind: ::workpool::__private::FunctionKind::Query,
        pool: ::core::option::Option::Some(
            ::workpool::__private::PoolRef::Named("default"),
        ),
        retry: ::workpool::__private::RetrySetting::Unset,
        timeout: ::core::option::Option::None,
        status_ttl: ::core::option::Option::None,
        redact: ::workpool::__private::Redact::Nothing,
        grouped: false,
        state: &[::workpool::__private::StateNeed::of::<Counters>()],
        location: ::workpool::__private::Location {
            file: ::core::file!(),
            line: ::core::line!(),
        },
    };
}
#[allow(dead_code, deprecated, unreachable_pub)]
impl count {
    /// Enqueues [`fn@count`] through `ctx`, and thus in its transaction if it has one.
    ///
    /// The builder that it returns does nothing until it is awaited.
    fn enqueue<'c, C>(ctx: &'c C, args: Filter) -> ::workpool::Enqueue<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::Enqueue<'c, Self>>::new(ctx, args)
    }
    /// Enqueues [`fn@count`] once for each of `args`, all in one transaction.
    ///
    /// The builder that it returns does nothing until it is awaited.
    fn enqueue_batch<'c, C>(
        ctx: &'c C,
        args: impl ::core::iter::IntoIterator<Item = Filter>,
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
        ctx: &'a mut ::workpool::QueryCtx<'_>,
        args: &'a str,
    ) -> ::workpool::__private::BoxFuture<
        'a,
        ::core::result::Result<::std::string::String, ::workpool::Failure>,
    > {
        ::std::boxed::Box::pin(async move {
            let args = ::workpool::__private::decode_args::<count>(args)?;
            match count(ctx, args).await {
                ::core::result::Result::Ok(output) => {
                    ::workpool::__private::encode_output::<count>(&output)
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
        ::workpool::__private::Entry { spec : < count as ::workpool::__private::Function
        > ::SPEC, handler : ::workpool::__private::Handler::Query(__handler), }
    }
};

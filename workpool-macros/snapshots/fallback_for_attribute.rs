async fn send_email(ctx: &ActionCtx, user_id: i64, title: String) -> Result<Receipt> {
    Ok(Receipt)
}
/// Stub of [`fn@send_email`]: enqueues it.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
struct send_email {}
/// The arguments of [`fn@send_email`].
#[allow(clippy::pedantic, dead_code, missing_debug_implementations, unreachable_pub)]
#[derive(
    ::workpool::__private::serde::Serialize,
    ::workpool::__private::serde::Deserialize
)]
#[serde(crate = "::workpool::__private::serde")]
struct SendEmailArgs {
    /// The argument `user_id` of [`fn@send_email`].
    user_id: i64,
    /// The argument `title` of [`fn@send_email`].
    title: String,
}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Function for send_email {
    type Args = SendEmailArgs;
    type Output = <Result<Receipt> as ::workpool::__private::Returns>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::send_email"),
        kind: ::workpool::__private::FunctionKind::Action,
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
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Retryable for send_email {}
#[allow(dead_code, deprecated, unreachable_pub)]
impl send_email {
    /// Enqueues [`fn@send_email`] through `ctx`, and thus in its transaction if it has one.
    ///
    /// The builder that it returns does nothing until it is awaited.
    fn enqueue<'c, C>(ctx: &'c C, args: SendEmailArgs) -> ::workpool::Enqueue<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::Enqueue<'c, Self>>::new(ctx, args)
    }
    /// Enqueues [`fn@send_email`] once for each of `args`, all in one transaction.
    ///
    /// The builder that it returns does nothing until it is awaited.
    fn enqueue_batch<'c, C>(
        ctx: &'c C,
        args: impl ::core::iter::IntoIterator<Item = SendEmailArgs>,
    ) -> ::workpool::EnqueueBatch<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::EnqueueBatch<'c, Self>>::new(ctx, args)
    }
}
::core::compile_error! {
    "unknown option `retries`: did you mean `retry`? (`#[action]` takes `pool`, `name`, `retry`, `timeout`, `status_ttl` and `redact`)"
}

async fn send_email(ctx: &ActionCtx, args: Welcome) -> Result<Receipt, MailError> {
    ctx.state::<Mailer>().send(args).await
}
/// Stub of [`fn@send_email`]: enqueues it.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
struct send_email {}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Function for send_email {
    type Args = Welcome;
    type Output = <Result<Receipt, MailError> as ::workpool::__private::Returns>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::send_email"),
        kind: ::workpool::__private::FunctionKind::Action,
        pool: ::core::option::Option::Some(
            ::workpool::__private::PoolRef::Named("email"),
        ),
        retry: ::workpool::__private::RetrySetting::Policy(
            ::workpool::__private::retry_policy(
                ::core::option::Option::Some(3u32),
                ::core::option::Option::Some(::core::time::Duration::new(1u64, 0u32)),
                ::core::option::Option::None,
                ::core::option::Option::None,
            ),
        ),
        timeout: ::core::option::Option::None,
        status_ttl: ::core::option::Option::None,
        redact: ::workpool::__private::Redact::Nothing,
        grouped: false,
        state: &[::workpool::__private::StateNeed::of::<Mailer>()],
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
    fn enqueue<'c, C>(ctx: &'c C, args: Welcome) -> ::workpool::Enqueue<'c, Self>
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
        args: impl ::core::iter::IntoIterator<Item = Welcome>,
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
        ctx: &'a ::workpool::ActionCtx,
        args: &'a str,
    ) -> ::workpool::__private::BoxFuture<
        'a,
        ::core::result::Result<::std::string::String, ::workpool::Failure>,
    > {
        ::std::boxed::Box::pin(async move {
            let args = ::workpool::__private::decode_args::<send_email>(args)?;
            match send_email(ctx, args).await {
                ::core::result::Result::Ok(output) => {
                    ::workpool::__private::encode_output::<send_email>(&output)
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
        ::workpool::__private::Entry { spec : < send_email as
        ::workpool::__private::Function > ::SPEC, handler :
        ::workpool::__private::Handler::Action(__handler), }
    }
};

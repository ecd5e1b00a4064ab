/// Sends an email.
#[cfg(feature = "email")]
#[deprecated]
pub async fn send_email(
    _: &ActionCtx,
    user_id: i64,
    mut title: Option<String>,
) -> workpool::Result<()> {
    Ok(())
}
#[cfg(feature = "email")]
/// Sends an email.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
pub struct send_email {}
#[cfg(feature = "email")]
/// The arguments of [`fn@send_email`].
#[allow(clippy::pedantic, dead_code, missing_debug_implementations, unreachable_pub)]
#[derive(
    ::workpool::__private::serde::Serialize,
    ::workpool::__private::serde::Deserialize
)]
#[serde(crate = "::workpool::__private::serde")]
pub struct SendEmailArgs {
    /// The argument `user_id` of [`fn@send_email`].
    pub user_id: i64,
    /// The argument `title` of [`fn@send_email`].
    pub title: Option<String>,
}
#[cfg(feature = "email")]
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Function for send_email {
    type Args = SendEmailArgs;
    type Output = <workpool::Result<()> as ::workpool::__private::Returns>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: "emails/send",
        kind: ::workpool::__private::FunctionKind::Action,
        pool: ::core::option::Option::Some(
            ::workpool::__private::PoolRef::Named("default"),
        ),
        retry: ::workpool::__private::RetrySetting::Off,
        timeout: ::core::option::Option::Some(
            ::core::time::Duration::new(60u64, 500000000u32),
        ),
        status_ttl: ::core::option::Option::Some(::core::time::Duration::MAX),
        redact: ::workpool::__private::Redact::Nothing,
        grouped: false,
        state: &[],
        location: ::workpool::__private::Location {
            file: ::core::file!(),
            line: ::core::line!(),
        },
    };
}
#[cfg(feature = "email")]
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::Retryable for send_email {}
#[cfg(feature = "email")]
#[allow(dead_code, deprecated, unreachable_pub)]
impl send_email {
    /// Enqueues [`fn@send_email`] through `ctx`, and thus in its transaction if it has one.
    ///
    /// The builder that it returns does nothing until it is awaited.
    #[deprecated]
    pub fn enqueue<'c, C>(
        ctx: &'c C,
        args: SendEmailArgs,
    ) -> ::workpool::Enqueue<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::Enqueue<'c, Self>>::new(ctx, args)
    }
    /// Enqueues [`fn@send_email`] once for each of `args`, all in one transaction.
    ///
    /// The builder that it returns does nothing until it is awaited.
    #[deprecated]
    pub fn enqueue_batch<'c, C>(
        ctx: &'c C,
        args: impl ::core::iter::IntoIterator<Item = SendEmailArgs>,
    ) -> ::workpool::EnqueueBatch<'c, Self>
    where
        C: ::workpool::EnqueueContext,
    {
        <::workpool::EnqueueBatch<'c, Self>>::new(ctx, args)
    }
}
#[cfg(feature = "email")]
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
            match send_email(ctx, args.user_id, args.title).await {
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

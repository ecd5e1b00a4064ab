async fn ended(
    ctx: &mut MutationCtx<'_>,
    done: Completion<(), serde_json::Value>,
) -> workpool::Result<()> {
    Ok(())
}
/// Stub of [`fn@ended`]: names it to `on_complete`.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
struct ended {}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::OnComplete for ended {
    type Context = ();
    type Output = <Completion<
        (),
        serde_json::Value,
    > as ::workpool::__private::CompletionType>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::ended"),
        kind: ::workpool::__private::FunctionKind::OnComplete,
        pool: ::core::option::Option::None,
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
impl<T> ::workpool::__private::Completes<T> for ended {}
#[allow(deprecated)]
const _: fn() = || ::workpool::__private::assert_any_output::<serde_json::Value>();
#[allow(deprecated)]
const _: () = {
    fn __handler<'a>(
        ctx: &'a mut ::workpool::MutationCtx<'_>,
        args: ::workpool::__private::RawCompletion,
    ) -> ::workpool::__private::BoxFuture<
        'a,
        ::core::result::Result<(), ::workpool::Failure>,
    > {
        ::std::boxed::Box::pin(async move {
            let args = ::workpool::__private::decode_completion::<ended>(&args)?;
            match ended(ctx, args).await {
                ::core::result::Result::Ok(()) => ::core::result::Result::Ok(()),
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
        ::workpool::__private::Entry { spec : < ended as
        ::workpool::__private::OnComplete > ::SPEC, handler :
        ::workpool::__private::Handler::OnComplete(__handler), }
    }
};

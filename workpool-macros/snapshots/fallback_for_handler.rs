async fn email_sent(ctx: &mut MutationCtx<'_>, done: Completion<EmailLog, Receipt>) {}
/// Stub of [`fn@email_sent`]: names it to `on_complete`.
#[allow(
    missing_copy_implementations,
    missing_debug_implementations,
    non_camel_case_types,
    unreachable_pub
)]
struct email_sent {}
#[automatically_derived]
#[allow(deprecated)]
impl ::workpool::__private::OnComplete for email_sent {
    type Context = EmailLog;
    type Output = <Completion<
        EmailLog,
        Receipt,
    > as ::workpool::__private::CompletionType>::Output;
    const SPEC: &'static ::workpool::__private::FunctionSpec = &::workpool::__private::FunctionSpec {
        name: ::core::concat!(::core::module_path!(), "::email_sent"),
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
impl<T> ::workpool::__private::Completes<T> for email_sent {}
::core::compile_error! {
    "an `on_complete` handler returns a `Result`: write `-> workpool::Result<()>`"
}
::core::compile_error! {
    "the attribute names no context: write `#[on_complete(context = EmailLog)]`, or `()` here"
}

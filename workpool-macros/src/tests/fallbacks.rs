//! What is left of a function with faults: enough of a stub for everything that uses it.

use super::Use;
use super::expansions::assert_snapshot;

#[test]
fn a_faulty_attribute_leaves_the_stub_as_it_would_be() {
    assert_snapshot(
        "fallback_for_attribute.rs",
        r"
        #[action(retries)]
        async fn send_email(ctx: &ActionCtx, user_id: i64, title: String) -> Result<Receipt> {
            Ok(Receipt)
        }
        ",
    );
}

#[test]
fn faulty_arguments_leave_a_stub_that_takes_anything() {
    assert_snapshot(
        "fallback_for_signature.rs",
        r"
        #[mutation]
        pub fn rename(name: &str) {}
        ",
    );
}

#[test]
fn a_faulty_handler_completes_work_of_any_result_type() {
    assert_snapshot(
        "fallback_for_handler.rs",
        r"
        #[on_complete]
        async fn email_sent(ctx: &mut MutationCtx<'_>, done: Completion<EmailLog, Receipt>) {}
        ",
    );
}

#[test]
fn a_body_that_is_still_being_typed_is_no_fault() {
    let source = "#[action] async fn f(ctx: &ActionCtx) -> Result<()> { ctx. }";
    assert!(Use::of(source).faults().is_empty());
}

#[test]
fn what_is_no_function_is_left_as_it_is() {
    for item in ["struct Welcome { user_id : i64 }", "fn f () ;", "1 + 1"] {
        let expansion = Use::of(&format!("#[action] {item}")).expand().to_string();
        let error = expansion.strip_prefix(item).unwrap();
        assert!(error.contains("`#[action]` goes on an `async fn` with a body"), "{error}");
    }
}

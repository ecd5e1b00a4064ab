//! Expansions of sound functions, as plain Rust in `snapshots/`. After a change that is meant, run
//! the tests with `UPDATE_SNAPSHOTS=1` and read the difference.

use std::path::Path;

use super::Use;

#[track_caller]
pub(super) fn assert_snapshot(name: &str, source: &str) {
    let file = syn::parse2(Use::of(source).expand()).unwrap();
    let expansion = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &expansion).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == expansion, "{} differs from:\n{expansion}", path.display());
}

#[test]
fn an_action_with_one_argument_and_a_retry_policy() {
    assert_snapshot(
        "action.rs",
        r#"
        #[action(pool = "email", retry(max_attempts = 3, initial_backoff = "1s"))]
        async fn send_email(ctx: &ActionCtx, args: Welcome) -> Result<Receipt, MailError> {
            ctx.state::<Mailer>().send(args).await
        }
        "#,
    );
}

#[test]
fn an_action_with_several_arguments_is_public_and_documented_as_its_function() {
    assert_snapshot(
        "action_with_several_arguments.rs",
        r#"
        #[action(name = "emails/send", retry = false, timeout = "1m 500ms", status_ttl = "forever")]
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
        "#,
    );
}

#[test]
fn a_mutation_without_arguments_in_a_declared_pool() {
    assert_snapshot(
        "mutation.rs",
        r"
        #[mutation(pool = pools::COUNTER)]
        pub(crate) async fn increment(ctx: &mut MutationCtx<'_>) -> anyhow::Result<i64> {
            next(ctx.db()).await
        }
        ",
    );
}

#[test]
fn a_query() {
    assert_snapshot(
        "query.rs",
        r"
        #[query]
        async fn count(ctx: &mut QueryCtx<'_>, Filter { kind, .. }: Filter) -> Result<i64, Error> {
            ctx.state::<Counters>().of(ctx.db(), kind, ctx.state::<Counters>().limit()).await
        }
        ",
    );
}

#[test]
fn a_handler_with_a_context() {
    assert_snapshot(
        "on_complete.rs",
        r"
        #[on_complete(context = EmailLog)]
        async fn email_sent(
            ctx: &mut MutationCtx<'_>,
            done: Completion<EmailLog, Receipt>,
        ) -> workpool::Result<()> {
            Ok(())
        }
        ",
    );
}

#[test]
fn a_handler_for_work_of_any_result_type() {
    assert_snapshot(
        "on_complete_of_any_work.rs",
        r"
        #[on_complete]
        async fn ended(
            ctx: &mut MutationCtx<'_>,
            done: Completion<(), serde_json::Value>,
        ) -> workpool::Result<()> {
            Ok(())
        }
        ",
    );
}

#[test]
fn state_is_not_searched_for_where_a_name_may_mean_something_else() {
    let uncertain = [
        "use inner::Mailer; ctx.state::<Mailer>();",
        "let ctx = other(); ctx.state::<Mailer>();",
        "#[cfg(unix)] ctx.state::<Mailer>();",
        "other.state::<Mailer>();",
        "ctx.state::<Mailer<'_>>();",
        "ctx.state();",
        "let _: &Mailer = ctx.state::<_>();",
        "ctx.state::<Mailer>(); a b c",
    ];
    for body in uncertain {
        let source = format!("#[action] async fn f(ctx: &ActionCtx) -> Result<()> {{ {body} }}");
        let expansion = Use::of(&source).expand().to_string();
        assert!(expansion.contains("state : & []"), "`{body}` is searched");
    }
}

//! The attributes of `workpool`, which re-exports and documents them. They turn an async function
//! into one that can be enqueued, and leave the function itself as it is.
//!
//! The pipeline: attribute and signature are parsed each on their own and report every fault; a
//! model is built of the two; the model is expanded. If there is a fault anywhere, a fallback keeps
//! the function and a stub of it, so that the faults are the only errors the user sees.
//!
//! This crate does not depend on `workpool`: the code that it makes does, through
//! `::workpool::__private`, and the two are released together. It does not decide what a function
//! does, only that it can be called.

mod arguments;
mod attr;
mod diagnostics;
mod expand;
mod fallback;
mod kind;
mod model;
mod options;
mod owned;
mod redact;
mod signature;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod value;

use proc_macro2::TokenStream;

use crate::attr::Attribute;
use crate::diagnostics::Faults;
use crate::kind::Kind;
use crate::model::{Model, Parts};
use crate::signature::Signature;
use crate::source::Source;

/// Makes an async function an action: work with effects outside of the database.
///
/// ```ignore
/// #[action(pool = "email", retry(max_attempts = 3, initial_backoff = "1s"), timeout = "30s")]
/// async fn send_email(ctx: &ActionCtx, args: Welcome) -> Result<Receipt, MailError> {
///     ctx.state::<Mailer>().send(args).await
/// }
///
/// let id = send_email::enqueue(&workpool, Welcome { user_id: 7 }).await?;
/// ```
///
/// The function stays an ordinary function. Beside it there is a stub of the same name, with
/// `enqueue` and `enqueue_batch`; one `use` imports both. No argument after the context is stored
/// as `()`, one as it is, several in a generated struct: `SendEmailArgs` for `send_email`.
///
/// Arguments and result must be serde types, the error anything that can be displayed, and all of
/// them at least as visible as the function.
///
/// | option | meaning |
/// |---|---|
/// | `pool = "email"`, `pool = EMAIL` | the pool, by name or as the path of a `Pool` constant; else the pool `default` |
/// | `name = "…"` | the name that is stored, which must not change while work is waiting; else the path of the function |
/// | `retry`, `retry = true` | retry by the policy of the pool |
/// | `retry(max_attempts = 3, initial_backoff = "1s", base = 2.0, max_backoff = "1h")` | retry by this policy; each part may be left out |
/// | `retry = false` | do not retry, whatever the pool says |
/// | `timeout = "30s"` | how long an attempt may take |
/// | `status_ttl = "1d"`, `"0s"`, `"forever"` | how long status and result are kept |
/// | `redact` | people who look at the work are shown neither its arguments nor its result |
/// | `redact("password", "card.number")` | nor these parts of the arguments: names of fields with dots between them; lists are gone through |
///
/// What is redacted is stored as it is; only `workpool::dashboard` does not show it.
#[proc_macro_attribute]
pub fn action(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(Kind::Action, attribute.into(), &item.into()).into()
}

/// Makes an async function a mutation: work whose effects are in the database.
///
/// ```ignore
/// #[mutation(pool = "counter")]
/// async fn increment(ctx: &mut MutationCtx<'_>, by: i64) -> workpool::Result<()> {
///     sqlx::query("UPDATE counter SET value = value + $1").bind(by).execute(ctx.db()).await?;
///     Ok(())
/// }
/// ```
///
/// The body, the result and the end of the work are committed in one transaction. It is run again
/// by itself on serialization failures and lost connections, so the body must have no effects
/// elsewhere; an error ends the work. There is no `retry` therefore; the other options are those of
/// `#[action]`, and one more:
///
/// | option | meaning |
/// |---|---|
/// | `grouped` | its body may share a transaction with others that wait in its pool, one after the other |
///
/// What has to run one by one, such as the entries of a ledger in a pool of one, is bound by
/// commits. With `grouped`, while more is due than there are slots, bodies that take next to no time
/// are committed as one, up to 100 at a time: after 10 ms no further one begins (on a busy server up to 100 ms, as
/// everything takes longer there), and one that takes longer than 250 ms, or has a statement of more than 200, runs again alone. Each still has an end of its own, in order and
/// within the limit. When one fails, what was done since the last savepoint is undone and runs
/// again; the failure is that of a run as the first of a transaction. A pause lets a group come to its end. It is an
/// option because a body can tell: `SET LOCAL` and the locks of the transaction stay for those after
/// it, `now()` is when the first began, equal notifications are sent once, and what others of its
/// group wrote is not seen on other connections yet.
#[proc_macro_attribute]
pub fn mutation(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(Kind::Mutation, attribute.into(), &item.into()).into()
}

/// Makes an async function a query: work that reads the database, in a `READ ONLY` transaction.
///
/// ```ignore
/// #[query]
/// async fn count_users(ctx: &mut QueryCtx<'_>) -> workpool::Result<i64> {
///     Ok(sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(ctx.db()).await?)
/// }
/// ```
///
/// It is run again as a mutation is, and takes the options of `#[action]` but `retry`. Its context enqueues
/// and cancels nothing.
#[proc_macro_attribute]
pub fn query(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(Kind::Query, attribute.into(), &item.into()).into()
}

/// Makes an async function a handler that is called when work has ended.
///
/// ```ignore
/// #[on_complete(context = EmailLog)]
/// async fn email_sent(
///     ctx: &mut MutationCtx<'_>,
///     done: Completion<EmailLog, Receipt>,
/// ) -> workpool::Result<()> {
///     match done.outcome {
///         Outcome::Success(receipt) => { /* write with ctx.db() */ }
///         Outcome::Failed(failure) => { check_status::enqueue(ctx, done.context.user_id).await?; }
///         Outcome::Canceled => {}
///     }
///     Ok(())
/// }
///
/// send_email::enqueue(&workpool, welcome).on_complete::<email_sent>(log).await?;
/// ```
///
/// It fits work whose result is the second type of its `Completion`, or any work at all if that is
/// `serde_json::Value`.
///
/// | option | meaning |
/// |---|---|
/// | `context = EmailLog` | the context, which is also the first type of the `Completion`; absent means `()` |
/// | `redact`, `redact("field")` | people who look at the work are not shown the context, or parts of it |
/// | `name = "…"` | the name that is stored, which must not change while work is waiting; else the path of the function |
/// | `grouped` | calls that are due at the same time may share a transaction, with what `#[mutation]` says of that |
#[proc_macro_attribute]
pub fn on_complete(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    expand(Kind::OnComplete, attribute.into(), &item.into()).into()
}

fn expand(kind: Kind, attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let mut faults = Faults::default();
    match parse(kind, attribute, item, &mut faults) {
        None => fallback::verbatim(item, &faults),
        Some(parts) => match Model::build(parts, &mut faults) {
            Ok(model) => expand::expand(&model),
            Err(parts) => fallback::fallback(&parts, &faults),
        },
    }
}

/// Reads both halves, whatever is wrong with either; `None` if the item is no function.
fn parse(
    kind: Kind,
    attribute: TokenStream,
    item: &TokenStream,
    faults: &mut Faults,
) -> Option<Parts> {
    let attribute = Attribute::parse(kind, attribute, faults);
    match syn::parse2::<Source>(item.clone()) {
        Ok(source) => {
            let signature = Signature::parse(kind, &source.sig, faults);
            Some(Parts { kind, source, attribute, signature })
        }
        Err(error) => {
            let attribute = kind.attribute();
            let message = format!("{error}: `{attribute}` goes on an `async fn` with a body");
            faults.at_span(error.span(), message);
            None
        }
    }
}

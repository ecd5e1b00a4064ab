//! None, one and several arguments, with none of the lints that judge public items complaining.

#![deny(missing_docs, missing_debug_implementations, unreachable_pub, warnings)]
#![expect(clippy::unused_async, reason = "a function of work is async, whether it waits or not")]

use workpool::{ActionCtx, QueryCtx, Workpool, action, query};

/// Cleans up.
#[action]
pub async fn clean_up(_ctx: &ActionCtx) -> workpool::Result<()> {
    Ok(())
}

#[query]
async fn double(_ctx: &mut QueryCtx<'_>, number: i64) -> workpool::Result<i64> {
    Ok(number * 2)
}

#[action]
pub(crate) async fn send_email(
    _ctx: &ActionCtx,
    user_id: i64,
    mut title: String,
) -> Result<String, std::fmt::Error> {
    title.push_str(&user_id.to_string());
    Ok(title)
}

async fn enqueue(workpool: &Workpool) -> workpool::Result<()> {
    clean_up::enqueue(workpool, ()).await?;
    double::enqueue_batch(workpool, [1, 2]).await?;
    let args = SendEmailArgs { user_id: 7, title: "Welcome".to_owned() };
    send_email::enqueue(workpool, args).await?;
    Ok(())
}

fn main() {
    let _ = enqueue;
}

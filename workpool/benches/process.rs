//! What an item costs in the process, piece by piece: to encode and decode it, to call it through the
//! type that hides its own, to arrange its end, to say when it is tried again.
//!
//! ```text
//! cargo bench -p workpool --features testing
//! ```

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use workpool::__private::{
    Ends, Entry, Handler, action_ctx, decode_args, encode_output, inventory,
};
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Result, RetryPolicy, action};

#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
    subject: String,
    tries: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct Sent {
    ok: bool,
    bytes: usize,
}

#[action]
#[expect(clippy::unused_async, reason = "a function of workpool is async")]
async fn send(_ctx: &ActionCtx, mail: Mail) -> Result<Sent> {
    Ok(Sent { ok: true, bytes: mail.to.len() + mail.subject.len() + mail.tries.len() })
}

const MAIL: &str = r#"{"to":"ada@example.com","subject":"Notes on the engine","tries":[1,2,3]}"#;

fn main() {
    divan::main();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[divan::bench]
fn decode_arguments() -> bool {
    decode_args::<send>(black_box(MAIL)).is_ok()
}

/// Checks what can be stored, writes it, and reads it back.
#[divan::bench]
fn encode_result() -> bool {
    encode_output::<send>(black_box(&Sent { ok: true, bytes: 17 })).is_ok()
}

/// Decodes, runs and encodes, behind the function pointer that the registry holds.
#[divan::bench]
fn call_through_the_registry(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let database = runtime.block_on(TestDatabase::create()).expect("a database");
    let ctx = action_ctx(database.workpool());
    let mut entries = inventory::iter::<Entry>.into_iter();
    let Some(&Entry { handler: Handler::Action(run), .. }) = entries.next() else {
        panic!("one action is registered");
    };
    bencher.bench_local(|| runtime.block_on(run(black_box(&ctx), black_box(MAIL))).is_ok());
}

#[divan::bench(args = [1, 100, 1000])]
fn arrange_ends(bencher: Bencher<'_, '_>, n: usize) {
    let counted = bencher.counter(ItemsCount::new(n));
    counted.with_inputs(|| Ends::of(n)).bench_local_values(Ends::arranged);
}

#[divan::bench]
fn delay_of_the_fifth_attempt() -> Duration {
    black_box(RetryPolicy::new()).delay(black_box(5), black_box(0.5))
}

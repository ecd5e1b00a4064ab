//! Ten thousand items in one transaction: all of them or none.
//!
//! ```text
//! cargo run --example batch
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Pool, Workpool, action};

workpool::pool!(THUMBNAILS = Pool::new("thumbnails").max_parallelism(200));

#[action(pool = THUMBNAILS)]
async fn make_thumbnail(ctx: &ActionCtx, _image: String) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    ctx.state::<Arc<AtomicUsize>>().fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn waiting(workpool: &Workpool) -> Result<u64> {
    Ok(workpool.stats("thumbnails").await?.backlog)
}

const IMAGES: usize = 10_000;

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    let images = || (0..IMAGES).map(|number| format!("image-{number}.jpeg"));

    // One item that cannot be stored, and nothing is.
    let with_a_bad_one = images().chain(["im\0age.jpeg".to_owned()]);
    let Err(error) = make_thumbnail::enqueue_batch(workpool, with_a_bad_one).await else {
        bail!("a NUL should have been refused");
    };
    assert_eq!(waiting(workpool).await?, 0);
    println!("refused: {error}");

    // In a transaction that is rolled back, nothing is stored either.
    let mut tx = workpool.db().begin().await?;
    make_thumbnail::enqueue_batch(&workpool.within(&mut tx), images()).await?;
    tx.rollback().await?;
    assert_eq!(waiting(workpool).await?, 0);
    println!("rolled back: nothing waits");

    let begun = Instant::now();
    let ids = make_thumbnail::enqueue_batch(workpool, images()).await?;
    println!("enqueued {} in {:.2?}", ids.len(), begun.elapsed());
    assert_eq!(ids.len(), IMAGES);
    assert_eq!(waiting(workpool).await?, IMAGES as u64);

    let made = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    workpool.worker().state(Arc::clone(&made)).drain().await?.assert_nothing_left();
    println!("ran {} in {:.2?}", made.load(Ordering::Relaxed), begun.elapsed());
    assert_eq!(made.load(Ordering::Relaxed), IMAGES, "each ran once");

    let first = workpool.status(ids[0]).await?.context("its status is kept")?;
    assert!(first.outcome().is_some());
    Ok(())
}

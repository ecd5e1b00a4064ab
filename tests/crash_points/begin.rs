//! What a claim of many items has brought is started beside what follows: also beside the question
//! which items are marked as ours without our knowing.

use crate::case::Kind;
use crate::functions::How;
use crate::lane::Lane;
use crate::verdict;

const ITEMS: usize = 300;
/// The first claim takes half of so many slots; there is room for a second one.
const SLOTS: u32 = 200;
/// The first is started late, and the answer to the second is lost.
const LATE: &str = "begin=1*return(delay(1500));claim-done=1*off->1*return(cut)";

/// True: it came like that. On a busy machine there may be a claim of few before.
pub(crate) async fn play(lane: &Lane) -> bool {
    lane.workpool.pool("mixed").set_max_parallelism(SLOTS).await.unwrap();
    let mut items = Vec::new();
    for _ in 0..ITEMS {
        items.push(lane.enqueue(Kind::Once, How::Takes(0), 0).await);
    }
    let mut victim = lane.faulty(LATE);
    victim.ready().await;
    lane.quiet().await;
    for item in items {
        verdict::entered_once(lane, item);
    }
    let hits = lane.all_hits();
    victim.terminate().await;
    hits == ["begin delay(1500)", "claim-done cut"]
}

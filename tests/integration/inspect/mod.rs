//! What the person on call sees and does.

mod bulk;
mod callbacks;
mod doctor;
mod lists;
mod pools;
mod scale;
mod show;
mod steer;
mod why;
mod workers;

use workpool::inspect::{Inspector, Page, WorkFilter, WorkRow, WorkState};
use workpool_tests::Stage;

/// All rows of a list, page by page, and how many pages there were.
async fn all(inspector: &Inspector, filter: &WorkFilter, limit: u32) -> (Vec<WorkRow>, usize) {
    let (mut rows, mut after) = (Vec::new(), None);
    for pages in 1..1000 {
        let Page { rows: more, next, .. } =
            inspector.work(filter, after.as_ref(), limit).await.unwrap();
        rows.extend(more);
        after = next;
        if after.is_none() {
            return (rows, pages);
        }
    }
    panic!("a list of a thousand pages");
}

/// The ids of what is in a state.
async fn ids(stage: &Stage, of: WorkState) -> Vec<uuid::Uuid> {
    let filter = WorkFilter::new().state(of);
    let (found, _) = all(&stage.workpool().inspect(), &filter, 100).await;
    found.into_iter().map(|row| row.id).collect()
}

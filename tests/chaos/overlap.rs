//! How many attempts of a pool were physically inside at once, by right: from their entry until they
//! left, or until the database gave their item to somebody else.

use std::collections::HashMap;

use uuid::Uuid;

use crate::books::{Books, Step};
use crate::clock::Moment;
use crate::items::Item;
use crate::outside::Sighting;

/// The most of each pool.
pub(crate) fn most(
    pools: usize,
    items: &[Item],
    sightings: &[Sighting],
    books: &Books,
) -> Vec<i64> {
    let pool_of: HashMap<_, _> = items.iter().map(|item| (item.id, item.pool)).collect();
    let pids = books.pids();
    let mut changes: Vec<Vec<(Moment, i64)>> = vec![Vec::new(); pools];
    for sighting in sightings {
        let Some(pool) = pool_of.get(&sighting.work) else { continue };
        let left = sighting.left.map_or(Moment::NEVER, |(at, _)| at);
        let until = left.min(superseded(sighting, books, &pids));
        if until > sighting.entered {
            changes[*pool].extend([(sighting.entered, 1), (until, -1)]);
        }
    }
    changes.into_iter().map(peak).collect()
}

/// When the attempt lost its item, at its end or before.
fn superseded(sighting: &Sighting, books: &Books, pids: &HashMap<Uuid, u32>) -> Moment {
    let moves = books.moves.get(&sighting.work).map_or(&[][..], Vec::as_slice);
    let own =
        |worker: Option<Uuid>| worker.and_then(|worker| pids.get(&worker)) == Some(&sighting.pid);
    let start = moves.iter().rev().find(|step| {
        step.what == Step::Start
            && step.attempt.unsigned_abs() == sighting.attempt
            && own(step.worker)
            && step.at <= sighting.entered
    });
    let Some(start) = start else { return Moment::NEVER };
    let over = |what| matches!(what, Step::Back | Step::End);
    let end = moves.iter().find(|step| over(step.what) && step.fence == start.fence);
    end.map_or(Moment::NEVER, |end| end.at)
}

fn peak(mut changes: Vec<(Moment, i64)>) -> i64 {
    // At the same moment whoever leaves goes first.
    changes.sort_unstable();
    let mut inside = 0;
    changes.into_iter().fold(0, |most, (_, change)| {
        inside += change;
        most.max(inside)
    })
}

//! The life of a work item as a table: every state against every event, tried against the
//! database with the statements that workers run, and with the public API.
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod events;
#[path = "../simulation/hand.rs"]
#[allow(dead_code, reason = "the races use all of it")]
mod hand;
mod states;

use std::sync::Mutex;

use futures_util::future::join_all;

use self::events::{EVENTS, Event};
use self::states::{STATES, Stage, State};

/// A row for each state, a column for each event. `·`: the event is refused, or finds nothing to
/// do, and nothing changes.
const TABLE: &str = "
                 | unknown | waiting  | scheduled | backoff  | running          | cancel requested | success | failed  | canceled
 claim           | ·       | running  | ·         | ·        | ·                | ·                | ·       | ·       | ·
 success         | ·       | ·        | ·         | ·        | success          | success          | ·       | ·       | ·
 last failure    | ·       | ·        | ·         | ·        | failed           | failed           | ·       | ·       | ·
 failure         | ·       | ·        | ·         | ·        | backoff          | canceled         | ·       | ·       | ·
 release         | ·       | ·        | ·         | ·        | waiting          | canceled         | ·       | ·       | ·
 lost claim      | ·       | ·        | ·         | ·        | waiting          | canceled         | ·       | ·       | ·
 stale success   | ·       | ·        | ·         | ·        | ·                | ·                | ·       | ·       | ·
 stale failure   | ·       | ·        | ·         | ·        | ·                | ·                | ·       | ·       | ·
 stale release   | ·       | ·        | ·         | ·        | ·                | ·                | ·       | ·       | ·
 foreign success | ·       | ·        | ·         | ·        | ·                | ·                | ·       | ·       | ·
 cancel          | ·       | canceled | canceled  | canceled | cancel requested | cancel requested | ·       | ·       | ·
 due             | ·       | ·        | waiting   | waiting  | ·                | ·                | ·       | ·       | ·
 once dies       | ·       | ·        | ·         | ·        | failed           | failed           | ·       | ·       | ·
 again dies      | ·       | ·        | ·         | ·        | backoff          | canceled         | ·       | ·       | ·
 again dies last | ·       | ·        | ·         | ·        | failed           | failed           | ·       | ·       | ·
 book dies       | ·       | ·        | ·         | ·        | waiting          | canceled         | ·       | ·       | ·
 book is poison  | ·       | ·        | ·         | ·        | failed           | canceled         | ·       | ·       | ·
 enqueue again   | waiting | ·        | ·         | ·        | ·                | ·                | ·       | ·       | ·
 pause           | ·       | ·        | ·         | ·        | ·                | ·                | ·       | ·       | ·
 expiry          | ·       | ·        | ·         | ·        | ·                | ·                | unknown | unknown | unknown
";

/// What becomes of each state; none: nothing.
type Row = Vec<(State, Option<State>)>;

/// The table as it is read.
fn table() -> Vec<(Event, Row)> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let named = |name: &str| {
        let found = STATES.iter().find(|state| state.name() == name);
        *found.unwrap_or_else(|| panic!("no such state: {name}"))
    };
    let heads: Vec<_> = cells(lines.next().unwrap())[1..].iter().map(|name| named(name)).collect();
    assert_eq!(heads, STATES, "a column for each state");
    let rows = lines.map(|line| {
        let cells = cells(line);
        let event = EVENTS.iter().find(|event| event.name() == cells[0]);
        let event = *event.unwrap_or_else(|| panic!("no such event: {}", cells[0]));
        assert_eq!(cells.len(), STATES.len() + 1, "a cell is missing: {line}");
        let after = cells[1..].iter().map(|cell| (*cell != "·").then(|| named(cell)));
        (event, heads.iter().copied().zip(after).collect())
    });
    rows.collect()
}

#[test]
fn the_table_has_a_row_for_each_event() {
    let events: Vec<_> = table().iter().map(|(event, _)| *event).collect();
    assert_eq!(events, EVENTS);
}

/// So many databases at once: those who look for the dead wait more than they compute.
const STAGES: usize = 4;

#[tokio::test]
async fn every_event_does_to_every_state_what_the_table_says() {
    let rows = Mutex::new(table());
    let stages = join_all((0..STAGES).map(|_| play(&rows)));
    let faults: Vec<String> = stages.await.concat();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Plays rows until none is left. Returns what was not as it should be.
async fn play(rows: &Mutex<Vec<(Event, Row)>>) -> Vec<String> {
    let stage = Stage::new().await;
    let mut faults = Vec::new();
    let next = || rows.lock().unwrap().pop();
    while let Some((event, row)) = next() {
        for (before, after) in row {
            if let Err(fault) = stage.cell(before, event, after).await {
                faults.push(format!("{} in {}: {fault}", event.name(), before.name()));
            }
        }
    }
    stage.close().await;
    faults
}

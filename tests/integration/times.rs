//! Section 3: never early, and never rewritten.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use workpool::{Error, Status};
use workpool_tests::Stage;

use crate::functions::read_clock;

/// 9999-12-31 23:59:59.999999.
const LAST: Duration = Duration::from_micros(253_402_300_799_999_999);

/// A time of some calendar library.
struct Calendar(u64);

impl From<Calendar> for SystemTime {
    fn from(Calendar(micros): Calendar) -> Self {
        UNIX_EPOCH + Duration::from_micros(micros)
    }
}

#[tokio::test]
async fn nothing_starts_before_its_delay_has_passed_by_the_clock_of_the_database() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    for delay_us in [1, 1000, 50_000, 250_000] {
        let before = stage.clock().await;
        let delay = Duration::from_micros(delay_us);
        let id = read_clock::enqueue(stage.workpool(), ()).run_after(delay).await.unwrap();
        let ran = stage.workpool().result(id).await.unwrap();
        assert!(ran >= before + delay_us.cast_signed(), "{ran} {before} {delay_us}");
    }
}

#[tokio::test]
async fn nothing_starts_before_its_time_by_the_clock_of_the_database() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let at = stage.clock().await + 200_000;
    let time = Calendar(at.unsigned_abs());
    let id = read_clock::enqueue(stage.workpool(), ()).run_at(time).await.unwrap();
    let ran = stage.workpool().result(id).await.unwrap();
    assert!(ran >= at, "{ran} {at}");
}

#[tokio::test]
async fn a_time_in_the_far_future_is_kept_as_it_was_given() {
    let stage = Stage::new().await;
    let time = UNIX_EPOCH + LAST;
    let id = read_clock::enqueue(stage.workpool(), ()).run_at(time).await.unwrap();
    let stored: String = stage.column("(run_at AT TIME ZONE 'UTC')::text", id).await;
    assert_eq!(stored, "9999-12-31 23:59:59.999999");
    match stage.workpool().status(id).await.unwrap() {
        Some(Status::Pending { run_at, .. }) => assert_eq!(run_at, time),
        other => panic!("{other:?}"),
    }
    let left = stage.drain().await.left;
    assert_eq!((left.len(), left[0].run_at), (1, time));
}

#[tokio::test]
async fn a_past_time_means_now() {
    let stage = Stage::new().await;
    let past = [UNIX_EPOCH - Duration::from_secs(1 << 40), UNIX_EPOCH, SystemTime::now()];
    for time in past {
        read_clock::enqueue(stage.workpool(), ()).run_at(time).await.unwrap();
    }
    stage.drain().await.assert_nothing_left();
}

#[tokio::test]
async fn a_time_beyond_the_year_9999_is_refused() {
    let stage = Stage::new().await;
    let year_10000 = UNIX_EPOCH + LAST + Duration::from_micros(1);
    let refused = read_clock::enqueue(stage.workpool(), ()).run_at(year_10000).await;
    assert!(matches!(refused, Err(Error::InvalidInput { what: "run_at", .. })), "{refused:?}");
    for delay in [Duration::MAX, Duration::from_hours(8000 * 366 * 24)] {
        let refused = read_clock::enqueue(stage.workpool(), ()).run_after(delay).await;
        assert!(
            matches!(refused, Err(Error::InvalidInput { what: "run_after", .. })),
            "{refused:?}"
        );
    }
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn a_delay_of_thousands_of_years_is_kept() {
    let stage = Stage::new().await;
    let delay = Duration::from_hours(7000 * 365 * 24);
    let id = read_clock::enqueue(stage.workpool(), ()).run_after(delay).await.unwrap();
    let kept: bool = stage.column("run_at - enqueued_at = interval '2555000 days'", id).await;
    assert!(kept);
}

#[tokio::test]
async fn of_a_time_and_a_delay_the_one_that_was_said_last_counts() {
    let stage = Stage::new().await;
    let far = Duration::from_hours(1);
    let later = read_clock::enqueue(stage.workpool(), ()).run_at(SystemTime::now()).run_after(far);
    let later = later.await.unwrap();
    let now = read_clock::enqueue(stage.workpool(), ()).run_after(far).run_at(SystemTime::now());
    let now = now.await.unwrap();
    let left = stage.drain().await.left;
    assert_eq!(left.iter().map(|item| item.id).collect::<Vec<_>>(), [later.uuid()]);
    assert!(stage.workpool().status(now).await.unwrap().unwrap().outcome().is_some());
}

#[tokio::test]
async fn a_clock_of_this_machine_that_is_wrong_changes_no_delay() {
    let stage = Stage::new().await;
    let hour = Duration::from_hours(1);
    // Whatever this machine's clock said when the call was made, lies before what counts.
    let enqueue = read_clock::enqueue(stage.workpool(), ()).run_after(hour).into_future();
    let before = stage.clock().await;
    let id = enqueue.await.unwrap();
    let due = "(extract(epoch FROM run_at) * 1000000)::bigint";
    let due: i64 = stage.column(due, id).await;
    let after = stage.clock().await;
    assert!((before..=after).contains(&(due - 3_600_000_000)), "reckoned by the database");
}

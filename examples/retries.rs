//! When a failed attempt is followed by another, and after how long: backoff, failures that no
//! retry can mend, and services that say when to come back.
//!
//! ```text
//! cargo run --example retries
//! ```

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Failure, action};

/// The delays double, each times a random factor between 0.5 and 1.5.
#[action(pool = "weather", retry(max_attempts = 4, initial_backoff = "200ms", base = 2.0))]
async fn forecast(ctx: &ActionCtx, city: String) -> Result<String> {
    ctx.state::<Arc<Timeline>>().mark(&city, ctx.attempt());
    match ask_service(&city, ctx.attempt()).await {
        Err(error @ ServiceError::NoSuchCity) => Err(Failure::non_retryable(error).into()),
        Err(error @ ServiceError::TooManyRequests(wait)) => {
            Err(Failure::retry_after(wait, error).into())
        }
        // Any other error is retried as the policy says.
        answer => Ok(answer?),
    }
}

#[derive(Debug, thiserror::Error)]
enum ServiceError {
    #[error("503 the service is down")]
    Down,
    #[error("404 there is no such city")]
    NoSuchCity,
    #[error("429 come back in {0:?}")]
    TooManyRequests(Duration),
}

async fn ask_service(city: &str, attempt: u32) -> Result<String, ServiceError> {
    sleep(Duration::from_millis(20)).await;
    match city {
        "Atlantis" => Err(ServiceError::NoSuchCity),
        "Lima" if attempt == 1 => Err(ServiceError::TooManyRequests(Duration::from_millis(900))),
        "Oslo" if attempt < 4 => Err(ServiceError::Down),
        "Pompeii" => Err(ServiceError::Down),
        _ => Ok("fair".to_owned()),
    }
}

/// When each attempt began.
struct Timeline {
    begun: Instant,
    attempts: Mutex<Vec<(String, Instant)>>,
}

impl Timeline {
    fn mark(&self, city: &str, attempt: u32) {
        let now = Instant::now();
        println!("{:5} ms  {city:<8} attempt {attempt}", (now - self.begun).as_millis());
        self.attempts.lock().expect("no code panics with this lock").push((city.to_owned(), now));
    }

    /// The times between the attempts for a city.
    fn gaps(&self, city: &str) -> Vec<Duration> {
        let attempts = self.attempts.lock().expect("no code panics with this lock");
        let times: Vec<_> =
            attempts.iter().filter(|(of, _)| of == city).map(|(_, at)| *at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    let timeline = Arc::new(Timeline { begun: Instant::now(), attempts: Mutex::default() });
    let worker = workpool.worker().state(Arc::clone(&timeline)).start().await?;

    let cities = ["Rome", "Oslo", "Lima", "Atlantis", "Pompeii"];
    let ids = forecast::enqueue_batch(workpool, cities.map(String::from)).await?;
    let mut ends = Vec::new();
    for id in ids {
        ends.push(workpool.result(id).await.map_err(|error| error.to_string()));
    }
    worker.shutdown().await;

    for (city, end) in cities.iter().zip(&ends) {
        println!("{city:<8}  {}", end.as_ref().unwrap_or_else(|error| error));
    }
    assert_eq!(ends[1].as_deref(), Ok("fair"), "the fourth attempt succeeded");
    for (gap, nominal) in timeline.gaps("Oslo").iter().zip([200, 400, 800]) {
        assert!(*gap >= Duration::from_millis(nominal) / 2, "attempted too early: {gap:?}");
    }
    assert!(timeline.gaps("Lima")[0] >= Duration::from_millis(900), "as the service asked");
    assert_eq!(timeline.gaps("Atlantis"), [], "no second attempt");
    assert_eq!(timeline.gaps("Pompeii").len(), 3, "four attempts, then failed");
    println!("no attempt came before its backoff or its retry_after; non_retryable ended at once");
    Ok(())
}

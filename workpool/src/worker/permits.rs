//! Who may open a transaction: a bound for the process, and a place beside it for each pool, so that
//! a pool full of long mutations does not stop those of another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places beside the common ones: so many pools at once have one.
pub(crate) const BESIDE: u32 = 16;

#[derive(Debug)]
pub(crate) struct Permits {
    common: Arc<Semaphore>,
    beside: Arc<Semaphore>,
    #[cfg(feature = "metrics")]
    size: u32,
    of_pool: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// A place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Permit {
    _places: [Option<OwnedSemaphorePermit>; 2],
}

impl Permits {
    pub(crate) fn new(common: u32) -> Self {
        Self {
            common: Arc::new(Semaphore::new(common as usize)),
            beside: Arc::new(Semaphore::new(BESIDE as usize)),
            #[cfg(feature = "metrics")]
            size: common + BESIDE,
            of_pool: Mutex::default(),
        }
    }

    /// Waits for a common place, or for the one of the pool beside them.
    pub(crate) async fn acquire(&self, pool: &Arc<str>) -> Permit {
        let of_pool = self.of_pool(pool);
        let beside = async {
            let own = of_pool.acquire_owned().await.ok();
            [own, Arc::clone(&self.beside).acquire_owned().await.ok()]
        };
        let places = tokio::select! {
            biased;
            common = Arc::clone(&self.common).acquire_owned() => [common.ok(), None],
            places = beside => places,
        };
        Permit { _places: places }
    }

    /// The pool is gone.
    pub(crate) fn forget(&self, pool: &str) {
        self.of_pool.lock().expect("no code panics with this lock").remove(pool);
    }

    /// How many places are taken.
    #[cfg(feature = "metrics")]
    pub(crate) fn in_use(&self) -> usize {
        let free = self.common.available_permits() + self.beside.available_permits();
        (self.size as usize).saturating_sub(free)
    }

    fn of_pool(&self, pool: &Arc<str>) -> Arc<Semaphore> {
        let mut of_pool = self.of_pool.lock().expect("no code panics with this lock");
        let one = || Arc::new(Semaphore::new(1));
        Arc::clone(of_pool.entry(Arc::clone(pool)).or_insert_with(one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pool_that_uses_all_common_places_leaves_one_to_another() {
        let permits = Permits::new(2);
        let (flood, other) = (Arc::<str>::from("flood"), Arc::<str>::from("other"));
        let held = [permits.acquire(&flood).await, permits.acquire(&flood).await];
        let beside = permits.acquire(&flood).await;
        let others = permits.acquire(&other).await;
        drop((held, beside, others));
    }

    #[tokio::test]
    async fn a_pool_that_is_gone_is_forgotten() {
        let permits = Permits::new(2);
        for n in 0..10 {
            let pool = Arc::<str>::from(format!("tenant-{n}"));
            drop(permits.acquire(&pool).await);
            permits.forget(&pool);
        }
        assert!(permits.of_pool.lock().unwrap().is_empty());
    }
}

//! Remembers what handlers did, and how many of them did it at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::waiting::patiently;

/// A log of what handlers saw. Clones share it; give one to the worker as state.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    seen: Arc<watch::Sender<Vec<String>>>,
    places: Arc<Mutex<HashMap<String, Place>>>,
}

#[derive(Debug, Default)]
struct Place {
    inside: usize,
    most: usize,
}

/// Somebody is in a place, until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Inside {
    witness: Witness,
    place: String,
}

impl Witness {
    /// For handlers: writes something down.
    pub fn saw(&self, what: impl Into<String>) {
        self.seen.send_modify(|seen| seen.push(what.into()));
    }

    /// Everything, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// How often something was seen.
    #[must_use]
    pub fn count(&self, what: &str) -> usize {
        self.seen.borrow().iter().filter(|seen| *seen == what).count()
    }

    /// Waits until something has been seen so often.
    pub async fn until(&self, what: &str, times: usize) {
        let mut seen = self.seen.subscribe();
        let often = |seen: &Vec<String>| seen.iter().filter(|s| *s == what).count() >= times;
        patiently(&format!("`{what}` is seen {times} times"), seen.wait_for(often)).await.unwrap();
    }

    /// For handlers: enters a place.
    pub fn enter(&self, place: &str) -> Inside {
        let mut places = self.places.lock().unwrap();
        let entered = places.entry(place.to_owned()).or_default();
        entered.inside += 1;
        entered.most = entered.most.max(entered.inside);
        Inside { witness: self.clone(), place: place.to_owned() }
    }

    /// The most that were in a place at once.
    #[must_use]
    pub fn most_at_once(&self, place: &str) -> usize {
        self.places.lock().unwrap().get(place).map_or(0, |place| place.most)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(place) = self.witness.places.lock().unwrap().get_mut(&self.place) {
            place.inside -= 1;
        }
    }
}

//! Named places where handlers wait until the test lets them go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};

use crate::waiting::patiently;

/// Gates by name, all closed at first. Clones share them; give one to the worker as state.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Mutex<HashMap<String, Arc<Gate>>>>);

#[derive(Debug)]
struct Gate {
    arrivals: watch::Sender<usize>,
    permits: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrivals: watch::Sender::new(0), permits: Semaphore::new(0) }
    }
}

impl Gates {
    /// For handlers: says that it is here, and waits to be let through.
    pub async fn pass(&self, name: &str) {
        let gate = self.gate(name);
        gate.arrivals.send_modify(|arrivals| *arrivals += 1);
        // An error means that the gate was opened for good.
        if let Ok(permit) = gate.permits.acquire().await {
            permit.forget();
        }
    }

    /// Waits until so many handlers in all have arrived.
    pub async fn arrived(&self, name: &str, handlers: usize) {
        let mut arrivals = self.gate(name).arrivals.subscribe();
        let what = format!("{handlers} arrive at the gate `{name}`");
        patiently(&what, arrivals.wait_for(|arrivals| *arrivals >= handlers)).await.unwrap();
    }

    /// How many handlers in all have arrived.
    #[must_use]
    pub fn arrivals(&self, name: &str) -> usize {
        *self.gate(name).arrivals.borrow()
    }

    /// Lets so many through.
    pub fn admit(&self, name: &str, handlers: usize) {
        self.gate(name).permits.add_permits(handlers);
    }

    /// Lets everybody through, from now on.
    pub fn open(&self, name: &str) {
        self.gate(name).permits.close();
    }

    fn gate(&self, name: &str) -> Arc<Gate> {
        Arc::clone(self.0.lock().unwrap().entry(name.to_owned()).or_default())
    }
}

//! How much of a trial is run, and what came of it: exposures, breaches, figures.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Breaches that are shown in full.
const SHOWN: usize = 20;

/// How a trial is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What draws everything that is drawn.
    pub(crate) seed: u64,
    /// 1 is the full size.
    pub(crate) scale: f64,
    /// Whether figures that depend on the machine must hold too.
    pub(crate) strict: bool,
    /// The program `trials`, to start others of it.
    pub(crate) program: PathBuf,
}

impl Setup {
    /// A seed from `WORKPOOL_SEED`, else from the clock.
    #[allow(dead_code, reason = "the tests use it, the program does not")]
    pub(crate) fn of_a_test(program: &str) -> Self {
        let given = std::env::var("WORKPOOL_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = given.unwrap_or(u64::from(clock.subsec_nanos()) ^ clock.as_secs());
        Self { seed, scale: 1.0, strict: false, program: program.into() }
    }

    /// So many of what there are `full` of at full size, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "about so many"
    )]
    pub(crate) fn some(&self, full: u64) -> u64 {
        ((full as f64 * self.scale).round() as u64).max(1)
    }

    /// The same at a part of that.
    pub(crate) fn part(&self, part: f64) -> Self {
        Self { scale: self.scale * part, ..self.clone() }
    }

    /// As `some`, of time.
    pub(crate) fn time(&self, full: Duration) -> Duration {
        full.mul_f64(self.scale)
    }

    /// The numbers of one part of the trial: what another part draws does not change them.
    pub(crate) fn numbers(&self, part: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

/// What came of a trial.
#[derive(Debug)]
pub(crate) struct Report {
    /// How often the promise could have been broken.
    pub(crate) exposures: u64,
    breaches: Vec<String>,
    figures: BTreeMap<String, Value>,
    begun: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self { exposures: 0, breaches: Vec::new(), figures: BTreeMap::new(), begun: Instant::now() }
    }
}

impl Report {
    /// The promise was broken.
    pub(crate) fn breach(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.breaches.len() < SHOWN {
            println!("breach: {what}");
        }
        self.breaches.push(what);
    }

    /// The promise was broken unless this holds.
    pub(crate) fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.breach(what());
        }
    }

    /// Something measured or counted.
    pub(crate) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// One more of something counted.
    pub(crate) fn count(&mut self, name: &str) {
        let count = self.figures.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.figure(name, count + 1);
    }

    /// With no breach in n exposures, breaches are rarer than 3/n with a confidence of 95 %.
    #[expect(clippy::cast_precision_loss, reason = "a bound in round numbers")]
    fn line(&self, name: &str, seed: u64) -> String {
        let bound =
            (self.breaches.is_empty() && self.exposures > 0).then(|| 3.0 / self.exposures as f64);
        let line = json!({
            "trial": name,
            "seed": seed,
            "exposures": self.exposures,
            "breaches": self.breaches.len(),
            "bound": bound,
            "figures": self.figures,
            "seconds": self.begun.elapsed().as_secs(),
        });
        line.to_string()
    }

    /// The last lines of the program, and how it ends.
    #[allow(dead_code, reason = "the program uses it, the tests do not")]
    pub(crate) fn conclude(self, name: &str, setup: &Setup) -> ExitCode {
        println!("{}", self.line(name, setup.seed));
        if self.breaches.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("again: trials {name} --seed {} --scale {}", setup.seed, setup.scale);
        ExitCode::FAILURE
    }

    /// The end of a test.
    #[allow(dead_code, reason = "the tests use it, the program does not")]
    pub(crate) fn must_hold(self, name: &str, setup: &Setup) {
        println!("{}", self.line(name, setup.seed));
        let shown = self.breaches.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
        let seed = setup.seed;
        assert!(self.breaches.is_empty(), "again with WORKPOOL_SEED={seed}:\n{shown}");
        assert!(self.exposures > 0, "nothing was tried");
    }
}

/// The value below which so many per cent of these are.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}

/// A time as a figure.
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

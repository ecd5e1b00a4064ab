//! Numbers that only look random, drawn by a seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator: what a seed does must not change with a dependency.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From `WORKPOOL_SEED`, else from the time; says which.
    #[must_use]
    pub fn seeded(what: &str) -> Self {
        let given = std::env::var("WORKPOOL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(Self::fresh);
        println!("{what}: WORKPOOL_SEED={seed}");
        Self(seed)
    }

    /// A seed that was not used before.
    #[must_use]
    pub fn fresh() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::from(now.subsec_nanos()) ^ now.as_secs()
    }

    /// The same numbers each time.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// By the method of splitmix64.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Any number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }

    /// Any number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// An index into something of that length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a usize")
    }

    /// Puts things into any order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            let at = self.index(end + 1);
            things.swap(end, at);
        }
    }
}

//! A seeded stream of random bits that clones share.

use crate::sync::{AtomicU64, Relaxed};

/// `SplitMix64`: one addition on a shared word and a mix of the result (Steele, Lea and Flood, *Fast
/// Splittable Pseudorandom Number Generators*, 2014).
#[derive(Debug)]
pub(crate) struct SplitMix(AtomicU64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        SplitMix(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        // Relaxed: every addition is seen once by somebody, which is all that the stream needs.
        let state = self.0.fetch_add(GOLDEN_GAMMA, Relaxed);
        let mut z = state.wrapping_add(GOLDEN_GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

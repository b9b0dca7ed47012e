//! The last calls, up to 64, as the bits of one word.

use std::array;

use super::{Counts, Sample};
use crate::{
    snapshot::Bucket,
    sync::{AcqRel, AtomicU64, OwnLine, Relaxed},
    word::{WINDOWS, Word},
};

/// As many calls as a word has bits.
pub(super) const MAX_SIZE: u32 = u64::BITS;

/// Shift registers: the newest call is the lowest bit, and the oldest falls out.
///
/// All 64 bits may be calls, so there is none left for a generation. Instead the registers of successive
/// closed periods take turns, and an outcome is checked for its period before it is written. To count in
/// a later period it would have to be held up between the two while the breaker opens and closes four
/// times.
#[derive(Debug)]
pub(crate) struct Registers {
    size: u32,
    mask: u64,
    watches_slow: bool,
    turns: [OwnLine<Register>; WINDOWS],
}

#[derive(Debug, Default)]
struct Register {
    failures: AtomicU64,
    slow: AtomicU64,
    /// How many calls there have been, until there are as many as bits.
    calls: AtomicU64,
}

impl Registers {
    pub(super) fn new(size: u32, watches_slow: bool) -> Self {
        Registers {
            size,
            mask: u64::MAX >> (MAX_SIZE - size),
            watches_slow,
            turns: array::from_fn(|_| OwnLine::default()),
        }
    }

    pub(super) fn begin(&self, word: Word) {
        let register = &self.turns[word.window()].0;
        // Relaxed: published with the word of the period, which is stored after this.
        register.failures.store(0, Relaxed);
        register.slow.store(0, Relaxed);
        register.calls.store(0, Relaxed);
    }

    /// Whether one more good call would change nothing.
    #[inline]
    pub(super) fn is_unmoved_by_good_calls(&self, word: Word) -> bool {
        let register = &self.turns[word.window()].0;
        // Relaxed: see `shift`.
        self.is_all_good(word) && register.calls.load(Relaxed) >= u64::from(self.size)
    }

    #[inline]
    pub(super) fn is_all_good(&self, word: Word) -> bool {
        let register = &self.turns[word.window()].0;
        // Relaxed: as it is at some moment.
        register.failures.load(Relaxed) == 0 && register.slow.load(Relaxed) == 0
    }

    #[inline]
    pub(super) fn record(&self, word: Word, sample: Sample) -> Option<Counts> {
        let register = &self.turns[word.window()].0;
        let size = u64::from(self.size);
        // Relaxed: it only grows, and nothing is published through it. An outcome counts itself before
        // it shifts its bit in, so whoever sees the bit (the exchange below) sees it counted.
        let is_full = register.calls.load(Relaxed) >= size;
        if !is_full {
            register.calls.fetch_add(1, Relaxed);
        }
        let failures = self.shift(&register.failures, sample.failed, is_full);
        let slow = if self.watches_slow {
            self.shift(&register.slow, sample.slow, is_full)
        } else {
            0
        };
        (failures | slow != 0).then(|| {
            let calls = register.calls.load(Relaxed).min(size);
            Counts {
                known: calls,
                calls,
                failures: u64::from(failures.count_ones()),
                slow: u64::from(slow.count_ones()),
            }
        })
    }

    /// Shifts one bit in, and returns what is there then.
    #[inline]
    fn shift(&self, register: &AtomicU64, bit: bool, is_full: bool) -> u64 {
        // Relaxed: only a first guess, or the answer where a good call meets a full window of good
        // calls: shifting would change nothing, so threads that fare well share the line unwritten.
        let mut seen = register.load(Relaxed);
        if is_full && !bit && seen == 0 {
            return 0;
        }
        loop {
            let next = (seen << 1 | u64::from(bit)) & self.mask;
            // AcqRel: pairs with itself, see the count of calls above.
            match register.compare_exchange_weak(seen, next, AcqRel, Relaxed) {
                Ok(_) => return next,
                Err(newer) => seen = newer,
            }
        }
    }

    pub(super) fn buckets(&self, word: Word) -> Vec<Bucket> {
        let register = &self.turns[word.window()].0;
        let failures = register.failures.load(Relaxed);
        let slow = register.slow.load(Relaxed);
        let calls = register.calls.load(Relaxed).min(u64::from(self.size));
        let bit = |word: u64, at: u64| word >> at & 1;
        (0..calls)
            .rev()
            .map(|at| Bucket::of_calls(1, bit(failures, at), bit(slow, at)))
            .collect()
    }
}

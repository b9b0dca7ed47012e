//! How many calls have failed in a row.

use crate::{
    settings::Health,
    sync::{AtomicU64, OwnLine, Relaxed},
    word::Word,
};

/// One word: the low 32 bits of the generation above the number of failures.
#[derive(Debug)]
pub(crate) struct InARow(OwnLine<AtomicU64>);

#[derive(Clone, Copy)]
struct Row(u64);

impl Row {
    fn of(word: Word, failures: u32) -> Row {
        Row(word.generation() << 32 | u64::from(failures))
    }

    fn failures_in(self, word: Word) -> u32 {
        let is_of_period = self.0 >> 32 == Row::of(word, 0).0 >> 32;
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        if is_of_period { self.0 as u32 } else { 0 }
    }

    /// Whether it is of a period after that of `word`, which is over then.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    fn is_later_than(self, word: Word) -> bool {
        let ahead = ((self.0 >> 32) as u32).wrapping_sub(word.generation() as u32);
        ahead != 0 && ahead < 1 << 31
    }
}

impl InARow {
    pub(crate) fn new() -> Self {
        InARow(OwnLine(AtomicU64::new(0)))
    }

    /// Counts a call of the period of `word`; how many have failed in a row then.
    #[inline]
    pub(crate) fn record(&self, word: Word, health: Health) -> u32 {
        let fails = match health {
            Health::Good => false,
            Health::Bad { in_a_row: true } => true,
            _ => return 0,
        };
        // Relaxed, here and below: the word is the whole state of this rule.
        let mut seen = Row(self.0.0.load(Relaxed));
        if !fails && seen.failures_in(word) == 0 {
            return 0;
        }
        loop {
            if seen.is_later_than(word) {
                return 0;
            }
            let failures = if fails {
                seen.failures_in(word).saturating_add(1)
            } else {
                0
            };
            let next = Row::of(word, failures);
            match self
                .0
                .0
                .compare_exchange_weak(seen.0, next.0, Relaxed, Relaxed)
            {
                Ok(_) => return failures,
                Err(newer) => seen = Row(newer),
            }
        }
    }

    pub(crate) fn failures(&self, word: Word) -> u32 {
        Row(self.0.0.load(Relaxed)).failures_in(word)
    }

    pub(crate) fn set(&self, word: Word, failures: u32) {
        self.0.0.store(Row::of(word, failures).0, Relaxed);
    }
}

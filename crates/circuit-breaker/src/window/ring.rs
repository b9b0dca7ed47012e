//! More than 64 calls, as a ring of buckets.

use super::{Counts, Sample};
use crate::{
    snapshot::Bucket,
    sync::{AtomicU64, OwnLine, Relaxed, SeqCst, fence_of_the_model},
    word::Word,
};

/// A bucket holds a thirty-second of the window, so that the window never holds less than fifteen
/// sixteenths of what was asked for: it loses one bucket when it begins another, and is rounded down to
/// whole ones.
const BUCKETS_AT_LEAST: u32 = 32;

/// The largest window: a bucket's counts are 16 bits.
pub(crate) const MAX_CALLS: u32 = 1_000_000;

const SEQUENCE_BITS: u32 = 48;
const SEQUENCE: u64 = (1 << SEQUENCE_BITS) - 1;

/// Buckets of calls. Good calls move the position on; only bad ones are written down.
///
/// Position and generation are one word, so an outcome of another period is never counted.
#[derive(Debug)]
pub(crate) struct Ring {
    size: u32,
    min_calls: u64,
    /// How many calls a bucket holds.
    width: u64,
    buckets: Box<[AtomicU64]>,
    line: OwnLine<Line>,
}

#[derive(Debug)]
struct Line {
    /// How many calls the period has had.
    position: AtomicU64,
    /// The position after the newest bad call.
    newest_bad: AtomicU64,
}

/// The low 16 bits of a generation above a count of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position(u64);

impl Position {
    fn start(word: Word) -> Self {
        Position(word.generation() << SEQUENCE_BITS)
    }

    fn calls(self) -> u64 {
        self.0 & SEQUENCE
    }

    fn is_of(self, word: Word) -> bool {
        self.0 >> SEQUENCE_BITS == Position::start(word).0 >> SEQUENCE_BITS
    }

    /// After one more call. After 2^48 of them, some years at a million a second, it stands still.
    fn next(self) -> Self {
        if self.calls() == SEQUENCE {
            self
        } else {
            Position(self.0 + 1)
        }
    }
}

/// The bad calls of one bucket: which bucket of which period it is, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tally {
    /// 8 bits of the generation, 24 of the bucket's number.
    tag: u32,
    failures: u16,
    slow: u16,
}

impl Tally {
    fn empty(tag: u32) -> Tally {
        Tally {
            tag,
            failures: 0,
            slow: 0,
        }
    }

    fn is_empty(self) -> bool {
        self.failures == 0 && self.slow == 0
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "three parts of one word, put together below"
    )]
    fn unpack(word: u64) -> Tally {
        Tally {
            tag: (word >> 32) as u32,
            failures: (word >> 16) as u16,
            slow: word as u16,
        }
    }

    fn pack(self) -> u64 {
        u64::from(self.tag) << 32 | u64::from(self.failures) << 16 | u64::from(self.slow)
    }

    fn add(self, sample: Sample) -> Tally {
        Tally {
            failures: self.failures.saturating_add(sample.failed.into()),
            slow: self.slow.saturating_add(sample.slow.into()),
            ..self
        }
    }
}

const NUMBER_BITS: u32 = 24;
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low bits are what tells buckets apart"
)]
fn tag(word_generation: u64, number: u64) -> u32 {
    (word_generation as u32) << NUMBER_BITS | number as u32 & NUMBER
}

impl Ring {
    pub(super) fn new(size: u32, min_calls: u32) -> Self {
        let width = (size / BUCKETS_AT_LEAST).max(1);
        Ring {
            size,
            min_calls: u64::from(min_calls),
            width: u64::from(width),
            buckets: (0..size / width).map(|_| AtomicU64::new(0)).collect(),
            line: OwnLine(Line {
                position: AtomicU64::new(0),
                newest_bad: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn begin(&self, word: Word) {
        // Relaxed: published with the word of the period, which is stored after this. What a call of an
        // earlier one writes into a bucket later has a tag of that.
        for bucket in &self.buckets {
            bucket.store(0, Relaxed);
        }
        // A swap, as the model checker finds no place for a store among the exchanges of others.
        self.line.0.position.swap(Position::start(word).0, Relaxed);
        self.line
            .0
            .newest_bad
            .store(Position::start(word).0, Relaxed);
    }

    /// Whether one more good call would change nothing.
    #[inline]
    pub(super) fn is_unmoved_by_good_calls(&self) -> bool {
        // Relaxed: a good call that meets a bad one at this moment came before it.
        self.is_full_of_good(Position(self.line.0.position.load(Relaxed)))
    }

    pub(super) fn is_all_good(&self) -> bool {
        let counts = self.counts();
        counts.failures + counts.slow == 0
    }

    #[inline]
    pub(super) fn record(&self, word: Word, sample: Sample) -> Option<Counts> {
        let line = &self.line.0;
        // Relaxed: a first guess.
        let mut seen = Position(line.position.load(Relaxed));
        if sample.is_good() && self.is_full_of_good(seen) {
            // One more good call in a full window of good calls changes nothing.
            return None;
        }
        let number = loop {
            if !seen.is_of(word) {
                return None;
            }
            // SeqCst, here and where a bucket is written and where both are read: of a bad call that
            // writes its bucket and a good one that takes a place, one sees the other, so that what
            // they come to together is judged.
            match line
                .position
                .compare_exchange_weak(seen.0, seen.next().0, SeqCst, Relaxed)
            {
                Ok(_) => break seen.calls() / self.width,
                Err(newer) => seen = Position(newer),
            }
        };
        if sample.is_good() {
            // A good call only lowers the rate, unless with it there are calls enough to judge, or others
            // have left the window for it.
            let is_enough = seen.next().calls() == self.min_calls;
            let begins_bucket = number * self.width == seen.calls();
            let drops_bucket = begins_bucket && number >= self.buckets.len() as u64;
            return (is_enough || drops_bucket).then(|| self.counts());
        }
        self.write(tag(word.generation(), number), number, sample);
        // Relaxed: only says whether there is a bad call to be seen. Of one that is being written at
        // this moment nothing is lost: it takes part in the decision of its own recorder.
        line.newest_bad.fetch_max(seen.next().0, Relaxed);
        Some(self.counts())
    }

    /// Whether the window is full and holds no bad call.
    #[inline]
    fn is_full_of_good(&self, position: Position) -> bool {
        let newest_bad = self.line.0.newest_bad.load(Relaxed) & SEQUENCE;
        let since = position.calls().saturating_sub(newest_bad);
        since >= u64::from(self.size) + self.width && position.calls() >= self.min_calls
    }

    fn index(&self, number: u64) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "below the length")]
        {
            (number % self.buckets.len() as u64) as usize
        }
    }

    fn write(&self, tag: u32, number: u64, sample: Sample) {
        let bucket = &self.buckets[self.index(number)];
        let mut seen = bucket.load(Relaxed);
        loop {
            let found = Tally::unpack(seen);
            let tally = if found.tag == tag {
                found
            } else if !found.is_empty() && is_after(found.tag, tag) {
                return; // This call has left the window already.
            } else {
                Tally::empty(tag)
            };
            match bucket.compare_exchange_weak(seen, tally.add(sample).pack(), SeqCst, Relaxed) {
                Ok(_) => return,
                Err(newer) => seen = newer,
            }
        }
    }

    /// The buckets in the window, oldest first: how many calls each holds, and its bad ones.
    fn tallies(&self, position: Position) -> impl Iterator<Item = (u64, Tally)> + '_ {
        let generation = position.0 >> SEQUENCE_BITS;
        let current = position.calls().saturating_sub(1) / self.width;
        let oldest = (current + 1).saturating_sub(self.buckets.len() as u64);
        (oldest..=current).map(move |number| {
            let calls = (position.calls() - number * self.width).min(self.width);
            let tag = tag(generation, number);
            let tally = Tally::unpack(self.buckets[self.index(number)].load(SeqCst));
            let is_of_it = tally.tag == tag;
            (calls, if is_of_it { tally } else { Tally::empty(tag) })
        })
    }

    fn position(&self) -> Position {
        Position(self.line.0.position.load(SeqCst))
    }

    fn counts(&self) -> Counts {
        fence_of_the_model();
        let position = self.position();
        let mut counts = Counts {
            known: position.calls(),
            ..Counts::default()
        };
        for (calls, tally) in self.tallies(position) {
            counts.calls += calls;
            counts.failures += u64::from(tally.failures);
            counts.slow += u64::from(tally.slow);
        }
        counts
    }

    pub(super) fn buckets(&self) -> Vec<Bucket> {
        self.tallies(self.position())
            .filter(|(calls, _)| *calls > 0)
            .map(|(calls, tally)| Bucket::of_calls(calls, tally.failures.into(), tally.slow.into()))
            .collect()
    }
}

/// Whether tag `a` is of a later period than `b`, or of a later bucket of the same; both come round.
fn is_after(a: u32, b: u32) -> bool {
    let periods = (a >> NUMBER_BITS).wrapping_sub(b >> NUMBER_BITS) & 0xff;
    let ahead = a.wrapping_sub(b) & NUMBER;
    if periods == 0 {
        ahead != 0 && ahead < 1 << (NUMBER_BITS - 1)
    } else {
        periods < 1 << 7
    }
}

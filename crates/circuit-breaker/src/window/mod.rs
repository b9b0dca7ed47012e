//! What the breaker remembers of the calls while it is closed.
//!
//! Each window is told every outcome and answers with its counts when they may have come to trip the
//! breaker. A window belongs to one closed period at a time; what a call of an earlier period brings is
//! not counted.

mod register;
mod ring;
mod time;

use steadfast_core::Instant;

pub(crate) use self::ring::MAX_CALLS;
use self::{register::Registers, ring::Ring, time::TimeWindow};
use crate::{
    settings::{Extent, Settings},
    snapshot::Bucket,
    word::Word,
};

/// What one call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

impl Sample {
    #[inline]
    fn is_good(self) -> bool {
        !self.failed && !self.slow
    }
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// How many calls there have been to judge by: where the window is full, as many as it was asked for.
    pub(crate) known: u64,
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) slow: u64,
}

#[derive(Debug)]
pub(crate) enum Window {
    /// No rule needs one.
    None,
    Registers(Registers),
    Ring(Ring),
    Time(TimeWindow),
}

impl Window {
    pub(crate) fn new(settings: &Settings) -> Self {
        if !settings.has_rates() {
            return Window::None;
        }
        match settings.extent {
            Extent::Calls(size) if size <= register::MAX_SIZE => {
                Window::Registers(Registers::new(size, settings.watches_slow()))
            }
            Extent::Calls(size) => Window::Ring(Ring::new(size, settings.min_calls)),
            Extent::Time { length, buckets } => {
                Window::Time(TimeWindow::new(length, buckets, settings.min_calls))
            }
        }
    }

    /// Empties it for the closed period of `word`, which nobody has seen yet.
    pub(crate) fn begin(&self, word: Word) {
        match self {
            Window::None => {}
            Window::Registers(window) => window.begin(word),
            Window::Ring(window) => window.begin(word),
            Window::Time(window) => window.begin(),
        }
    }

    /// Where a call that ends now is counted; `None` where the clock was turned back by more than a
    /// window. The caller checks after this whether the call is of the current period.
    #[inline]
    pub(crate) fn place_at(&self, now: Instant) -> Option<u32> {
        match self {
            Window::None | Window::Registers(_) | Window::Ring(_) => Some(0),
            Window::Time(window) => window.place_at(now),
        }
    }

    /// Makes a place for `now`, under the breaker's lock.
    pub(crate) fn turn_back_to(&self, now: Instant) {
        if let Window::Time(window) = self {
            window.turn_back_to(now);
        }
    }

    /// Whether it is full of good calls only, so that one more would change nothing.
    #[inline]
    pub(crate) fn is_unmoved_by_good_calls(&self, word: Word) -> bool {
        match self {
            Window::None => true,
            Window::Registers(window) => window.is_unmoved_by_good_calls(word),
            Window::Ring(window) => window.is_unmoved_by_good_calls(),
            Window::Time(_) => false,
        }
    }

    /// Counts a call of the period of `word`; the counts, when they may trip the breaker.
    #[inline]
    pub(crate) fn record(
        &self,
        word: Word,
        place: u32,
        sample: Sample,
        settings: &Settings,
    ) -> Option<Counts> {
        match self {
            Window::None => None,
            Window::Registers(window) => window.record(word, sample),
            Window::Ring(window) => window.record(word, sample),
            Window::Time(window) => window.record(place, sample, settings),
        }
    }

    /// Whether it holds no bad call.
    pub(crate) fn is_all_good_at(&self, word: Word, now: Instant) -> bool {
        match self {
            Window::None => true,
            Window::Registers(window) => window.is_all_good(word),
            Window::Ring(window) => window.is_all_good(),
            Window::Time(window) => window.is_all_good_at(now),
        }
    }

    /// What it holds, oldest first.
    pub(crate) fn buckets_at(&self, word: Word, now: Instant) -> Vec<Bucket> {
        match self {
            Window::None => Vec::new(),
            Window::Registers(window) => window.buckets(word),
            Window::Ring(window) => window.buckets(),
            Window::Time(window) => window.buckets_at(now),
        }
    }

    /// Fills the empty window of the period of `word`, oldest first.
    pub(crate) fn refill_at(&self, word: Word, now: Instant, buckets: &[Bucket]) {
        match self {
            Window::None => {}
            Window::Registers(window) => {
                for sample in last_samples(buckets, register::MAX_SIZE) {
                    window.record(word, sample);
                }
            }
            Window::Ring(window) => {
                for sample in last_samples(buckets, window.size()) {
                    window.record(word, sample);
                }
            }
            Window::Time(window) => window.refill_at(now, buckets),
        }
    }
}

/// The last `size` calls of these buckets, one by one; in a bucket the bad ones come first.
fn last_samples(buckets: &[Bucket], size: u32) -> Vec<Sample> {
    let mut newest_first = Vec::new();
    for bucket in buckets.iter().rev() {
        let room = u64::from(size) - newest_first.len() as u64;
        let calls = bucket.calls.min(room);
        newest_first.extend((0..calls).map(|back| {
            let from_start = bucket.calls - 1 - back;
            Sample {
                failed: from_start < bucket.failures,
                slow: from_start < bucket.slow,
            }
        }));
    }
    newest_first.reverse();
    newest_first
}

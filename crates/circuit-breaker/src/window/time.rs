//! The calls of the last while, in slots of time.

use std::time::Duration;

use steadfast_core::{Instant, Striped, saturating_nanos};

use super::{Counts, Sample};
use crate::{
    settings::Settings,
    slots::{Slots, Stripe},
    snapshot::Bucket,
    sync::{AcqRel, AtomicU64, OwnLine, Relaxed, SeqCst, fence_of_the_model},
};

/// Counts per slot of time: calls in stripes, so that threads do not fight over them; failures and slow
/// ones in one place.
///
/// A new closed period begins in slots of its own.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    slots: Slots,
    min_calls: u64,
    calls: Striped<Stripe>,
    failures: Stripe,
    slow: Stripe,
    /// Whether good calls have to be judged: `ANY`, `TOO_FEW`, and above them a count of the bad ones.
    bad: OwnLine<AtomicU64>,
}

/// There are bad calls in the window.
const ANY: u64 = 1;
/// The bad calls may be enough for their rate, but there are too few calls to judge it.
const TOO_FEW: u64 = 2;
const ONE_MORE: u64 = 4;

impl TimeWindow {
    pub(super) fn new(length: Duration, buckets: u32, min_calls: u32) -> Self {
        TimeWindow {
            slots: Slots::new(length, buckets),
            min_calls: u64::from(min_calls),
            calls: Striped::new(Stripe::new),
            failures: Stripe::new(),
            slow: Stripe::new(),
            bad: OwnLine(AtomicU64::new(0)),
        }
    }

    pub(super) fn begin(&self) {
        self.slots.skip_a_window();
        // Relaxed: published with the word of the period. The count stays, so that whoever looked before
        // finds that it differs.
        self.bad.0.fetch_and(!(ANY | TOO_FEW), Relaxed);
    }

    #[inline]
    pub(super) fn place_at(&self, now: Instant) -> Option<u32> {
        self.slots.look_at(now)
    }

    pub(super) fn turn_back_to(&self, now: Instant) {
        // `bad` stays as it is: somebody may have been here before, and have counted since.
        self.slots.turn_back_to(now);
    }

    #[inline]
    pub(super) fn record(&self, slot: u32, sample: Sample, settings: &Settings) -> Option<Counts> {
        // Only by calls that count: then the first one in each slot judges what has left the window.
        self.slots.advance(slot);
        // SeqCst, here and where both are read below: of a good call that counts itself and a bad one
        // that says there are too few calls, one sees the other.
        let is_first = self.calls.mine().add(&self.slots, slot, 1);
        fence_of_the_model();
        let bad = self.bad.0.load(SeqCst);
        if sample.failed || sample.slow {
            return Some(self.record_bad(slot, sample, settings));
        }
        if bad & TOO_FEW == 0 && (bad & ANY == 0 || !is_first) {
            // A good call only lowers the rate: it has to be judged only where older ones have left the
            // window, or where with it there are calls enough.
            return None;
        }
        Some(self.judge_good(bad))
    }

    #[cold]
    fn record_bad(&self, slot: u32, sample: Sample, settings: &Settings) -> Counts {
        if sample.failed {
            self.failures.add(&self.slots, slot, 1);
        }
        if sample.slow {
            self.slow.add(&self.slots, slot, 1);
        }
        // AcqRel: who sees the mark sees the bad call.
        let _ = self.bad.0.fetch_update(AcqRel, Relaxed, |bad| {
            Some(bad.wrapping_add(ONE_MORE) | ANY)
        });
        let counts = self.counts();
        if counts.calls >= self.min_calls || settings.rate_reached(counts).is_none() {
            return counts;
        }
        self.bad.0.fetch_or(TOO_FEW, SeqCst);
        self.counts()
    }

    #[cold]
    fn judge_good(&self, seen: u64) -> Counts {
        let counts = self.counts();
        let mut flags = 0;
        if counts.failures + counts.slow > 0 {
            flags |= ANY;
            if counts.calls < self.min_calls {
                flags |= TOO_FEW;
            }
        }
        // Nothing is lost where another bad call has come since: then the count above differs.
        let next = seen & !(ANY | TOO_FEW) | flags;
        let _ = self.bad.0.compare_exchange(seen, next, SeqCst, Relaxed);
        if next & !seen & TOO_FEW == 0 {
            counts
        } else {
            self.counts() // Somebody may have counted himself before the mark was there.
        }
    }

    fn counts(&self) -> Counts {
        fence_of_the_model();
        let newest = self.slots.newest();
        let stripes = self.calls.all();
        let calls = stripes.map(|stripe| stripe.sum(&self.slots, newest)).sum();
        Counts {
            known: calls,
            calls,
            failures: self.failures.sum(&self.slots, newest),
            slow: self.slow.sum(&self.slots, newest),
        }
    }

    pub(super) fn is_all_good_at(&self, now: Instant) -> bool {
        let bad =
            |newest| self.failures.sum(&self.slots, newest) + self.slow.sum(&self.slots, newest);
        self.slots.newest_at(now).map_or(0, bad) == 0
    }

    pub(super) fn buckets_at(&self, now: Instant) -> Vec<Bucket> {
        let Some(newest) = self.slots.newest_at(now) else {
            return Vec::new(); // The clock was turned back: the next call begins anew.
        };
        let of_slot = |stripe: &Stripe, number| -> u64 {
            let cells = stripe.cells(&self.slots);
            cells
                .filter(|cell| cell.slot == number)
                .map(|cell| u64::from(cell.count))
                .sum()
        };
        (0..self.slots.len())
            .rev()
            .filter_map(|age| {
                let number = newest.wrapping_sub(age);
                let calls = self.calls.all();
                let bucket = Bucket {
                    age: Duration::from_nanos(u64::from(age) * self.slots.width()),
                    calls: calls.map(|stripe| of_slot(stripe, number)).sum(),
                    failures: of_slot(&self.failures, number),
                    slow: of_slot(&self.slow, number),
                };
                (bucket.calls > 0).then_some(bucket)
            })
            .collect()
    }

    pub(super) fn refill_at(&self, now: Instant, buckets: &[Bucket]) {
        let count = |calls: u64| u32::try_from(calls).unwrap_or(u32::MAX);
        let newest = self.slots.turn_back_to(now);
        for bucket in buckets {
            let age = saturating_nanos(bucket.age) / self.slots.width();
            let Some(age) = u32::try_from(age)
                .ok()
                .filter(|age| *age < self.slots.len())
            else {
                continue;
            };
            let slot = newest.wrapping_sub(age);
            let bad = bucket.failures.max(bucket.slow).min(bucket.calls);
            self.calls
                .mine()
                .add(&self.slots, slot, count(bucket.calls));
            if bad > 0 {
                let failures = bucket.failures.min(bucket.calls);
                let slow = bucket.slow.min(bucket.calls);
                self.failures.add(&self.slots, slot, count(failures));
                self.slow.add(&self.slots, slot, count(slow));
                self.bad.0.fetch_or(ANY | TOO_FEW, SeqCst);
            }
        }
    }
}

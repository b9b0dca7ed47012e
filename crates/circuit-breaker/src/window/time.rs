//! The calls of the last while, in slots of time.

use std::time::Duration;

use steadfast_core::{Instant, saturating_nanos};

use super::{
    Counts, Sample,
    slots::{Slots, Stripe, Striped, is_after},
};
use crate::{
    settings::Settings,
    snapshot::Bucket,
    sync::{AcqRel, Acquire, AtomicU64, OwnLine, Relaxed, Release, SeqCst, fence_of_the_model},
};

/// Counts per slot of time: good calls in stripes, so that threads do not fight over them; failures and
/// slow ones in one place.
///
/// Numbers of slots never go back. A new closed period moves them on by more than a window, and so does
/// a clock that was turned back by more than one: what was counted before has left the window then, and
/// what a call of an earlier period writes late, under the number that it had, is never seen.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    slots: Slots,
    min_calls: u64,
    calls: Striped,
    failures: Stripe,
    slow: Stripe,
    line: OwnLine<Line>,
}

#[derive(Debug)]
struct Line {
    /// What is added to the time for the number of its slot.
    shift: AtomicU64,
    /// The number of the latest slot that anything was counted in.
    newest: AtomicU64,
    /// Whether good calls have to be judged: `ANY`, `TOO_FEW`, and above them a count of the bad ones.
    bad: AtomicU64,
}

/// There are bad calls in the window.
const ANY: u64 = 1;
/// The bad calls are enough for their rate, but there are too few calls to judge it.
const TOO_FEW: u64 = 2;
const ONE_MORE: u64 = 4;

impl TimeWindow {
    pub(super) fn new(length: Duration, buckets: u32, min_calls: u32) -> Self {
        TimeWindow {
            slots: Slots::new(saturating_nanos(length), buckets),
            min_calls: u64::from(min_calls),
            calls: Striped::new(),
            failures: Stripe::new(),
            slow: Stripe::new(),
            line: OwnLine(Line {
                shift: AtomicU64::new(0),
                newest: AtomicU64::new(0),
                bad: AtomicU64::new(0),
            }),
        }
    }

    /// Moves the numbers of slots on. Under the breaker's lock, as `turn_back_to` is.
    pub(super) fn begin(&self) {
        let jump = u64::from(self.slots.len() + 1) * self.slots.width();
        let shift = self.line.0.shift.load(Relaxed).wrapping_add(jump);
        self.move_to(shift);
    }

    /// Lets the present come after all slots there are, where the clock has been turned back.
    pub(super) fn turn_back_to(&self, now: Instant) {
        if self.place_at(now).is_some() {
            return; // Somebody else did it.
        }
        let after = self.line.0.newest.load(Relaxed) + u64::from(self.slots.len()) + 1;
        let shift = (after * self.slots.width()).wrapping_sub(now.as_nanos());
        self.move_to(shift);
    }

    fn move_to(&self, shift: u64) {
        // Release: who counts under the new numbers, sees that what was before is over.
        self.line.0.shift.store(shift, Release);
        self.line.0.bad.store(0, Relaxed);
    }

    /// The slot that `now` is in; `None` when it is older than the window, as the clock was turned back.
    #[inline]
    pub(super) fn place_at(&self, now: Instant) -> Option<u32> {
        // Acquire: pairs with `move_to`. The caller checks for its period after this.
        let number = self.slots.number(now, self.line.0.shift.load(Acquire));
        let newest = self.newest();
        if number == newest {
            return Some(number);
        }
        if is_after(number, newest) {
            self.advance(number);
            return Some(number);
        }
        (!self.slots.has_left(number, newest)).then_some(number)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was widened below")]
    fn newest(&self) -> u32 {
        // Relaxed: it only moves on, and a moment late is as good.
        self.line.0.newest.load(Relaxed) as u32
    }

    #[cold]
    fn advance(&self, number: u32) {
        let _ = self.line.0.newest.fetch_update(Relaxed, Relaxed, |newest| {
            #[expect(clippy::cast_possible_truncation, reason = "it was widened here")]
            is_after(number, newest as u32).then_some(u64::from(number))
        });
    }

    #[inline]
    pub(super) fn record(
        &self,
        slot: u32,
        sample: Sample,
        settings: &Settings,
    ) -> Option<Counts> {
        // SeqCst, here and where both are read below: of a good call that counts itself and a bad one
        // that says there are too few calls, one sees the other.
        let is_first = self.calls.mine().add(&self.slots, slot, 1);
        fence_of_the_model();
        let bad = self.line.0.bad.load(SeqCst);
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
        let _ = self.line.0.bad.fetch_update(AcqRel, Relaxed, |bad| {
            Some(bad.wrapping_add(ONE_MORE) | ANY)
        });
        let counts = self.counts();
        if counts.calls >= self.min_calls || settings.rate_reached(counts).is_none() {
            return counts;
        }
        self.line.0.bad.fetch_or(TOO_FEW, SeqCst);
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
        let _ = self
            .line
            .0
            .bad
            .compare_exchange(seen, next, SeqCst, Relaxed);
        if next & !seen & TOO_FEW == 0 {
            counts
        } else {
            self.counts() // Somebody may have counted himself before the mark was there.
        }
    }

    fn counts(&self) -> Counts {
        fence_of_the_model();
        let newest = self.newest();
        let stripes = self.calls.all().iter();
        Counts {
            calls: stripes.map(|stripe| stripe.sum(&self.slots, newest)).sum(),
            failures: self.failures.sum(&self.slots, newest),
            slow: self.slow.sum(&self.slots, newest),
        }
    }

    pub(super) fn buckets_at(&self, now: Instant) -> Vec<Bucket> {
        let newest = self.place_at(now).unwrap_or_else(|| self.newest());
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
                let calls = self.calls.all().iter();
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
        let Some(newest) = self.place_at(now) else {
            return;
        };
        for bucket in buckets {
            let age = saturating_nanos(bucket.age) / self.slots.width();
            let Some(age) = u32::try_from(age).ok().filter(|age| *age < self.slots.len()) else {
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
                self.line.0.bad.fetch_or(ANY | TOO_FEW, SeqCst);
            }
        }
    }
}

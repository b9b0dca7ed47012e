//! Requests and what became of them over the window, and the decision to shed.

use std::{array, fmt, time::Duration};

use steadfast_core::{Instant, Priority, Runtime, Striped};

use crate::{
    chance::below,
    check::milli,
    slots::{Slots, Stripe},
    sync::{AtomicU64, OwnLine, Relaxed, SeqCst},
};

/// In how many slots the window moves on.
const SLOTS: u32 = 10;
/// How many bands of priority are told apart.
const BANDS: usize = 4;
/// Without a call for so long, one is let through.
const PASS_EVERY: u64 = 1_000_000_000;

pub(super) struct Load {
    /// K, in thousandths.
    multiplier_milli: u64,
    slots: Slots,
    /// Per band of priority; refused calls included.
    requests: [Striped<Stripe>; BANDS],
    /// Calls that were not answered well, and calls that were refused.
    unaccepted: Stripe,
    line: OwnLine<Line>,
}

#[derive(Debug)]
struct Line {
    /// Not zero while calls may have to be shed.
    sheds: AtomicU64,
    last_pass: LastPass,
}

/// When a call was last let through while calls had to be shed.
#[derive(Debug)]
struct LastPass(AtomicU64);

impl LastPass {
    /// Whether it is time for one more: there was none for as long, or one so far in the future that it was
    /// before the clock was turned back. Of several callers one is let through.
    fn is_due(&self, now: Instant) -> bool {
        let now = now.as_nanos();
        // Relaxed, here and below: the time is the whole state of this rule.
        let seen = self.0.load(Relaxed);
        now.abs_diff(seen) >= PASS_EVERY
            && self.0.compare_exchange(seen, now, Relaxed, Relaxed).is_ok()
    }

    /// One was let through. Where clock reads cross, the later one stays.
    fn note(&self, now: Instant) {
        let now = now.as_nanos();
        let later = |seen: u64| (now > seen || seen - now >= PASS_EVERY).then_some(now);
        let _ = self.0.fetch_update(Relaxed, Relaxed, later);
    }
}

/// What the window holds.
#[derive(Clone, Copy, Debug)]
struct Shares {
    requests: [u64; BANDS],
    unaccepted: u64,
}

impl Shares {
    /// How many calls of `requests + 1` are to be shed, in thousandths:
    /// `max(0, requests - K * accepts)`.
    fn excess_milli(&self, multiplier_milli: u64) -> u64 {
        let requests: u64 = self.requests.iter().sum();
        let accepts = requests.saturating_sub(self.unaccepted);
        (requests.saturating_mul(1000)).saturating_sub(accepts.saturating_mul(multiplier_milli))
    }

    /// The probability with which a call of `band` is shed, as a part and a whole: what the lower bands
    /// leave of the excess, of the calls of its own.
    fn shedding(&self, band: usize, multiplier_milli: u64) -> (u64, u64) {
        let lower: u64 = self.requests[..band].iter().sum();
        let left = self
            .excess_milli(multiplier_milli)
            .saturating_sub(lower.saturating_mul(1000));
        (left, (self.requests[band] + 1).saturating_mul(1000))
    }
}

impl Load {
    pub(super) fn new(window: Duration, multiplier: f64) -> Self {
        Load {
            multiplier_milli: milli(multiplier).into(),
            slots: Slots::new(window, SLOTS),
            requests: array::from_fn(|_| Striped::new(Stripe::new)),
            unaccepted: Stripe::new(),
            line: OwnLine(Line {
                sheds: AtomicU64::new(0),
                last_pass: LastPass(AtomicU64::new(0)),
            }),
        }
    }

    /// Whether a call is let through; one that is not, is counted.
    #[inline]
    pub(super) fn admit_at<R: Runtime>(
        &self,
        now: Instant,
        priority: Priority,
        runtime: &R,
    ) -> bool {
        // Relaxed: a moment late is as good.
        if self.line.0.sheds.load(Relaxed) == 0 {
            return true;
        }
        self.draw_at(now, priority, runtime)
    }

    #[cold]
    fn draw_at<R: Runtime>(&self, now: Instant, priority: Priority, runtime: &R) -> bool {
        let slot = self.slot_at(now, runtime);
        let band = band(priority);
        let shares = self.shares(self.slots.newest());
        if shares.excess_milli(self.multiplier_milli) == 0 {
            self.look();
            return true;
        }
        let (part, whole) = shares.shedding(band, self.multiplier_milli);
        if below(whole, runtime.random()) >= part {
            self.line.0.last_pass.note(now);
            return true;
        }
        if self.line.0.last_pass.is_due(now) {
            return true;
        }
        self.count(slot, band, true);
        false
    }

    /// Counts a call that ended at `now`.
    #[inline]
    pub(super) fn record_at<R: Runtime>(
        &self,
        now: Instant,
        priority: Priority,
        accepted: bool,
        runtime: &R,
    ) {
        let slot = self.slot_at(now, runtime);
        let is_first = self.count(slot, band(priority), !accepted);
        if accepted && !is_first {
            return; // It only lowers the probability; who draws adds up anew.
        }
        self.look();
    }

    #[inline]
    fn slot_at<R: Runtime>(&self, now: Instant, runtime: &R) -> u32 {
        match self.slots.place_at(now) {
            Some(slot) => slot,
            // It is older than the window by now, or the clock was turned back.
            None => self.slots.turn_back_to(runtime.now()),
        }
    }

    fn count(&self, slot: u32, band: usize, unaccepted: bool) -> bool {
        if unaccepted {
            self.unaccepted.add(&self.slots, slot, 1);
        }
        self.requests[band].mine().add(&self.slots, slot, 1)
    }

    /// Notes whether there is anything to shed.
    #[cold]
    fn look(&self) {
        // SeqCst, as the counts: whoever notes last has seen the counts of those who noted before.
        loop {
            let sheds = self.has_excess();
            self.line.0.sheds.store(sheds.into(), SeqCst);
            if self.has_excess() == sheds {
                return;
            }
        }
    }

    fn has_excess(&self) -> bool {
        self.shares(self.slots.newest())
            .excess_milli(self.multiplier_milli)
            > 0
    }

    /// What is in the window that ends with the slot `newest`.
    fn shares(&self, newest: u32) -> Shares {
        Shares {
            unaccepted: self.unaccepted.sum(&self.slots, newest),
            requests: array::from_fn(|band| {
                let stripes = self.requests[band].all();
                stripes.map(|stripe| stripe.sum(&self.slots, newest)).sum()
            }),
        }
    }

    pub(super) fn is_untroubled_at(&self, now: Instant) -> bool {
        // A clock that was turned back begins a new window.
        let newest = self.slots.newest_at(now);
        newest.is_none_or(|newest| self.unaccepted.sum(&self.slots, newest) == 0)
    }

    pub(super) fn shedding_at(&self, now: Instant) -> f64 {
        let Some(newest) = self.slots.newest_at(now) else {
            return 0.0; // The clock was turned back: the next call begins anew.
        };
        let shares = self.shares(newest);
        let (part, whole) = shares.shedding(band(Priority::NORMAL), self.multiplier_milli);
        #[expect(clippy::cast_precision_loss, reason = "a probability to look at")]
        let share = part as f64 / whole as f64;
        share.min(1.0)
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("shares", &self.shares(self.slots.newest()))
            .finish_non_exhaustive()
    }
}

fn band(priority: Priority) -> usize {
    usize::from(priority.0) * BANDS / (usize::from(u8::MAX) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn passed_at(millis: u64) -> LastPass {
        let last = LastPass(AtomicU64::new(0));
        last.note(at(millis));
        last
    }

    #[test]
    fn a_pass_is_due_when_none_was_for_a_second_and_then_once() {
        let last = passed_at(5000);
        assert!(!last.is_due(at(5999)));
        assert!(last.is_due(at(6000)));
        assert!(!last.is_due(at(6000)) && !last.is_due(at(6999)));
        assert!(last.is_due(at(7000)));
    }

    #[test]
    fn of_passes_whose_clock_reads_cross_the_later_one_stays() {
        let last = passed_at(5000);
        last.note(at(4500));
        assert!(!last.is_due(at(5999)), "it was at 5000");
        last.note(at(5500));
        assert!(!last.is_due(at(6499)));
        assert!(last.is_due(at(6500)));
    }

    #[test]
    fn a_pass_far_in_the_future_was_before_the_clock_was_turned_back() {
        let last = passed_at(5000);
        assert!(!last.is_due(at(4001)));
        assert!(last.is_due(at(4000)));
        let last = passed_at(5000);
        last.note(at(4000));
        assert!(last.is_due(at(5000)), "a second after the pass at 4000");
    }
}

//! What is done to a breaker, and asked of it, from outside of its calls.

use std::time::Duration;

use steadfast_core::Instant;

use crate::{
    breaker::Cell,
    control::Control,
    snapshot::{Snapshot, State},
    sync::Relaxed,
    word::Kind,
};

impl Cell {
    pub(crate) fn isolate(&self) {
        self.change(Control::isolate).readers.wake();
    }

    pub(crate) fn force_closed(&self) {
        self.change(Control::force_closed).readers.wake();
    }

    pub(crate) fn reset(&self) {
        self.change(Control::reset).readers.wake();
    }

    pub(crate) fn open_at(&self, now: Instant, length: Duration) {
        let changed = self.change(|control| control.open_by_hand_at(now, length));
        changed.readers.wake();
    }

    pub(crate) fn snapshot_at(&self, now: Instant) -> Snapshot {
        let control = self.control.lock();
        let word = control.word();
        let state = State::of(word.kind());
        let remaining = control.mark() - now;
        let is_closed = matches!(state, State::Closed | State::Ramping);
        Snapshot {
            state,
            remaining: if state == State::Open {
                remaining.min(Duration::from_nanos(control.open_nanos()))
            } else {
                Duration::ZERO
            },
            reopened: control.reopened(),
            consecutive_failures: self.in_a_row.failures(word),
            window: if is_closed {
                self.window.buckets_at(word, now)
            } else {
                Vec::new()
            },
            stale: self.stale.0.load(Relaxed),
        }
    }

    /// Whether it is closed and remembers nothing bad, or has been open and then not called for long.
    pub(crate) fn is_idle_at(&self, now: Instant) -> bool {
        let control = self.control.lock();
        let word = control.word();
        match word.kind() {
            Kind::Closed => {
                self.window.is_all_good_at(word, now) && self.in_a_row.failures(word) == 0
            }
            Kind::Open | Kind::HalfOpen => control.is_forgotten_at(now),
            _ => false,
        }
    }

    /// Whether it is closed, or open and lets the next call through as a probe.
    pub(crate) fn is_dispensable_at(&self, now: Instant) -> bool {
        let control = self.control.lock();
        match control.word().kind() {
            Kind::Closed => true,
            Kind::Open => control.mark() <= now,
            _ => false,
        }
    }

    pub(crate) fn restore_at(&self, now: Instant, snapshot: &Snapshot) {
        let changed = self.change_and_fill(
            |control| {
                let remaining = snapshot.remaining;
                control.restore_at(now, snapshot.state, remaining, snapshot.reopened);
            },
            |word| {
                self.window.refill_at(word, now, &snapshot.window);
                self.in_a_row.set(word, snapshot.consecutive_failures);
            },
        );
        changed.readers.wake();
    }
}

//! When the round trip of a dependency at rest is measured anew, and how.

use super::{Bounds, collector::Window};

/// Lowers the limit to half now and then, for two windows: one in which the queue drains, one to measure.
///
/// Measuring without lowering it would take the queue for the dependency: the limit grows by a step for
/// each measurement, and never comes back.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// After so many times the limit's calls it is due.
    multiplier: u32,
    spent: u64,
    /// Shortens the time until it is due, in 2^-33; drawn anew each time.
    jitter: Option<u32>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Resting,
    Draining,
    Measuring,
}

/// What a window is to be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// One under the limit.
    Usual,
    /// One of calls from before and after it was lowered.
    Mixed,
    /// One without a queue of ours.
    Unloaded,
}

impl Probe {
    pub(crate) fn new(multiplier: u32) -> Self {
        Probe {
            multiplier,
            spent: 0,
            jitter: None,
            phase: Phase::Resting,
        }
    }

    /// The limit while it goes on.
    pub(crate) fn lowered(&self, limit: u32, bounds: Bounds) -> u32 {
        match self.phase {
            Phase::Resting => limit,
            Phase::Draining | Phase::Measuring => bounds.clamp(limit.div_ceil(2)),
        }
    }

    /// Takes in a window that was not dropped.
    pub(crate) fn see(&mut self, window: &Window, limit: u32, random: u64) -> Seen {
        match self.phase {
            Phase::Draining => {
                self.phase = Phase::Measuring;
                Seen::Mixed
            }
            Phase::Measuring => {
                self.rest(random);
                Seen::Unloaded
            }
            Phase::Resting => {
                // At most the limit's, as there is little to learn from more under the same one.
                self.spent += u64::from(window.calls.min(limit));
                if !self.is_due(limit, random) {
                    return Seen::Usual;
                }
                if u64::from(window.max_in_flight) * 2 <= u64::from(limit) {
                    self.rest(random); // It is as good as lowered.
                    return Seen::Unloaded;
                }
                self.phase = Phase::Draining;
                Seen::Usual
            }
        }
    }

    /// After between half of `multiplier * limit` calls and all of it.
    fn is_due(&mut self, limit: u32, random: u64) -> bool {
        let jitter = *self.jitter.get_or_insert((random >> 32) as u32);
        let most = u128::from(self.multiplier) * u128::from(limit);
        let due = (most * ((1 << 32) + u128::from(jitter))) >> 33;
        u128::from(self.spent) >= due
    }

    fn rest(&mut self, random: u64) {
        self.phase = Phase::Resting;
        self.spent = 0;
        self.jitter = Some((random >> 32) as u32);
    }
}

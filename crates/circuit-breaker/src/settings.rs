//! What was configured, and the decisions that follow from it alone.

use std::time::Duration;

use steadfast_core::{
    Class, Instant, Outcome, Ratio, Rejection, RejectionKind, Verdict, saturating_nanos,
};

use crate::{chance::below, snapshot::Cause, window::Counts};

/// How much a window remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Calls(u32),
    Time { length: Duration, buckets: u32 },
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) failure_rate: Option<Ratio>,
    pub(crate) slow_rate: Option<Ratio>,
    /// Calls that take longer are slow; `u64::MAX` where nobody asks.
    pub(crate) slow_after_nanos: u64,
    pub(crate) consecutive: Option<u32>,
    pub(crate) extent: Extent,
    pub(crate) min_calls: u32,
    pub(crate) open_for: Duration,
    pub(crate) max_open_for: Duration,
    /// By what each re-opening multiplies the open time, in thousandths.
    pub(crate) factor_milli: u32,
    pub(crate) jitter: Ratio,
    pub(crate) max_retry_after: Duration,
    pub(crate) probes: u32,
    pub(crate) half_open_for: Duration,
    /// Shares of the calls that are let through, step by step, before it closes.
    pub(crate) ramp: Vec<Ratio>,
    pub(crate) ramp_step: Duration,
    pub(crate) cancelled: Cancelled,
    pub(crate) shadow: bool,
    pub(crate) name: &'static str,
}

/// What a call that was dropped before its end says about the dependency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// Nothing: whoever made it lost interest.
    #[default]
    Neutral,
    /// It failed: whoever made it waited for too long. For a breaker that stands inside the timeout.
    Failure,
}

/// What an outcome says about the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    /// `in_a_row`: it counts in the rule of consecutive failures too.
    Bad {
        in_a_row: bool,
    },
    Unknown,
}

impl Health {
    #[inline]
    pub(crate) fn of<T, E>(outcome: &Outcome<T, E>) -> Health {
        if outcome.verdict.is_success() {
            return Health::Good;
        }
        Health::of_failure(outcome)
    }

    #[cold]
    fn of_failure<T, E>(outcome: &Outcome<T, E>) -> Health {
        match outcome.rejection().map(Rejection::kind) {
            // The dependency was asked, and did not answer in time.
            None | Some(RejectionKind::TimedOut { .. }) => Health::of_verdict(&outcome.verdict),
            Some(_) => Health::Unknown,
        }
    }

    pub(crate) fn of_verdict(verdict: &Verdict) -> Health {
        match verdict.class() {
            Class::Success => Health::Good,
            Class::Transient | Class::Permanent => Health::Bad { in_a_row: true },
            Class::Overloaded => Health::Bad { in_a_row: false },
            Class::Caller => Health::Unknown,
        }
    }

    #[inline]
    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Health::Bad { .. })
    }
}

impl Settings {
    #[inline]
    pub(crate) fn watches_slow(&self) -> bool {
        self.slow_after_nanos != u64::MAX
    }

    /// Whether a call of this length is slow.
    #[inline]
    pub(crate) fn is_slow(&self, began: Instant, ended: Instant) -> bool {
        self.watches_slow() && ended.saturating_nanos_since(began) > self.slow_after_nanos
    }

    /// Whether an admission has to know when the call began.
    #[inline]
    pub(crate) fn needs_time(&self) -> bool {
        self.watches_slow() || matches!(self.extent, Extent::Time { .. }) && self.has_rates()
    }

    /// Whether there is any rule that needs a window.
    #[inline]
    pub(crate) fn has_rates(&self) -> bool {
        self.failure_rate.is_some() || self.slow_rate.is_some()
    }

    /// Which rate has reached its threshold, whatever the number of calls.
    pub(crate) fn rate_reached(&self, counts: Counts) -> Option<Cause> {
        if reached(self.failure_rate, counts.failures, counts.calls) {
            Some(Cause::FailureRate)
        } else if reached(self.slow_rate, counts.slow, counts.calls) {
            Some(Cause::SlowCallRate)
        } else {
            None
        }
    }

    /// What makes a closed breaker with these counts open, if anything does.
    pub(crate) fn judge(&self, counts: Counts) -> Option<Cause> {
        if counts.known < u64::from(self.min_calls) {
            return None;
        }
        self.rate_reached(counts)
    }

    /// Whether so many failed of so many probes are enough to open again.
    pub(crate) fn probes_failed(&self, failed: u32, probes: u32, in_a_row: u32) -> bool {
        let rate = self.failure_rate.or(self.slow_rate);
        let by_rate = match rate {
            Some(_) => reached(rate, failed.into(), probes.into()),
            None => failed > 0,
        };
        by_rate || self.consecutive.is_some_and(|limit| in_a_row >= limit)
    }

    /// How long it stays open after so many re-openings: `open_for` multiplied each time by the factor,
    /// up to the longest; each re-opening but not the first opening is shortened by chance, up to the
    /// jitter's share. What the dependency asked for lengthens it.
    pub(crate) fn open_nanos(
        &self,
        reopened: u32,
        retry_after: Option<Duration>,
        random: u64,
    ) -> u64 {
        let longest = saturating_nanos(self.max_open_for);
        let mut nanos = saturating_nanos(self.open_for);
        for _ in 0..reopened {
            if nanos >= longest {
                break;
            }
            let grown = u128::from(nanos) * u128::from(self.factor_milli) / 1000;
            let grown = u64::try_from(grown).unwrap_or(u64::MAX);
            if grown == nanos {
                break;
            }
            nanos = grown;
        }
        nanos = nanos.min(longest);
        if reopened > 0 {
            nanos -= below(self.jitter.of(nanos), random);
        }
        let asked = retry_after.unwrap_or_default().min(self.max_retry_after);
        nanos.max(saturating_nanos(asked))
    }

    /// Which share of the calls is let through so long after ramping began, and for how long still; `None`
    /// when it is over.
    pub(crate) fn ramp_share(&self, since_nanos: u64) -> Option<(Ratio, Duration)> {
        let length = saturating_nanos(self.ramp_step).max(1);
        let step = usize::try_from(since_nanos / length).unwrap_or(usize::MAX);
        let share = self.ramp.get(step)?;
        let rest = Duration::from_nanos(length - since_nanos % length);
        Some((*share, rest))
    }
}

/// Whether `part` of `whole` is at least this share.
fn reached(share: Option<Ratio>, part: u64, whole: u64) -> bool {
    share.is_some_and(|share| {
        let (part, whole) = (u128::from(part), u128::from(whole));
        part > 0 && part * u128::from(share.denominator()) >= whole * u128::from(share.numerator())
    })
}

//! What a breaker says of itself: its state, its transitions, and what survives a restart.

use std::{fmt, time::Duration};

use crate::word::Kind;

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum State {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused until the open time is over.
    Open,
    /// A few calls pass as probes; what they come to decides.
    HalfOpen,
    /// The probes went well: a growing share of the calls passes, and is counted.
    Ramping,
    /// Opened by hand: calls are refused until somebody resets it.
    Isolated,
    /// Closed by hand: calls pass uncounted until somebody resets it.
    ForcedClosed,
}

impl State {
    pub(crate) fn of(kind: Kind) -> State {
        match kind {
            Kind::Closed | Kind::Unwatched => State::Closed,
            Kind::Open => State::Open,
            Kind::HalfOpen => State::HalfOpen,
            Kind::Ramping => State::Ramping,
            Kind::Isolated => State::Isolated,
            Kind::ForcedClosed => State::ForcedClosed,
        }
    }

    /// Its name, as events and metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half-open",
            State::Ramping => "ramping",
            State::Isolated => "isolated",
            State::ForcedClosed => "forced closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a breaker went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Of the calls in the window too many failed.
    FailureRate,
    /// Of the calls in the window too many were slow.
    SlowCallRate,
    /// Too many calls failed in a row.
    ConsecutiveFailures,
    /// The open time was over, and a call came.
    OpenTimeOver,
    /// Too many probes failed or were slow.
    ProbesFailed,
    /// Of the probes that were back in time too many had failed, counting those that were not.
    HalfOpenTimeOver,
    /// The probes went well.
    ProbesSucceeded,
    /// The last step of the ramp was over.
    RampOver,
    /// Somebody said so.
    ByHand,
}

impl Cause {
    /// Its name, as events and metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Cause::FailureRate => "failure rate",
            Cause::SlowCallRate => "slow call rate",
            Cause::ConsecutiveFailures => "consecutive failures",
            Cause::OpenTimeOver => "open time over",
            Cause::ProbesFailed => "probes failed",
            Cause::HalfOpenTimeOver => "half-open time over",
            Cause::ProbesSucceeded => "probes succeeded",
            Cause::RampOver => "ramp over",
            Cause::ByHand => "by hand",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One step of a breaker from a state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transition {
    /// Counts the transitions of this breaker, from one. A gap says how many a reader has missed.
    pub sequence: u64,
    /// The state it left.
    pub from: State,
    /// The state it went to.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

/// What a breaker knows, to look at or to keep over a restart.
///
/// It holds no instants: a remaining time and ages are relative to when it was taken, so it means the
/// same on another clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The state it was in.
    pub state: State,
    /// How much of the open time was left; zero in other states.
    #[cfg_attr(feature = "serde", serde(default))]
    pub remaining: Duration,
    /// How often it had opened again, after probes that went badly, since it was closed last.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reopened: u32,
    /// How many calls had failed in a row; zero where no rule asks.
    #[cfg_attr(feature = "serde", serde(default))]
    pub consecutive_failures: u32,
    /// What the closed window held, oldest first.
    #[cfg_attr(feature = "serde", serde(default))]
    pub window: Vec<Bucket>,
    /// How many results of calls came too late to count, since the breaker was made.
    #[cfg_attr(feature = "serde", serde(default))]
    pub stale: u64,
}

impl Snapshot {
    fn sum(&self, part: impl Fn(&Bucket) -> u64) -> u64 {
        self.window.iter().map(part).fold(0, u64::saturating_add)
    }

    /// How many calls the window held.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.sum(|bucket| bucket.calls)
    }

    /// How many of them had failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.sum(|bucket| bucket.failures)
    }

    /// How many of them had been slow.
    #[must_use]
    pub fn slow(&self) -> u64 {
        self.sum(|bucket| bucket.slow)
    }
}

/// Some calls of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Bucket {
    /// How long before the snapshot its slot of time began, less what had passed of the newest slot;
    /// zero in a window of calls.
    pub age: Duration,
    /// How many calls ended in it.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
    /// How many of them were slow.
    pub slow: u64,
}

impl Bucket {
    pub(crate) fn of_calls(calls: u64, failures: u64, slow: u64) -> Self {
        Bucket {
            age: Duration::ZERO,
            calls,
            failures,
            slow,
        }
    }
}

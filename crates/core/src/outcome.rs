//! What travels outwards through the policies.

use std::fmt;

use crate::{Class, Error, Rejection, RejectionKind, Verdict, nesting::Spent};

/// The result of an attempt or of a whole call, with what it means.
///
/// Policies read the verdict and hand the result on untouched.
#[derive(Debug)]
#[must_use]
pub struct Outcome<T, E> {
    /// What the caller will get.
    pub result: Result<T, Error<E>>,
    /// What it means. Of a policy that repeats it says that the operation may have executed when any
    /// of the attempts may have.
    pub verdict: Verdict,
    pub(crate) stop: StopReason,
    pub(crate) spent: Spent,
    pub(crate) starts: u32,
    /// The budget that has been told of it; zero for none.
    pub(crate) budget: u32,
}

impl<T, E> Outcome<T, E> {
    /// What the operation itself returned, after one start.
    #[inline]
    pub fn new(result: Result<T, E>, verdict: Verdict) -> Self {
        Outcome {
            result: match result {
                Ok(value) => Ok(value),
                Err(error) => Err(Error::Operation(error)),
            },
            verdict,
            stop: match verdict.class() {
                Class::Success => StopReason::Succeeded,
                Class::Permanent | Class::Caller => StopReason::NotRetryable,
                Class::Transient | Class::Overloaded => StopReason::Attempts,
            },
            spent: Spent::NONE,
            starts: 1,
            budget: 0,
        }
    }

    /// A policy's refusal. Its verdict is the rejection's own.
    ///
    /// Where it [cut off](RejectionKind::TimedOut) what was inside, that counts as one start, and
    /// retries that were inside count as having spent their attempts.
    #[cold]
    pub fn rejected(rejection: Rejection) -> Self {
        let timed_out = matches!(rejection.kind(), RejectionKind::TimedOut { .. });
        Outcome {
            verdict: rejection.verdict(),
            result: Err(Error::Rejected(rejection)),
            stop: if timed_out {
                StopReason::Deadline
            } else {
                StopReason::NotRetryable
            },
            spent: if timed_out { Spent::ALL } else { Spent::NONE },
            starts: u32::from(timed_out),
            budget: 0,
        }
    }

    /// The rejection, when a policy further in ended the attempt: not a failure of the dependency.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        self.result.as_ref().err()?.rejection()
    }

    /// How often the operation was started for this outcome, as far as it is known: what a timeout
    /// cut off counts as one start.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Which repeating policies inside have spent their attempts.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Why there was no further attempt.
    #[must_use]
    pub fn stop_reason(&self) -> StopReason {
        self.stop
    }

    /// The same outcome of a policy that repeats: after `starts` starts of the operation it ended
    /// for this reason.
    #[inline]
    pub fn ended(mut self, reason: StopReason, starts: u32) -> Self {
        self.stop = reason;
        self.starts = starts;
        self
    }
}

/// Why a call made no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// It worked.
    Succeeded,
    /// The permitted attempts were made; without a retry policy that is one.
    Attempts,
    /// The retry budget had nothing left.
    Budget,
    /// The next attempt would have started too late, or a timeout cut the call off.
    Deadline,
    /// The next attempt would have started later than the retry's own time limit.
    MaxElapsed,
    /// A retry could not help or was not safe: the failure is permanent, the caller's fault, or may
    /// have had an effect that must not happen twice.
    NotRetryable,
    /// The other side asked not to be called again, or not for longer than may be waited.
    Pushback,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::Succeeded => "it worked",
            StopReason::Attempts => "all attempts were made",
            StopReason::Budget => "the retry budget is spent",
            StopReason::Deadline => "the deadline is too close",
            StopReason::MaxElapsed => "the time for retries is over",
            StopReason::NotRetryable => "a retry would not help or not be safe",
            StopReason::Pushback => "the other side asked to be left alone",
        })
    }
}

/// A result together with how it came about: `pipeline.call(..).reported().await`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report<T, E> {
    /// What the call returned.
    pub result: Result<T, Error<E>>,
    /// What it means; it may have executed when any of the attempts may have.
    pub verdict: Verdict,
    /// How often the operation was started. An attempt that a policy further in refused before it
    /// reached the operation is not counted, so this may be less than a retry's own count, and zero.
    pub attempts: u32,
    /// Why there was no further attempt.
    pub stop: StopReason,
}

impl<T, E> Report<T, E> {
    pub(crate) fn new(outcome: Outcome<T, E>, attempts: u32) -> Self {
        Report {
            result: outcome.result,
            verdict: outcome.verdict,
            attempts,
            stop: outcome.stop,
        }
    }
}

//! What a retry policy decides: whether to try again, and after how long. No clock, no futures.

use std::time::Duration;

use steadfast_core::{
    Attempt, HasBudget, Instant, Outcome, RejectionKind, RetryBudget, Runtime, StopReason, Verdict,
    saturating_nanos,
};

use crate::{Backoff, Jitter, RetryState, backoff::Memory};

/// Which failures may be repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Safety {
    /// Every transient or overloaded one. The default: **whoever puts a retry around an operation
    /// says that it may happen more than once.** A call that timed out may have charged the card.
    #[default]
    Always,
    /// Only where repeating cannot do harm: the call carries an idempotency key or is declared
    /// idempotent in its options, or the verdict says that nothing happened. For anything that is
    /// not idempotent by nature, such as an HTTP POST.
    WhenIdempotent,
}

/// What a `retry_after` does to the wait: that of a server, or of a policy further in that refused, such as an open
/// breaker.
///
/// By default a call waits up to 5 s longer than it would for its backoff, and so for a breaker that opened for 5 s,
/// where its deadline allows. To fail fast there are two ways, and each ends the call with
/// [`StopReason::Pushback`]:
///
/// | | ends the call at once on |
/// |---|---|
/// | `.hints(Hints::Within(Duration::ZERO))` | every hint that is longer than the backoff, a server's too |
/// | `.hints(Hints::Ignore).max_hint(Duration::ZERO)` | every hint of a policy further in, and none of a server's |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hints {
    /// The wait is never shorter than the hint, and never more than this much longer than without
    /// it: `clamp(hint, own, own + slack)`. A hint beyond that ends the call with
    /// [`StopReason::Pushback`], because a retry before the time that the server named is one that
    /// it asked not to get.
    Within(Duration),
    /// As [`Within`](Hints::Within), but a hint beyond the slack is cut to it and the call goes on,
    /// which is earlier than the server asked. AWS SDKs do this, with a slack of 5 s. Hints of policies further in are
    /// not cut, as to come back earlier is in vain: for them it is `Within` 5 s.
    Clamp(Duration),
    /// Hints of servers are not looked at. Those of policies further in always are, as with `Within` 5 s: an open
    /// breaker is not tried before it would let a call through.
    Ignore,
}

impl Default for Hints {
    /// [`Hints::Within`] 5 s.
    fn default() -> Self {
        Hints::Within(Duration::from_secs(5))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) backoff: Backoff,
    pub(crate) jitter: Jitter,
    pub(crate) max_delay: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) max_elapsed: Option<Duration>,
    pub(crate) min_attempt_time: Duration,
    pub(crate) safety: Safety,
    pub(crate) hints: Hints,
    pub(crate) max_hint: Duration,
    pub(crate) independent: bool,
    pub(crate) budget: Option<RetryBudget>,
    pub(crate) name: &'static str,
}

impl HasBudget for &Rules {
    #[inline]
    fn budget(&self) -> Option<&RetryBudget> {
        self.budget.as_ref()
    }
}

impl Rules {
    /// Whether this outcome may be followed by another attempt at all.
    pub(crate) fn may_repeat<T, E>(
        &self,
        outcome: &Outcome<T, E>,
        idempotent: bool,
    ) -> Result<(), StopReason> {
        let verdict = &outcome.verdict;
        if verdict.is_success() {
            return Err(StopReason::Succeeded);
        }
        if verdict.is_pushback() {
            return Err(StopReason::Pushback);
        }
        if !verdict.may_pass() || !self.is_safe(verdict, idempotent) {
            return Err(StopReason::NotRetryable);
        }
        match outcome.rejection() {
            Some(own) if !Self::may_repeat_rejection(own.kind(), own.retry_after()) => {
                Err(StopReason::NotRetryable)
            }
            _ => Ok(()),
        }
    }

    fn is_safe(&self, verdict: &Verdict, idempotent: bool) -> bool {
        match self.safety {
            Safety::Always => true,
            Safety::WhenIdempotent => idempotent || !verdict.may_have_executed(),
        }
    }

    /// A refusal from further in is not repeated blindly, only when it says when to come back.
    fn may_repeat_rejection(kind: RejectionKind, retry_after: Option<Duration>) -> bool {
        matches!(kind, RejectionKind::TimedOut { .. }) || retry_after.is_some()
    }

    /// How long to wait before the next attempt, after so many. `is_own` says that the last one was
    /// refused by a policy further in.
    pub(crate) fn delay(
        &self,
        attempts: u32,
        memory: &mut Memory,
        verdict: &Verdict,
        is_own: bool,
        mut random: impl FnMut() -> u64,
    ) -> Result<Duration, StopReason> {
        let state = RetryState {
            retry: attempts,
            class: verdict.class(),
            retry_after: verdict.retry_after(),
        };
        let cap = saturating_nanos(self.max_delay);
        let draw = if self.backoff.is_random() {
            random()
        } else {
            0
        };
        let backoff = self.backoff.delay(&state, cap, memory, draw);
        let own = match self.jitter {
            Jitter::None => backoff,
            jitter => jitter.spread(backoff, cap, random()),
        };
        self.with_hint(Duration::from_nanos(own), verdict.retry_after(), is_own)
    }

    fn with_hint(
        &self,
        own: Duration,
        hint: Option<Duration>,
        is_own: bool,
    ) -> Result<Duration, StopReason> {
        let Some(hint) = hint else { return Ok(own) };
        let hints = match self.hints {
            // A policy of ours knows when it will let calls through again; before that is in vain.
            Hints::Ignore | Hints::Clamp(_) if is_own => Hints::default(),
            hints => hints,
        };
        let slack = match hints {
            Hints::Ignore => return Ok(own),
            Hints::Within(slack) | Hints::Clamp(slack) => slack,
        };
        if hint > self.max_hint {
            return Err(StopReason::Pushback);
        }
        let longest = own.saturating_add(slack);
        if hint <= longest {
            Ok(hint.max(own))
        } else if let Hints::Clamp(_) = hints {
            Ok(longest)
        } else {
            Err(StopReason::Pushback)
        }
    }

    /// Whether the next attempt, begun at `wake`, would begin in time. The first one `began` then,
    /// which only `max_elapsed` asks.
    pub(crate) fn is_in_time(
        &self,
        wake: Instant,
        deadline: Instant,
        began: Instant,
    ) -> Result<(), StopReason> {
        // A deadline of `Instant::MAX` means never, and so a sum that saturates is still in time.
        if deadline != Instant::MAX && wake + self.min_attempt_time >= deadline {
            return Err(StopReason::Deadline);
        }
        match self.max_elapsed {
            Some(limit) if wake - began >= limit => Err(StopReason::MaxElapsed),
            _ => Ok(()),
        }
    }

    /// Whether the decision needs to know the time.
    pub(crate) fn needs_time<R: Runtime>(&self, attempt: &Attempt<R>) -> bool {
        self.max_elapsed.is_some() || attempt.deadline() != Instant::MAX
    }

    /// How many attempts a call may make here.
    pub(crate) fn attempts_for<R: Runtime>(&self, attempt: &Attempt<R>) -> u32 {
        if attempt.is_spent() && !self.independent {
            1
        } else {
            self.max_attempts
        }
    }
}

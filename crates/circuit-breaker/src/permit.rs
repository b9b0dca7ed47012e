//! What an admitted call holds.

use std::{fmt, mem, time::Duration};

use steadfast_core::{Instant, Outcome, Runtime, Verdict};

use crate::{
    breaker::Cell,
    ended::Ended,
    settings::{Cancelled, Health},
    word::{Kind, Word},
};

/// Leave to make one call, from [`CircuitBreaker::try_acquire`](crate::CircuitBreaker::try_acquire).
///
/// [`record`](Permit::record) says what the call came to. One that is dropped without counts for
/// nothing, or for what [`cancelled_as`](crate::CircuitBreakerBuilder::cancelled_as) says, and gives a
/// probe's place back. It carries the state in which it was given: what it brings back in a later one
/// changes nothing.
#[must_use = "dropped at once it is a call that was cancelled"]
pub struct Permit<'p, R: Runtime> {
    cell: &'p Cell,
    runtime: R,
    word: Word,
    began: Instant,
}

impl<'p, R: Runtime> Permit<'p, R> {
    #[inline]
    pub(crate) fn new(cell: &'p Cell, runtime: R, word: Word, began: Instant) -> Self {
        Permit {
            cell,
            runtime,
            word,
            began,
        }
    }

    /// Leave for nothing.
    #[inline]
    pub(crate) fn none(cell: &'p Cell, runtime: R) -> Self {
        Permit::new(cell, runtime, Word::UNWATCHED, Instant::MAX)
    }

    /// What there is in its place where it was refused.
    #[cold]
    pub(crate) fn refused<T, E>(&self, retry_after: Option<Duration>) -> Outcome<T, E> {
        Outcome::rejected(self.cell.rejection(retry_after))
    }

    /// Whether the call is one of the few that find out whether the dependency is well again.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.word.kind() == Kind::HalfOpen
    }

    /// The call was not ready at its first poll.
    #[inline]
    pub(crate) fn waits(&mut self) {
        self.word = self.word.waited();
    }

    #[inline]
    pub(crate) fn has_waited(&self) -> bool {
        self.word.has_waited()
    }

    /// Says what the call came to.
    pub fn record(mut self, verdict: &Verdict) {
        self.settle(Health::of_verdict(verdict), verdict.retry_after(), false);
    }

    /// Counts the call, once.
    #[inline]
    pub(crate) fn settle(&mut self, health: Health, retry_after: Option<Duration>, at_once: bool) {
        let word = mem::replace(&mut self.word, Word::UNWATCHED).admitted();
        let ended = Ended {
            health,
            retry_after,
            runtime: &self.runtime,
            began: self.began,
            at_once,
        };
        self.cell.record(word, &ended);
    }

    #[cold]
    fn cancel(mut self) {
        let health = match self.cell.settings.cancelled {
            Cancelled::Neutral => Health::Unknown,
            Cancelled::Failure => Health::Bad { in_a_row: true },
        };
        self.settle(health, None, false);
    }
}

impl<R: Runtime> Drop for Permit<'_, R> {
    #[inline]
    fn drop(&mut self) {
        if self.word != Word::UNWATCHED {
            // By value, for a permit that nobody has the address of can stay in registers until it is stored.
            let word = mem::replace(&mut self.word, Word::UNWATCHED);
            Permit::new(self.cell, self.runtime.clone(), word, self.began).cancel();
        }
    }
}

impl<R: Runtime> fmt::Debug for Permit<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("breaker", &self.cell.settings.name)
            .field("is_probe", &self.is_probe())
            .finish_non_exhaustive()
    }
}

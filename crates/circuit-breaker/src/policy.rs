//! The breaker as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast_core::{
    Attempt, Instant, Operation, Outcome, Policies, Policy, Rejection, RejectionKind, Runtime,
};

use crate::{CircuitBreaker, breaker::Cell, permit::Permit, settings::Health, word::Word};

impl Policies for CircuitBreaker {}

impl<'p, O: Operation> Policy<'p, O> for CircuitBreaker {
    type Future = CircuitBreakerFuture<'p, O::Runtime, O::Future>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let cell = &*self.cell;
        let state = match cell.admit(&mut attempt) {
            Ok(word) => {
                let began = cell.began(word, &mut attempt);
                let permit = Permit::new(cell, attempt.runtime().clone(), word, began);
                State::Running {
                    future: operation.start(attempt),
                    permit,
                    at_once: true,
                }
            }
            Err(retry_after) => State::Refused {
                rejection: cell.rejection(retry_after),
            },
        };
        CircuitBreakerFuture { state }
    }
}

impl Cell {
    /// When the call begins, where anybody asks.
    #[inline]
    pub(crate) fn began<R: Runtime>(&self, word: Word, attempt: &mut Attempt<R>) -> Instant {
        if self.settings.needs_time() && word != Word::UNWATCHED {
            attempt.now()
        } else {
            Instant::MAX
        }
    }

    pub(crate) fn rejection(&self, retry_after: Option<Duration>) -> Rejection {
        let rejection = Rejection::new(self.settings.name, RejectionKind::CircuitOpen);
        match retry_after {
            Some(after) => rejection.with_retry_after(after),
            None => rejection,
        }
    }
}

pin_project! {
    /// One run of an operation under a [`CircuitBreaker`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CircuitBreakerFuture<'p, R: Runtime, F> {
        #[pin]
        state: State<Permit<'p, R>, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<P, F> {
        Running { #[pin] future: F, permit: P, at_once: bool },
        Refused { rejection: Rejection },
    }
}

impl<R, F, T, E> Future for CircuitBreakerFuture<'_, R, F>
where
    R: Runtime,
    F: Future<Output = Outcome<T, E>>,
{
    type Output = Outcome<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Running {
                future,
                permit,
                at_once,
            } => {
                let is_first_poll = std::mem::take(at_once);
                let outcome = ready!(future.poll(cx));
                let hint = outcome.verdict.retry_after();
                permit.settle(Health::of(&outcome), hint, is_first_poll);
                Poll::Ready(outcome)
            }
            StateProj::Refused { rejection } => Poll::Ready(Outcome::rejected(*rejection)),
        }
    }
}

impl<R: Runtime, F> fmt::Debug for CircuitBreakerFuture<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CircuitBreakerFuture");
        match &self.state {
            State::Running { permit, .. } => debug.field("permit", permit),
            State::Refused { rejection } => debug.field("refused", rejection),
        };
        debug.finish_non_exhaustive()
    }
}

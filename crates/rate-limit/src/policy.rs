//! The limit as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Instant, Operation, Outcome, Policies, Policy, Rejection};

use crate::{RateLimit, cell::Cell, limited::Limited, wait::Wait};

impl Policies for RateLimit {}

impl<'p, O: Operation> Policy<'p, O> for RateLimit {
    type Future = RateLimitFuture<'p, O>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let cell = &*self.cell;
        let now = attempt.now();
        let state = match cell.try_take_at(now, attempt.cost()) {
            Ok(()) => State::Running {
                future: operation.start(attempt),
            },
            // Each made here, and not by a function that is kept apart: such a one writes into memory, and then
            // a call that is admitted goes through memory as well.
            Err(limited) if cell.may_wait(limited) => State::Waiting {
                wait: boxed(Wait::new(cell, operation, attempt)),
            },
            Err(limited) => State::Refused {
                cell,
                limited,
                now,
                runtime: attempt.runtime().clone(),
            },
        };
        RateLimitFuture { state }
    }
}

pin_project! {
    /// One run of an operation under a [`RateLimit`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RateLimitFuture<'p, O: Operation> {
        #[pin]
        state: State<'p, O, O::Future, O::Runtime>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<'p, O: Operation, F, R> {
        Running { #[pin] future: F },
        // Boxed, as few calls wait, and those that do not would carry it along.
        Waiting { wait: Pin<Box<Wait<'p, O>>> },
        Refused { cell: &'p Cell, limited: Limited, now: Instant, runtime: R },
    }
}

#[cold]
fn boxed<O: Operation>(wait: Wait<'_, O>) -> Pin<Box<Wait<'_, O>>> {
    Box::pin(wait)
}

impl<O: Operation> Future for RateLimitFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    // As that of the breaker: kept apart, the outcome is copied once more.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Waiting { .. } = self.state {
            if let Err(refused) = ready!(self.as_mut().poll_turn(cx)) {
                return Poll::Ready(Outcome::rejected(refused));
            }
        }
        match self.project().state.project() {
            StateProj::Running { future } => future.poll(cx),
            StateProj::Refused {
                cell,
                limited,
                now,
                runtime,
            } => Poll::Ready(Outcome::rejected(cell.reject(runtime, *limited, *now))),
            StateProj::Waiting { .. } => {
                unreachable!("a turn that has come is a call that runs")
            }
        }
    }
}

impl<O: Operation> RateLimitFuture<'_, O> {
    /// Ready when the operation was started, or with the refusal of a call that has waited.
    #[cold]
    fn poll_turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let mut state = self.project().state;
        let StateProj::Waiting { wait } = state.as_mut().project() else {
            return Poll::Ready(Ok(()));
        };
        if let Err(limited) = ready!(wait.as_mut().poll(cx)) {
            return Poll::Ready(Err(wait.as_mut().reject(limited)));
        }
        let (operation, attempt) = wait.as_mut().take();
        let future = operation.start(attempt);
        state.set(State::Running { future });
        Poll::Ready(Ok(()))
    }
}

impl<O: Operation> fmt::Debug for RateLimitFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RateLimitFuture");
        match &self.state {
            State::Running { .. } => {}
            State::Waiting { .. } => {
                debug.field("waiting", &true);
            }
            State::Refused { limited, .. } => {
                debug.field("refused", limited);
            }
        }
        debug.finish_non_exhaustive()
    }
}

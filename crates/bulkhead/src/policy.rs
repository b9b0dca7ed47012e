//! The bulkhead as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Instant, Operation, Outcome, Policies, Policy, Runtime};

use crate::{
    Bulkhead,
    cell::{Cell, Counts},
    permit::Permit,
    wait::Wait,
    word::Word,
};

impl Policies for Bulkhead {}

impl<'p, O: Operation> Policy<'p, O> for Bulkhead {
    type Future = BulkheadFuture<'p, O>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let cell = &*self.cell;
        // Before anything is taken, as the runtime may panic.
        let mut permit = cell.permit(&mut attempt);
        let cost = cell.cost(&attempt);
        match cell.try_take(cost) {
            Ok(()) => {
                permit.takes(cost);
                BulkheadFuture {
                    state: State::Running {
                        future: operation.start(attempt),
                    },
                    permit,
                }
            }
            // Each made here, and not by a function that is kept apart: such a one writes into memory, and then
            // a call that is admitted goes through memory as well.
            Err(word) => BulkheadFuture {
                permit,
                state: if cell.may_wait(word, &attempt) {
                    State::Waiting {
                        wait: boxed(Wait::new(cell, operation, attempt)),
                    }
                } else {
                    State::Refused {
                        counts: cell.counts(word),
                    }
                },
            },
        }
    }
}

#[cold]
fn boxed<O: Operation>(wait: Wait<'_, O>) -> Pin<Box<Wait<'_, O>>> {
    Box::pin(wait)
}

impl Cell {
    /// Leave for nothing, until it is said what was taken for this attempt.
    #[inline]
    fn permit<R: Runtime>(&self, attempt: &mut Attempt<R>) -> Permit<'_, R> {
        let (began, deadline) = if self.is_adaptive() {
            (attempt.now(), attempt.deadline())
        } else {
            (Instant::MAX, Instant::MAX)
        };
        Permit::new(self, attempt.runtime().clone(), 0, began).until(deadline)
    }

    #[inline]
    fn cost<R: Runtime>(&self, attempt: &Attempt<R>) -> u32 {
        if self.is_adaptive() {
            self.charge(attempt.cost(), self.word())
        } else {
            attempt.cost()
        }
    }

    /// Whether a call for which `word` has no room may wait for its turn.
    #[inline]
    fn may_wait<R: Runtime>(&self, word: Word, attempt: &Attempt<R>) -> bool {
        !word.is_full() && self.charge(attempt.cost(), word) <= word.limit()
    }
}

pin_project! {
    /// One run of an operation under a [`Bulkhead`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BulkheadFuture<'p, O: Operation> {
        // Dropped before the permit: where it is cut off, another begins only when nothing is left of it.
        #[pin]
        state: State<'p, O, O::Future>,
        // Leave for nothing until it is admitted.
        permit: Permit<'p, O::Runtime>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<'p, O: Operation, F> {
        Running { #[pin] future: F },
        // Boxed, as few calls wait, and those that do not would carry it along.
        Waiting { wait: Pin<Box<Wait<'p, O>>> },
        Refused { counts: Counts },
    }
}

impl<O: Operation> Future for BulkheadFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    // As that of the breaker: kept apart, the outcome is copied once more.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !matches!(self.state, State::Running { .. }) {
            if let Err(counts) = ready!(self.as_mut().poll_turn(cx)) {
                return Poll::Ready(self.permit.refused(counts));
            }
        }
        let me = self.project();
        let StateProj::Running { future } = me.state.project() else {
            unreachable!("a turn that has come is a call that runs");
        };
        let outcome = ready!(future.poll(cx));
        me.permit.end(&outcome);
        Poll::Ready(outcome)
    }
}

impl<O: Operation> BulkheadFuture<'_, O> {
    /// Ready when the operation was started, or the call is refused.
    #[cold]
    fn poll_turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Counts>> {
        let mut me = self.project();
        let wait = match me.state.as_mut().project() {
            StateProj::Running { .. } => return Poll::Ready(Ok(())),
            StateProj::Refused { counts } => return Poll::Ready(Err(*counts)),
            StateProj::Waiting { wait } => wait,
        };
        if let Err(counts) = ready!(wait.as_mut().poll(cx)) {
            me.state.set(State::Refused { counts });
            return Poll::Ready(Err(counts));
        }
        let (operation, mut attempt, cost) = wait.as_mut().take();
        // The permits are its own before the operation is started, which may panic.
        *me.permit = me.permit.cell().permit(&mut attempt);
        wait.as_mut().hand_over();
        me.permit.takes(cost);
        let future = operation.start(attempt);
        me.state.set(State::Running { future });
        Poll::Ready(Ok(()))
    }
}

impl<O: Operation> fmt::Debug for BulkheadFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("BulkheadFuture");
        debug.field("permit", &self.permit);
        match &self.state {
            State::Running { .. } => {}
            State::Waiting { .. } => {
                debug.field("waiting", &true);
            }
            State::Refused { counts } => {
                debug.field("refused", counts);
            }
        }
        debug.finish_non_exhaustive()
    }
}

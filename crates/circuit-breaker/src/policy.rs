//! The breaker as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast_core::{
    Attempt, Instant, Operation, Outcome, Policies, Policy, Rejection, RejectionKind, Runtime,
};

use crate::{
    CircuitBreaker,
    breaker::Cell,
    permit::Permit,
    settings::Health,
    word::{Kind, Word},
};

impl Policies for CircuitBreaker {}

impl<'p, O: Operation> Policy<'p, O> for CircuitBreaker {
    type Future = CircuitBreakerFuture<'p, O::Runtime, O::Future>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let cell = &*self.cell;
        match cell.lend(&mut attempt) {
            Ok(permit) => CircuitBreakerFuture {
                permit,
                state: State::Running {
                    future: operation.start(attempt),
                },
            },
            Err(retry_after) => CircuitBreakerFuture {
                permit: Permit::none(cell, attempt.runtime().clone()),
                state: State::Refused { retry_after },
            },
        }
    }
}

impl Cell {
    /// Leave for a call, or how long to stay away.
    // Kept apart it writes the permit and reads the attempt by way of memory, which costs more than the breaker.
    #[inline(always)]
    pub(crate) fn lend<R: Runtime>(
        &self,
        attempt: &mut Attempt<R>,
    ) -> Result<Permit<'_, R>, Option<Duration>> {
        let mut word = self.word();
        if !word.is_closed() {
            // A copy is lent out, so that with a closed breaker the attempt stays in registers.
            let mut asked = attempt.clone();
            let admitted = self.admit_unless_closed(word, &mut asked);
            *attempt = asked;
            word = admitted?;
        }
        let began = self.began(word, attempt);
        Ok(Permit::new(self, attempt.runtime().clone(), word, began))
    }

    /// When the call begins, where anybody asks.
    #[inline]
    fn began<R: Runtime>(&self, word: Word, attempt: &mut Attempt<R>) -> Instant {
        let is_asked = self.settings.needs_time() && word != Word::UNWATCHED;
        if is_asked || word.kind() == Kind::HalfOpen {
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
        // Leave for nothing where the call was refused. Beside the state and not in it: sharing its place
        // with narrower fields, its words were stored in halves, and a load of a whole then waits.
        permit: Permit<'p, R>,
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] future: F },
        Refused { retry_after: Option<Duration> },
    }
}

impl<R, F, T, E> Future for CircuitBreakerFuture<'_, R, F>
where
    R: Runtime,
    F: Future<Output = Outcome<T, E>>,
{
    type Output = Outcome<T, E>;

    // Left to itself the compiler keeps it apart, and the outcome is copied once more, which costs as
    // much as the breaker.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        match me.state.project() {
            StateProj::Running { future } => {
                let Poll::Ready(outcome) = future.poll(cx) else {
                    me.permit.waits();
                    return Poll::Pending;
                };
                let at_once = !me.permit.has_waited();
                let hint = outcome.verdict.retry_after();
                me.permit.settle(Health::of(&outcome), hint, at_once);
                Poll::Ready(outcome)
            }
            StateProj::Refused { retry_after } => Poll::Ready(me.permit.refused(*retry_after)),
        }
    }
}

impl<R: Runtime, F> fmt::Debug for CircuitBreakerFuture<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CircuitBreakerFuture");
        match &self.state {
            State::Running { .. } => debug.field("permit", &self.permit),
            State::Refused { retry_after } => debug.field("refused_for", retry_after),
        };
        debug.finish_non_exhaustive()
    }
}

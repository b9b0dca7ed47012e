//! The throttle as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use steadfast_core::{
    Attempt, Event, Instant, Operation, Outcome, Policies, Policy, Priority, Rejection,
    RejectionKind, Runtime,
};

use super::Throttle;
use crate::settings::Health;

impl Policies for Throttle {}

impl<'p, O: Operation> Policy<'p, O> for Throttle {
    type Future = ThrottleFuture<'p, O::Runtime, O::Future>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let began = attempt.now();
        let priority = attempt.priority();
        let runtime = attempt.runtime().clone();
        let state = if self.load.admit_at(began, priority, &runtime) {
            State::Running {
                future: operation.start(attempt),
                at_once: true,
            }
        } else {
            runtime.emit(&Event::rejected(self.name(), RejectionKind::Throttled));
            State::Refused
        };
        ThrottleFuture {
            state,
            throttle: self,
            runtime,
            began,
            priority,
        }
    }
}

pin_project! {
    /// One run of an operation under a [`Throttle`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ThrottleFuture<'p, R, F> {
        #[pin]
        state: State<F>,
        throttle: &'p Throttle,
        runtime: R,
        began: Instant,
        priority: Priority,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] future: F, at_once: bool },
        Refused,
    }
}

impl<R, F, T, E> Future for ThrottleFuture<'_, R, F>
where
    R: Runtime,
    F: Future<Output = Outcome<T, E>>,
{
    type Output = Outcome<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        match me.state.project() {
            StateProj::Running { future, at_once } => {
                let is_first_poll = std::mem::take(at_once);
                let outcome = ready!(future.poll(cx));
                let health = Health::of(&outcome);
                if health != Health::Unknown {
                    let now = if is_first_poll {
                        *me.began
                    } else {
                        me.runtime.now()
                    };
                    let accepted = health == Health::Good;
                    let load = &me.throttle.load;
                    load.record_at(now, *me.priority, accepted, me.runtime);
                }
                Poll::Ready(outcome)
            }
            StateProj::Refused => {
                let rejection = Rejection::new(me.throttle.name(), RejectionKind::Throttled);
                Poll::Ready(Outcome::rejected(rejection))
            }
        }
    }
}

impl<R, F> fmt::Debug for ThrottleFuture<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleFuture")
            .field("name", &self.throttle.name())
            .field("refused", &matches!(self.state, State::Refused))
            .finish_non_exhaustive()
    }
}

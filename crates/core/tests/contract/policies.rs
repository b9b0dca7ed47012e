//! Policies written by hand, as a third party would, to see what core hands them.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast_core::{
    Attempt, BudgetedCall, Event, Instant, Operation, Outcome, Policies, Policy, Rejection,
    RejectionKind, Repeat, RetryBudget, Runtime, StopReason,
};

/// What happened, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// All lines so far, in one.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }
}

/// Logs `>name` where a call enters it and `<name` where an outcome leaves it.
pub(crate) struct Mark(pub(crate) &'static str, pub(crate) Log);

impl Policies for Mark {}

impl<'p, O: Operation> Policy<'p, O> for Mark {
    type Future = Marked<'p, O::Future>;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        self.1.add(format!(">{}", self.0));
        Marked {
            mark: self,
            inner: operation.start(attempt),
        }
    }
}

pin_project! {
    pub(crate) struct Marked<'p, F> {
        mark: &'p Mark,
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for Marked<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let me = self.project();
        let output = ready!(me.inner.poll(cx));
        me.mark.1.add(format!("<{}", me.mark.0));
        Poll::Ready(output)
    }
}

/// Hands calls on and needs nothing for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass;

impl Policies for Pass {}

impl<'p, O: Operation> Policy<'p, O> for Pass {
    type Future = O::Future;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> O::Future {
        operation.start(attempt)
    }
}

/// Asks each attempt for the time, and keeps the answers.
#[derive(Clone, Default)]
pub(crate) struct Asks(Arc<Mutex<Vec<Instant>>>);

impl Asks {
    pub(crate) fn answers(&self) -> Vec<Instant> {
        self.0.lock().unwrap().clone()
    }
}

impl Policies for Asks {}

impl<'p, O: Operation> Policy<'p, O> for Asks {
    type Future = O::Future;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        let now = attempt.now();
        self.0.lock().unwrap().push(now);
        operation.start(attempt)
    }
}

/// Refuses every call.
pub(crate) struct Refuses(pub(crate) Rejection);

impl Refuses {
    pub(crate) fn because(why: &'static str) -> Refuses {
        Refuses(Rejection::new("gate", RejectionKind::Other(why)))
    }
}

impl Policies for Refuses {}

impl<'p, O: Operation> Policy<'p, O> for Refuses {
    type Future = std::future::Ready<Outcome<O::Ok, O::Err>>;

    fn run(&'p self, _operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        let event = Event::rejected(self.0.policy(), self.0.kind());
        attempt.runtime().emit(&event);
        std::future::ready(Outcome::rejected(self.0))
    }
}

/// Tightens the deadline of what is inside.
pub(crate) struct Bounds(pub(crate) Duration);

impl Policies for Bounds {}

impl<'p, O: Operation> Policy<'p, O> for Bounds {
    type Future = O::Future;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        let deadline = attempt.now() + self.0;
        attempt.tighten_deadline(deadline);
        operation.start(attempt)
    }
}

/// Tries a second time after a wait, if the budget allows it.
pub(crate) struct Again {
    pub(crate) budget: RetryBudget,
    pub(crate) wait: Duration,
}

impl Policies for Again {}

impl<'p, O: Operation + Repeat> Policy<'p, O> for Again {
    type Future = AgainFuture<'p, O>;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let call = self.budget.enter(&mut attempt);
        AgainFuture {
            wait: self.wait,
            second: Some(operation.clone()),
            state: State::Running {
                future: operation.start(attempt.clone()),
            },
            attempt,
            call,
        }
    }
}

pin_project! {
    pub(crate) struct AgainFuture<'p, O: Operation> {
        wait: Duration,
        second: Option<O>,
        attempt: Attempt<O::Runtime>,
        call: BudgetedCall<'p>,
        #[pin]
        state: State<O, O::Future, <O::Runtime as Runtime>::Sleep>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<O, F, S> {
        Running { #[pin] future: F },
        Waiting { second: Option<O>, #[pin] sleep: S },
    }
}

impl<O: Operation + Repeat> Future for AgainFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut me = self.as_mut().project();
            match me.state.as_mut().project() {
                StateProj::Running { future } => {
                    let outcome = ready!(future.poll(cx));
                    me.call.record(&outcome.verdict);
                    if outcome.verdict.is_success() {
                        return Poll::Ready(outcome);
                    }
                    let Some(second) = me.second.take() else {
                        return Poll::Ready(outcome.ended(StopReason::Attempts, 2));
                    };
                    let runtime = me.attempt.runtime();
                    let now = runtime.now();
                    if !me.call.try_reserve_at(now, &outcome.verdict) {
                        return Poll::Ready(outcome.ended(StopReason::Budget, 1));
                    }
                    let class = outcome.verdict.class();
                    runtime.emit(&Event::retrying("again", 1, *me.wait, class));
                    let sleep = runtime.sleep_until(now + *me.wait);
                    let second = Some(second);
                    me.state.set(State::Waiting { second, sleep });
                }
                StateProj::Waiting { second, sleep } => {
                    ready!(sleep.poll(cx));
                    me.call.spend();
                    let second = second.take().expect("it is taken once");
                    let future = second.start(me.attempt.repeated(1));
                    me.state.set(State::Running { future });
                }
            }
        }
    }
}

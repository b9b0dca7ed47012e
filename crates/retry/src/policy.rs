//! The retry as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use steadfast_core::{
    Attempt, BudgetedCall, Event, Instant, Operation, Outcome, Policies, Policy, Repeat, Runtime,
    StopReason,
};

use crate::{Retry, backoff::Memory, rules::Rules};

impl Policies for Retry {}

impl<'p, O: Operation + Repeat> Policy<'p, O> for Retry {
    type Future = RetryFuture<'p, O>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let rules = &self.rules;
        let call = match &rules.budget {
            None => None,
            Some(budget) => {
                // A copy is lent out, so that without a budget the attempt stays in registers.
                let mut counted = attempt.clone();
                let call = budget.enter(&mut counted);
                attempt = counted;
                Some(call)
            }
        };
        if rules.max_elapsed.is_some() {
            attempt.now(); // Read here, it stays in the attempt that is kept.
        }
        let mut inner = attempt.clone();
        inner.nest();
        let (rest, first) = if rules.attempts_for(&attempt) > 1 {
            (Some(operation.clone()), operation)
        } else {
            (None, operation)
        };
        RetryFuture {
            rules,
            operation: rest,
            attempt,
            call,
            starts: 0,
            attempts: 1,
            memory: Memory::default(),
            state: State::Running {
                future: first.start(inner),
            },
        }
    }
}

pin_project! {
    /// One run of an operation under a [`Retry`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<'p, O: Operation> {
        rules: &'p Rules,
        // Kept until the last permitted attempt takes it.
        operation: Option<O>,
        attempt: Attempt<O::Runtime>,
        call: Option<BudgetedCall<'p>>,
        // How often the operation was started, and how many attempts that took here: a refusal
        // further in is an attempt without a start.
        starts: u32,
        attempts: u32,
        memory: Memory,
        #[pin]
        state: State<O::Future, <O::Runtime as Runtime>::Sleep>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S> {
        Between,
        Running { #[pin] future: F },
        Waiting { #[pin] sleep: S },
    }
}

impl<O: Operation + Repeat> Future for RetryFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let me = self.as_mut().project();
            match me.state.project() {
                StateProj::Running { future } => {
                    let mut outcome = ready!(future.poll(cx));
                    *me.starts = me.starts.saturating_add(outcome.starts());
                    if outcome.verdict.is_success() {
                        if let Some(call) = me.call {
                            call.record_outcome(&mut outcome);
                        }
                        return Poll::Ready(outcome.ended(StopReason::Succeeded, *me.starts));
                    }
                    if let Err(outcome) = self.as_mut().failed(outcome) {
                        return Poll::Ready(outcome);
                    }
                }
                StateProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    self.as_mut().again();
                }
                StateProj::Between => unreachable!("polled after its end"),
            }
        }
    }
}

impl<O: Operation + Repeat> RetryFuture<'_, O> {
    /// Prepares what follows a failed attempt, or gives its outcome back when nothing does.
    #[cold]
    fn failed(
        mut self: Pin<&mut Self>,
        mut outcome: Outcome<O::Ok, O::Err>,
    ) -> Result<(), Outcome<O::Ok, O::Err>> {
        let mut me = self.as_mut().project();
        // What the attempt still holds, such as a connection or a place in a budget, is free before
        // the wait.
        me.state.set(State::Between);
        if let Some(call) = me.call {
            call.record_outcome(&mut outcome);
        }
        me.attempt.remember_spent(outcome.spent());
        match self.as_mut().next(&outcome) {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.give_up(outcome, reason)),
        }
    }

    /// Prepares the wait, or the next attempt where there is none.
    fn next(mut self: Pin<&mut Self>, outcome: &Outcome<O::Ok, O::Err>) -> Result<(), StopReason> {
        let mut me = self.as_mut().project();
        let rules = *me.rules;
        let began = if rules.max_elapsed.is_some() {
            me.attempt.now()
        } else {
            Instant::MAX
        };
        let runtime = me.attempt.runtime();
        rules.may_repeat(outcome, me.attempt.is_idempotent())?;
        if me.operation.is_none() {
            return Err(StopReason::Attempts);
        }
        let verdict = &outcome.verdict;
        let delay = rules.delay(*me.attempts, me.memory, verdict, || runtime.random())?;
        let needs_time = !delay.is_zero()
            || rules.needs_time(me.attempt)
            || me.call.as_ref().is_some_and(BudgetedCall::needs_time);
        let now = if needs_time {
            runtime.now()
        } else {
            Instant::MAX
        };
        let wake = now + delay;
        if needs_time {
            let deadline = me.attempt.deadline();
            rules.is_in_time(wake, deadline, began)?;
        }
        if let Some(call) = me.call {
            if !call.try_reserve_at(now, verdict) {
                return Err(StopReason::Budget);
            }
        }
        runtime.emit(&Event::retrying(
            rules.name,
            *me.attempts,
            delay,
            verdict.class(),
        ));
        if delay.is_zero() {
            // No timer: elsewhere a sleep of zero costs a whole tick of the timer wheel.
            self.again();
        } else {
            let sleep = runtime.sleep_until(wake);
            me.state.set(State::Waiting { sleep });
        }
        Ok(())
    }

    /// Makes the next attempt.
    fn again(self: Pin<&mut Self>) {
        let mut me = self.project();
        if let Some(call) = me.call {
            call.spend();
        }
        *me.attempts += 1;
        let is_last = *me.attempts >= me.rules.attempts_for(me.attempt);
        let operation = if is_last {
            me.operation.take()
        } else {
            me.operation.clone()
        };
        let mut inner = me.attempt.repeated(*me.starts);
        inner.nest();
        let operation = operation.expect("an attempt follows only where the operation is kept");
        let future = operation.start(inner);
        me.state.set(State::Running { future });
    }

    fn give_up(
        self: Pin<&mut Self>,
        outcome: Outcome<O::Ok, O::Err>,
        reason: StopReason,
    ) -> Outcome<O::Ok, O::Err> {
        let me = self.project();
        let event = Event::gave_up(me.rules.name, *me.attempts, reason);
        me.attempt.runtime().emit(&event);
        let spent = me
            .attempt
            .spent_outwards(reason != StopReason::NotRetryable);
        outcome.ended(reason, *me.starts).with_spent(spent)
    }
}

impl<O: Operation> fmt::Debug for RetryFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture")
            .field("name", &self.rules.name)
            .field("attempts", &self.attempts)
            .field("waiting", &matches!(self.state, State::Waiting { .. }))
            .finish_non_exhaustive()
    }
}

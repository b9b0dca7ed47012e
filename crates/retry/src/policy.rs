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
        // A copy is lent out, so that without a budget the attempt stays in registers.
        let mut counted = attempt.clone();
        let call = BudgetedCall::enter(rules, &mut counted);
        if rules.budget.is_some() {
            attempt = counted;
        }
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
        // Kept until the last permitted attempt takes it.
        operation: Option<O>,
        attempt: Attempt<O::Runtime>,
        // With the rules, which have the budget.
        call: BudgetedCall<'p, &'p Rules>,
        // How often the operation was started, and how many attempts that took here: a refusal
        // further in is an attempt without a start.
        starts: u32,
        attempts: u32,
        memory: Memory,
        #[pin]
        state: State<O::Future, <O::Runtime as Runtime>::Sleep, Outcome<O::Ok, O::Err>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S, O> {
        Between,
        Running { #[pin] future: F },
        // The error before the wait is kept where the wait may end too late for another attempt.
        Waiting { #[pin] sleep: S, last: Option<Box<O>> },
    }
}

/// How many steps one poll makes. A call that waits never gets so far; one that repeats without a
/// wait, and whose operation never waits, must not keep its thread to itself.
const ATTEMPTS_A_POLL: u32 = 32;

impl<O: Operation + Repeat> Future for RetryFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        for _ in 0..ATTEMPTS_A_POLL {
            let me = self.as_mut().project();
            match me.state.project() {
                StateProj::Running { future } => {
                    let mut outcome = ready!(future.poll(cx));
                    *me.starts = me.starts.saturating_add(outcome.starts());
                    if outcome.verdict.is_success() {
                        me.call.record_outcome(&mut outcome);
                        me.call.end();
                        return Poll::Ready(outcome.ended(StopReason::Succeeded, *me.starts));
                    }
                    if let Err(outcome) = self.as_mut().failed(outcome) {
                        return Poll::Ready(outcome);
                    }
                }
                StateProj::Waiting { sleep, last } => {
                    ready!(sleep.poll(cx));
                    let last = last.take();
                    if let Err(outcome) = self.as_mut().woken(last) {
                        return Poll::Ready(outcome);
                    }
                }
                StateProj::Between => panic!("a retry was polled after its end"),
            }
        }
        // Attempts that fail at once, and no wait between them: others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
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
        me.call.record_outcome(&mut outcome);
        me.attempt.remember(&outcome);
        match self.as_mut().next(&outcome) {
            Ok(Next::AtOnce) => self.again(None),
            Ok(Next::At(wake)) => {
                let me = self.as_mut().project();
                // An `Ok` that counts as a failure may hold what the next attempt needs, such as a
                // connection; an error may be returned after all.
                let is_kept = me.call.holder().needs_time(me.attempt) && outcome.result.is_err();
                let last = is_kept.then(|| Box::new(outcome));
                let sleep = me.attempt.runtime().sleep_until(wake);
                self.project().state.set(State::Waiting { sleep, last });
            }
            Err(reason) => return Err(self.give_up(outcome, reason)),
        }
        Ok(())
    }

    /// Makes the next attempt after a wait, unless the wait ended too late for it.
    #[cold]
    fn woken(
        mut self: Pin<&mut Self>,
        last: Option<Box<Outcome<O::Ok, O::Err>>>,
    ) -> Result<(), Outcome<O::Ok, O::Err>> {
        let Some(last) = last else {
            self.again(None);
            return Ok(());
        };
        let me = self.as_mut().project();
        let now = me.attempt.runtime().now();
        let began = began(me.call.holder(), me.attempt);
        match me
            .call
            .holder()
            .is_in_time(now, me.attempt.deadline(), began)
        {
            Ok(()) => {
                self.again(Some(now));
                Ok(())
            }
            Err(reason) => Err(self.give_up(*last, reason)),
        }
    }

    /// Decides what follows.
    fn next(self: Pin<&mut Self>, outcome: &Outcome<O::Ok, O::Err>) -> Result<Next, StopReason> {
        let me = self.project();
        let rules = *me.call.holder();
        let began = began(rules, me.attempt);
        let runtime = me.attempt.runtime();
        rules.may_repeat(outcome, me.attempt.is_idempotent())?;
        if me.operation.is_none() {
            return Err(StopReason::Attempts);
        }
        let verdict = &outcome.verdict;
        let delay = rules.delay(
            *me.attempts,
            me.memory,
            verdict,
            outcome.rejection().is_some(),
            || runtime.random(),
        )?;
        let needs_time = !delay.is_zero() || rules.needs_time(me.attempt) || me.call.needs_time();
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
        if !me.call.try_reserve_at(now, verdict) {
            return Err(StopReason::Budget);
        }
        runtime.emit(&Event::retrying(
            rules.name,
            *me.attempts,
            delay,
            verdict.class(),
        ));
        // No timer for no delay: elsewhere a sleep of zero costs a whole tick of the timer wheel.
        Ok(if delay.is_zero() {
            Next::AtOnce
        } else {
            Next::At(wake)
        })
    }

    /// Makes the next attempt, which begins `now` where that is known.
    fn again(self: Pin<&mut Self>, now: Option<Instant>) {
        let mut me = self.project();
        *me.attempts += 1;
        let is_last = *me.attempts >= me.call.holder().attempts_for(me.attempt);
        let operation = if is_last {
            me.operation.take()
        } else {
            me.operation.clone()
        };
        let operation = operation.expect("an attempt follows only where the operation is kept");
        let mut inner = me.attempt.repeated(*me.starts);
        inner.nest();
        if let Some(now) = now {
            inner.began_at(now);
        }
        me.call.spend();
        let future = operation.start(inner);
        me.state.set(State::Running { future });
    }

    fn give_up(
        self: Pin<&mut Self>,
        outcome: Outcome<O::Ok, O::Err>,
        reason: StopReason,
    ) -> Outcome<O::Ok, O::Err> {
        let me = self.project();
        let event = Event::gave_up(me.call.holder().name, *me.attempts, reason);
        me.attempt.runtime().emit(&event);
        let spent = me.operation.is_none() || reason != StopReason::NotRetryable;
        me.call.end();
        me.attempt
            .conclude(outcome.ended(reason, *me.starts), spent)
    }
}

/// What follows a failed attempt.
enum Next {
    AtOnce,
    At(Instant),
}

/// When the first attempt began, where anybody asks: it was read then and stays in the attempt that
/// is kept.
fn began<R: Runtime>(rules: &Rules, attempt: &mut Attempt<R>) -> Instant {
    if rules.max_elapsed.is_some() {
        attempt.now()
    } else {
        Instant::MAX
    }
}

impl<O: Operation> fmt::Debug for RetryFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture")
            .field("name", &self.call.holder().name)
            .field("attempts", &self.attempts)
            .field("waiting", &matches!(self.state, State::Waiting { .. }))
            .finish_non_exhaustive()
    }
}

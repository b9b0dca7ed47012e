//! Plays a history on a breaker and on its oracle side by side.

use std::{
    cell::RefCell,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use steadfast_circuit_breaker::{Cause, CircuitBreaker, CircuitBreakerFuture, Permit, Transitions};
use steadfast_core::{Attempt, Instant, Operation, Outcome, Policy, Rejection};

use crate::{
    list::Ended,
    naive::{Naive, Pass, Phase, sums},
    runtime::Dice,
    setup::{Extent, Setup},
    steps::{End, Happening, Move, Step},
};

/// "Never" is no time of day.
const LATEST: u64 = u64::MAX - 1;

/// An operation that answers when it is told what.
#[derive(Clone, Default)]
struct Remote<'r> {
    answer: Rc<RefCell<Option<Outcome<(), ()>>>>,
    runtime: PhantomData<&'r Dice>,
}

impl<'r> Operation for Remote<'r> {
    type Ok = ();
    type Err = ();
    type Runtime = &'r Dice;
    type Future = Self;

    fn start(self, _attempt: Attempt<&'r Dice>) -> Self {
        self
    }
}

impl Future for Remote<'_> {
    type Output = Outcome<(), ()>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A call under way.
enum Held<'b> {
    Permit(Permit<'b, &'b Dice>),
    Future(
        Pin<Box<CircuitBreakerFuture<'b, &'b Dice, Remote<'b>>>>,
        Remote<'b>,
    ),
}

struct Replay<'b> {
    setup: &'b Setup,
    breaker: &'b CircuitBreaker,
    dice: &'b Dice,
    naive: Naive,
    now: u64,
    transitions: Transitions,
    /// How many transitions the subscriber has seen.
    followed: usize,
    calls: Vec<(Held<'b>, Pass)>,
}

/// What histories came to.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) causes: Vec<Cause>,
    pub(crate) stale: u64,
    pub(crate) reopened: u32,
}

pub(crate) fn replay(setup: &Setup, start: u64, steps: &[Step]) -> Result<Reached, TestCaseError> {
    let dice = Dice::new();
    let start = start.min(LATEST);
    dice.set_now(start);
    let breaker = setup.build();
    let mut replay = Replay {
        setup,
        breaker: &breaker,
        dice: &dice,
        naive: Naive::new(setup.clone()),
        now: start,
        transitions: breaker.subscribe(),
        followed: 0,
        calls: Vec::new(),
    };
    let mut reached = Reached::default();
    for step in steps {
        dice.set_random(step.random);
        replay.play(*step)?;
        replay.compare()?;
        reached.reopened = reached.reopened.max(replay.naive.reopened);
    }
    // What is under way in the end is cancelled, and counted as that.
    while let Some((held, pass)) = replay.calls.pop() {
        drop(held);
        replay
            .naive
            .cancel(pass, replay.now, steps.last().unwrap().random);
        replay.compare()?;
    }
    reached.stale = replay.naive.stale;
    let transitions = replay.naive.transitions.iter();
    reached.causes = transitions.map(|(_, _, cause)| *cause).collect();
    Ok(reached)
}

impl<'b> Replay<'b> {
    fn play(&mut self, step: Step) -> Result<(), TestCaseError> {
        let random = step.random;
        // Calls are picked among those under way; without any, these steps say nothing.
        let calls = self.calls.len();
        let picked = |call: usize| call.checked_rem(calls);
        match step.happening {
            Happening::Begin { as_future } => {
                if let Some(call) = self.begin(as_future, random)? {
                    self.calls.push(call);
                }
            }
            Happening::Calls { count, end } => {
                for _ in 0..count {
                    self.call(end, random)?;
                }
            }
            Happening::End { call, end } => {
                if let Some(at) = picked(call) {
                    let (held, pass) = self.calls.swap_remove(at);
                    self.end(held, pass, end, random);
                }
            }
            Happening::Cancel { call } => {
                if let Some(at) = picked(call) {
                    let (held, pass) = self.calls.swap_remove(at);
                    drop(held);
                    self.naive.cancel(pass, self.now, random);
                }
            }
            Happening::Move(to) => {
                self.now = self.moved(to).min(LATEST);
                self.dice.set_now(self.now);
            }
            Happening::Isolate => {
                self.breaker.isolate();
                self.naive.isolate();
            }
            Happening::ForceClosed => {
                self.breaker.force_closed();
                self.naive.force_closed();
            }
            Happening::Reset => {
                self.breaker.reset();
                self.naive.reset();
            }
            Happening::OpenFor(nanos) => {
                let now = Instant::from_nanos(self.now);
                self.breaker.open_for_at(now, Duration::from_nanos(nanos));
                self.naive.open_for(self.now, nanos);
            }
        }
        Ok(())
    }

    fn moved(&self, to: Move) -> u64 {
        let width = match self.setup.extent {
            Extent::Time(length, slots) => length / slots,
            Extent::Calls(_) => 1_000_000,
        };
        match to {
            Move::On(nanos) => self.now.saturating_add(nanos),
            Move::Back(nanos) => self.now.saturating_sub(nanos),
            Move::ToSlot(slots, moment) => {
                let slot = (self.now / width).saturating_add_signed(slots);
                slot.saturating_mul(width).saturating_add_signed(moment)
            }
            Move::ToQuarter(slots) => {
                let quarter = 1 << 30;
                let slot = (self.now / width / quarter + 1) * quarter - slots;
                slot.saturating_mul(width)
            }
            Move::ToMark(moment) => {
                let mark = match self.naive.phase {
                    Phase::Open { until, .. } | Phase::HalfOpen { until, .. } => until,
                    Phase::Ramping { since, .. } => {
                        let step = self.setup.ramp_step;
                        since.saturating_add((self.now.saturating_sub(since) / step + 1) * step)
                    }
                    _ => self.now,
                };
                mark.saturating_add_signed(moment)
            }
            Move::ToSlow(call, moment) => {
                let at = call.checked_rem(self.calls.len());
                match (at.map(|at| self.calls[at].1), self.setup.slow) {
                    (
                        Some(Pass::Call { began, .. } | Pass::Probe { began, .. }),
                        Some((_, after)),
                    ) => began.saturating_add(after).saturating_add_signed(moment),
                    _ => self.now,
                }
            }
        }
    }

    /// A call comes, and is compared in whether it passes, and as what.
    fn begin(
        &mut self,
        as_future: bool,
        random: u64,
    ) -> Result<Option<(Held<'b>, Pass)>, TestCaseError> {
        let expected = self.naive.admit(self.now, random);
        let held = if as_future {
            let remote = Remote::default();
            let attempt = Attempt::first(self.dice);
            let mut future = Box::pin(self.breaker.run(remote.clone(), attempt));
            match poll(future.as_mut()) {
                Poll::Pending => Ok(Held::Future(future, remote)),
                Poll::Ready(outcome) => Err(*outcome.rejection().unwrap()), // as the remote is silent
            }
        } else {
            self.breaker.try_acquire(self.dice).map(Held::Permit)
        };
        match (held, expected) {
            (Ok(held), Ok(pass)) => {
                if let Held::Permit(permit) = &held {
                    let is_probe = matches!(pass, Pass::Probe { .. });
                    prop_assert_eq!(permit.is_probe(), is_probe);
                }
                Ok(Some((held, pass)))
            }
            (held, expected) => {
                let refused = held
                    .map(|_| ())
                    .map_err(|rejection| rejection.retry_after());
                let expected = expected.map(|_| ());
                let expected = expected.map_err(|after| after.map(Duration::from_nanos));
                prop_assert_eq!(refused, expected);
                Ok(None)
            }
        }
    }

    /// A call comes that is over when it has begun.
    fn call(&mut self, end: End, random: u64) -> Result<(), TestCaseError> {
        let expected = self.naive.admit(self.now, random);
        let remote = Remote::default();
        *remote.answer.borrow_mut() = Some(end.outcome());
        let attempt = Attempt::first(self.dice);
        let mut future = Box::pin(self.breaker.run(remote, attempt));
        let Poll::Ready(outcome) = poll(future.as_mut()) else {
            return Err(TestCaseError::fail("an answer was not handed on"));
        };
        match expected {
            Ok(pass) => {
                prop_assert_eq!(outcome.verdict, end.verdict());
                self.naive.end(pass, end, true, self.now, random);
            }
            Err(after) => {
                let ours = outcome.rejection().filter(|by| by.policy() == "breaker");
                let after = after.map(Duration::from_nanos);
                prop_assert_eq!(ours.map(Rejection::retry_after), Some(after));
            }
        }
        Ok(())
    }

    fn end(&mut self, held: Held<'b>, pass: Pass, end: End, random: u64) {
        match held {
            Held::Permit(permit) => {
                permit.record(&end.verdict());
                self.naive.end(pass, end, false, self.now, random);
            }
            Held::Future(mut future, remote) => {
                *remote.answer.borrow_mut() = Some(end.outcome());
                assert!(poll(future.as_mut()).is_ready());
                self.naive.end(pass, end, true, self.now, random);
            }
        }
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let naive = &self.naive;
        let now = Instant::from_nanos(self.now);
        prop_assert_eq!(self.breaker.state(), naive.state());
        let snapshot = self.breaker.snapshot_at(now);
        prop_assert_eq!(snapshot.state, naive.state());
        let remaining = Duration::from_nanos(naive.remaining(self.now));
        prop_assert_eq!(snapshot.remaining, remaining);
        prop_assert_eq!(snapshot.reopened, naive.reopened);
        prop_assert_eq!(snapshot.stale, naive.stale);
        let in_a_row = u64::from(snapshot.consecutive_failures);
        prop_assert_eq!(in_a_row, naive.failures_in_a_row());
        let width = match self.setup.extent {
            Extent::Time(length, slots) => length / slots,
            Extent::Calls(_) => 0,
        };
        let window: Vec<_> = snapshot
            .window
            .iter()
            .map(|bucket| (bucket.age, bucket.calls, bucket.failures, bucket.slow))
            .collect();
        let expected: Vec<_> = naive
            .window(self.now)
            .into_iter()
            .map(|(age, calls, failures, slow)| {
                (Duration::from_nanos(age * width), calls, failures, slow)
            })
            .collect();
        prop_assert_eq!(window, expected);
        self.check_bound()?;

        while let Some(next) = self.transitions.try_recv() {
            let said = (next.from, next.to, next.cause);
            prop_assert_eq!(Some(&said), self.naive.transitions.get(self.followed));
            self.followed += 1;
            prop_assert_eq!(next.sequence, self.followed as u64);
        }
        prop_assert_eq!(self.followed, self.naive.transitions.len());
        let heard = std::mem::take(&mut self.naive.heard);
        prop_assert_eq!(self.dice.take_heard(), heard);
        Ok(())
    }

    /// What is promised of a window of calls, whatever its buckets are: it holds the last calls, up to
    /// a sixteenth fewer than it was asked to.
    fn check_bound(&self) -> Result<(), TestCaseError> {
        let Extent::Calls(size) = self.setup.extent else {
            return Ok(());
        };
        if !self.setup.has_rates() {
            return Ok(());
        }
        let calls = self.naive.calls_of_period();
        let [held, failures, slow] = sums(&self.naive.window(self.now));
        let all = calls.len() as u64;
        prop_assert!(held <= size);
        let least = if size <= 64 { size } else { size - size / 16 };
        prop_assert!(held >= least.min(all), "{} of {}", held, all);
        let last = &calls[calls.len() - usize::try_from(held).unwrap()..];
        let count = |is: fn(&Ended) -> bool| last.iter().filter(|call| is(call)).count() as u64;
        prop_assert_eq!(failures, count(|call| call.failed));
        prop_assert_eq!(slow, count(|call| call.slow));
        Ok(())
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

//! One history through both, compared after each step.

use std::{ops::AddAssign, task::Poll, time::Duration};

use proptest::{prelude::*, test_runner::TestCaseError};
use steadfast_bulkhead::Bulkhead;
use steadfast_core::{CallOptions, Error, Priority};

use crate::{
    common::{Held, Rig, Until, counts, ms},
    naive::{Naive, Phase, Told},
    steps::{Setup, Step},
};

/// How often what happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) at_once: u32,
    pub(crate) turns: u32,
    pub(crate) refused: u32,
    pub(crate) waited_in_vain: u32,
    pub(crate) passed_on: u32,
    pub(crate) given_up: u32,
}

impl AddAssign for Reached {
    fn add_assign(&mut self, other: Self) {
        self.at_once += other.at_once;
        self.turns += other.turns;
        self.refused += other.refused;
        self.waited_in_vain += other.waited_in_vain;
        self.passed_on += other.passed_on;
        self.given_up += other.given_up;
    }
}

struct Both {
    rig: Rig,
    naive: Naive,
    /// As the naive one has them.
    calls: Vec<Held>,
    next: u32,
    reached: Reached,
}

/// What a poll of the real one came to.
fn told(call: &mut Held) -> Told {
    match call.poll() {
        Poll::Pending if call.runs() => Told::Runs,
        Poll::Pending => Told::Waits,
        Poll::Ready(Err(Error::Rejected(rejection))) => {
            let (running, waiting) = counts(&rejection);
            Told::Refused(running, waiting)
        }
        Poll::Ready(other) => panic!("it ended by itself: {other:?}"),
    }
}

impl Both {
    fn arrive(
        &mut self,
        cost: u32,
        priority: u8,
        timeout: Option<u64>,
    ) -> Result<(), TestCaseError> {
        let options = CallOptions::new().cost(cost).priority(Priority(priority));
        let until = Until(timeout.map_or(Duration::MAX, ms));
        let mut call = (self.rig).call_under((until, self.rig.bulkhead.clone()), options);
        self.next += 1;
        let expected = self.naive.arrive(self.next, cost, priority, timeout);
        prop_assert_eq!(told(&mut call), expected);
        match expected {
            Told::Refused(..) => self.reached.refused += 1,
            Told::Runs => self.reached.at_once += 1,
            Told::Waits => {}
        }
        if !matches!(expected, Told::Refused(..)) {
            self.calls.push(call);
        }
        Ok(())
    }

    fn poll(&mut self, at: usize) -> Result<(), TestCaseError> {
        let before = self.naive.calls[at].phase;
        let expected = self.naive.poll(at);
        prop_assert_eq!(told(&mut self.calls[at]), expected);
        match (before, expected) {
            (Phase::Turn, _) => self.reached.turns += 1,
            (Phase::GivenUp, _) => self.reached.given_up += 1,
            (Phase::Waits, Told::Refused(..)) => self.reached.waited_in_vain += 1,
            _ => {}
        }
        if let Told::Refused(..) = expected {
            self.calls.remove(at);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let number = |number: usize, of: usize| (of > 0).then(|| number % of.max(1));
        match *step {
            Step::Arrive {
                cost,
                priority,
                timeout,
            } => self.arrive(cost, priority, timeout)?,
            Step::Poll(at) => {
                if let Some(at) = number(at, self.calls.len()) {
                    self.poll(at)?;
                }
            }
            Step::PollWoken => {
                for at in (0..self.calls.len()).rev() {
                    if self.naive.is_woken(at) {
                        self.poll(at)?;
                    }
                }
            }
            Step::End(at) => {
                let calls = 0..self.calls.len();
                let runs = calls.filter(|at| self.naive.calls[*at].phase == Phase::Runs);
                let runs: Vec<usize> = runs.collect();
                if let Some(at) = number(at, runs.len()) {
                    self.naive.drop(runs[at]);
                    self.calls.remove(runs[at]).end(Ok(()));
                }
            }
            Step::Cancel(at) => {
                if let Some(at) = number(at, self.calls.len()) {
                    let had_turn = self.naive.calls[at].phase == Phase::Turn;
                    self.reached.passed_on += u32::from(had_turn);
                    self.naive.drop(at);
                    drop(self.calls.remove(at));
                }
            }
            Step::Resize(limit) => {
                self.naive.resize(limit);
                self.rig.bulkhead.resize(limit).unwrap();
            }
            Step::Pass(millis) => {
                self.naive.now += millis;
                self.rig.pass(ms(millis));
            }
            Step::TryAcquire(cost) => {
                let taken = self.rig.bulkhead.try_acquire(&self.rig.runtime, cost);
                let told = match &taken {
                    Ok(_) => Told::Runs,
                    Err(rejection) => {
                        let (running, waiting) = counts(rejection);
                        Told::Refused(running, waiting)
                    }
                };
                prop_assert_eq!(told, self.naive.try_acquire(cost));
            }
        }
        self.agree()
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let (naive, bulkhead) = (&self.naive, &self.rig.bulkhead);
        prop_assert_eq!(bulkhead.limit(), naive.limit);
        prop_assert_eq!(bulkhead.in_flight(), naive.in_flight());
        prop_assert_eq!(bulkhead.waiting(), naive.waiting());
        for (at, call) in self.calls.iter().enumerate() {
            let phase = naive.calls[at].phase;
            prop_assert_eq!(call.runs(), phase == Phase::Runs);
            if phase != Phase::Runs {
                prop_assert_eq!(call.is_woken(), naive.is_woken(at), "{:?}", naive.calls[at]);
                prop_assert!(call.wakes() <= 2, "once for its turn, once for the time");
            }
        }
        Ok(())
    }
}

pub(crate) fn replay(setup: &Setup, steps: &[Step]) -> Result<Reached, TestCaseError> {
    let settings = Bulkhead::max_concurrent(setup.limit)
        .max_waiting(setup.max_waiting)
        .max_wait(ms(setup.max_wait))
        .order(setup.order);
    let mut both = Both {
        rig: Rig::new(settings),
        naive: Naive::new(setup),
        calls: Vec::new(),
        next: 0,
        reached: Reached::default(),
    };
    for step in steps {
        both.step(step)?;
    }
    // In the end nothing is left.
    both.calls.clear();
    prop_assert_eq!(both.rig.counts(), (0, 0));
    Ok(both.reached)
}

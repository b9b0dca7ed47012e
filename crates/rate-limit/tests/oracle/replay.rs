//! Does the same to a limit and to the list.

use std::{
    cell::RefCell, future::Future, future::ready, ops::AddAssign, pin::Pin, rc::Rc, task::Poll,
};

use proptest::{prelude::*, test_runner::TestCaseError};
use std::time::Duration;
use steadfast_core::{
    CallOptions, Driven, Error, Instant, Pipeline, RejectionKind, Runtime, VirtualRuntime,
};
use steadfast_rate_limit::RateLimit;

use crate::{
    lists::List,
    steps::{Setup, Shape, Step},
};

/// How often each kind of thing happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) at_once: usize,
    pub(crate) turns: usize,
    pub(crate) refused: usize,
    pub(crate) too_costly: usize,
    pub(crate) left_in_time: usize,
    pub(crate) left_late: usize,
    pub(crate) moved: usize,
}

impl AddAssign for Reached {
    fn add_assign(&mut self, other: Reached) {
        self.at_once += other.at_once;
        self.turns += other.turns;
        self.refused += other.refused;
        self.too_costly += other.too_costly;
        self.left_in_time += other.left_in_time;
        self.left_late += other.left_late;
        self.moved += other.moved;
    }
}

type Answer = Result<(), Error<()>>;
type Call = Driven<Pin<Box<dyn Future<Output = Answer>>>>;

struct Replay {
    setup: Setup,
    runtime: VirtualRuntime,
    limit: RateLimit,
    list: List,
    /// Those that wait, by their numbers.
    calls: Vec<(usize, Call)>,
    next: usize,
    /// Which ran.
    ran: Rc<RefCell<Vec<usize>>>,
    reached: Reached,
}

pub(crate) fn replay(setup: &Setup, steps: &[Step]) -> Result<Reached, TestCaseError> {
    let nanos = Duration::from_nanos;
    let limit = RateLimit::new(setup.n, nanos(setup.per)).wait(nanos(setup.max_wait));
    let limit = limit.max_waiting(setup.max_waiting);
    let limit = match setup.shape {
        Shape::Bucket => limit.burst(setup.burst),
        Shape::Sliding => limit.sliding(),
        Shape::Fixed => limit.fixed(),
    };
    let mut replay = Replay {
        setup: setup.clone(),
        runtime: VirtualRuntime::new(1),
        limit: limit.build().unwrap(),
        list: List::new(setup),
        calls: Vec::new(),
        next: 0,
        ran: Rc::default(),
        reached: Reached::default(),
    };
    for step in steps {
        replay.step(step)?;
        prop_assert!(replay.list.holds());
    }
    replay.end()
}

impl Replay {
    fn now(&self) -> u64 {
        self.runtime.now().as_nanos()
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Arrive { cost, timeout } => self.arrive(cost, timeout)?,
            Step::TryAcquire(cost) => self.try_acquire(cost)?,
            Step::Poll(number) if !self.calls.is_empty() => {
                self.poll(number % self.calls.len())?;
            }
            Step::Poll(_) => {}
            Step::PollWoken => self.poll_woken()?,
            Step::Cancel(number) if !self.calls.is_empty() => {
                self.cancel(number % self.calls.len());
            }
            Step::Cancel(_) => {}
            Step::Pass(nanos) => {
                let to = self.runtime.now() + Duration::from_nanos(nanos);
                self.runtime.set_now(to);
            }
        }
        let now = self.now();
        let waiting = self.list.entries.iter().filter(|entry| entry.turn > now);
        let waiting = waiting.count();
        // One whose turn has come counts until it is noticed.
        prop_assert!(self.limit.waiting() >= waiting);
        Ok(())
    }

    fn arrive(&mut self, cost: u32, timeout: Option<u64>) -> Result<(), TestCaseError> {
        let (now, number) = (self.now(), self.next);
        self.next += 1;
        let ran = Rc::clone(&self.ran);
        let calls = Pipeline::on(self.runtime.clone(), self.limit.clone());
        let mut options = CallOptions::new().cost(cost);
        let mut latest = now + self.setup.max_wait;
        if let Some(nanos) = timeout {
            let deadline = now + nanos;
            options = options.deadline(Instant::from_nanos(deadline));
            latest = latest.min(deadline.saturating_sub(1));
        }
        let mut call: Call = self.runtime.drive(Box::pin(async move {
            let call = calls.call(move || {
                ran.borrow_mut().push(number);
                ready(Ok(()))
            });
            call.options(options).await
        }));
        let waiting = self
            .list
            .entries
            .iter()
            .filter(|one| one.turn > now)
            .count();
        let result = call.poll();
        if cost == 0 {
            prop_assert_eq!(result, Poll::Ready(Ok(())));
            return Ok(());
        }
        if cost > self.setup.burst {
            self.reached.too_costly += 1;
            let kind = RejectionKind::Other("it costs more than there ever is at once");
            return refused(&result, kind, None);
        }
        let turn = self.list.turn(now, cost);
        if turn <= now {
            prop_assert_eq!(result, Poll::Ready(Ok(())));
            self.list.add(number, turn, cost);
            self.reached.at_once += 1;
        } else if turn > latest || waiting >= self.setup.max_waiting as usize {
            self.reached.refused += 1;
            refused(&result, RejectionKind::RateLimited, Some(turn - now))?;
        } else {
            prop_assert_eq!(result, Poll::Pending);
            self.list.add(number, turn, cost);
            self.calls.push((number, call));
        }
        Ok(())
    }

    fn try_acquire(&mut self, cost: u32) -> Result<(), TestCaseError> {
        let now = self.now();
        let number = self.next;
        self.next += 1;
        let found = self.limit.try_acquire(&self.runtime, cost);
        if cost == 0 || cost > self.setup.burst {
            prop_assert_eq!(found.is_ok(), cost == 0);
            return Ok(());
        }
        let turn = self.list.turn(now, cost);
        match found {
            Ok(()) => {
                prop_assert!(turn <= now);
                self.list.add(number, turn, cost);
            }
            Err(refused) => {
                let after = Duration::from_nanos(turn - now);
                prop_assert!(turn > now);
                prop_assert_eq!(refused.retry_after(), Some(after));
            }
        }
        Ok(())
    }

    fn turn_of(&self, number: usize) -> u64 {
        let entry = self.list.entries.iter().find(|entry| entry.call == number);
        entry.unwrap().turn
    }

    fn poll(&mut self, at: usize) -> Result<(), TestCaseError> {
        let (number, call) = &mut self.calls[at];
        let (number, result) = (*number, call.poll());
        if self.turn_of(number) <= self.now() {
            prop_assert_eq!(result, Poll::Ready(Ok(())));
            let last = self.ran.borrow().last().copied();
            prop_assert_eq!(last, Some(number));
            self.calls.remove(at);
            self.reached.turns += 1;
        } else {
            prop_assert_eq!(result, Poll::Pending);
        }
        Ok(())
    }

    fn poll_woken(&mut self) -> Result<(), TestCaseError> {
        let now = self.now();
        for at in (0..self.calls.len()).rev() {
            let (number, call) = &self.calls[at];
            let has_come = self.turn_of(*number) <= now;
            prop_assert!(call.is_woken() || !has_come, "it is not woken");
            if call.is_woken() {
                self.poll(at)?;
            }
        }
        Ok(())
    }

    fn cancel(&mut self, at: usize) {
        let now = self.now();
        let (number, call) = self.calls.remove(at);
        drop(call);
        if self.turn_of(number) > now {
            self.reached.moved += self.list.remove(number, now);
            self.reached.left_in_time += 1;
        } else {
            self.reached.left_late += 1;
        }
    }

    /// All who wait still have their turns, in order, each at its time.
    fn end(mut self) -> Result<Reached, TestCaseError> {
        self.poll_woken()?;
        while let Some(first) = self.calls.iter().map(|(number, _)| *number).min() {
            let turn = self.turn_of(first);
            self.runtime.set_now(Instant::from_nanos(turn - 1));
            self.poll_woken()?;
            self.runtime.set_now(Instant::from_nanos(turn));
            self.poll_woken()?;
            prop_assert!(self.calls.iter().all(|(number, _)| *number > first));
        }
        prop_assert_eq!(self.limit.waiting(), 0);
        prop_assert_eq!(self.runtime.sleeps_waiting(), 0);
        Ok(self.reached)
    }
}

fn refused(
    result: &Poll<Answer>,
    kind: RejectionKind,
    after: Option<u64>,
) -> Result<(), TestCaseError> {
    let Poll::Ready(Err(Error::Rejected(rejection))) = result else {
        return Err(TestCaseError::fail(format!("not refused: {result:?}")));
    };
    prop_assert_eq!(rejection.kind(), kind);
    prop_assert_eq!(rejection.retry_after(), after.map(Duration::from_nanos));
    Ok(())
}

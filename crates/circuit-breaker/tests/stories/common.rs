//! What the stories share: a breaker on virtual time, in front of a dependency that answers as it is told.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a module of tests, seen by nobody else"
)]

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    time::Duration,
};

use futures::future::{Either, FutureExt, Map, Select, select};
use steadfast_circuit_breaker::{
    Cause, CircuitBreaker, CircuitBreakerBuilder, Permit, Snapshot, State, Transitions,
};
use steadfast_core::{
    Attempt, Classify, Error, Instant, Operation, Outcome, Pipeline, Policies, Policy, Ratio,
    Rejection, RejectionKind, Runtime, Verdict, VirtualRuntime,
};

pub const BAD: Verdict = Verdict::transient();
pub const OVERLOADED: Verdict = Verdict::overloaded();

pub const fn ns(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// An error says by itself what it means.
pub type Answer = Result<(), Verdict>;

#[derive(Clone, Copy, Debug)]
pub struct ByItself;

impl Classify<(), Verdict> for ByItself {
    fn classify(&self, answer: &Answer) -> Verdict {
        match answer {
            Ok(()) => Verdict::success(),
            Err(verdict) => *verdict,
        }
    }
}

/// A breaker, what calls through it, and the clock.
pub struct Rig {
    pub runtime: VirtualRuntime,
    pub breaker: CircuitBreaker,
    pub calls: Pipeline<CircuitBreaker, VirtualRuntime, ByItself>,
}

impl Rig {
    pub fn new(settings: CircuitBreakerBuilder) -> Rig {
        let runtime = VirtualRuntime::new(7);
        let breaker = settings.build().expect("valid settings");
        Rig::of(runtime, breaker)
    }

    pub fn of(runtime: VirtualRuntime, breaker: CircuitBreaker) -> Rig {
        let calls = Pipeline::on(runtime.clone(), breaker.clone()).classify(ByItself);
        Rig {
            runtime,
            breaker,
            calls,
        }
    }

    /// One that a failure has just opened.
    pub fn opened(settings: CircuitBreakerBuilder) -> Rig {
        let rig = Rig::new(settings.consecutive_failures(1));
        rig.bad(1);
        assert_eq!(rig.state(), State::Open);
        rig
    }

    /// One that is half-open: its open time is over, and a call that counted for nothing has come.
    pub fn half_open(settings: CircuitBreakerBuilder) -> Rig {
        let rig = Rig::new(settings);
        rig.breaker.open_for_at(rig.now(), Duration::ZERO);
        rig.start().record(&Verdict::caller());
        assert_eq!(rig.state(), State::HalfOpen);
        rig
    }

    /// A call that is answered at once.
    pub fn call(&self, answer: Answer) -> Result<(), Error<Verdict>> {
        self.runtime.block_on(self.calls.call(|| ready(answer)))
    }

    /// A call that is answered after a while, which is let through.
    pub fn takes(&self, length: Duration, answer: Answer) {
        let result = self.runtime.block_on(self.calls.call(|| async {
            self.runtime.sleep(length).await;
            answer
        }));
        assert_eq!(result, answer.map_err(Error::Operation));
    }

    /// So many calls, which are let through and answered at once.
    pub fn answer(&self, calls: u32, answer: Answer) {
        for number in 0..calls {
            let result = self.call(answer);
            assert_eq!(result, answer.map_err(Error::Operation), "call {number}");
        }
    }

    pub fn good(&self, calls: u32) {
        self.answer(calls, Ok(()));
    }

    pub fn bad(&self, calls: u32) {
        self.answer(calls, Err(BAD));
    }

    /// A call that is refused, and not made.
    pub fn refused(&self) -> Rejection {
        let mut started = false;
        let result = self.runtime.block_on(self.calls.call(|| {
            started = true;
            ready(Ok(()))
        }));
        assert!(!started, "it was made");
        let Err(Error::Rejected(rejection)) = result else {
            panic!("it was let through: {result:?}");
        };
        assert_eq!(rejection.kind(), RejectionKind::CircuitOpen);
        rejection
    }

    /// A refused call, and when it may come again.
    pub fn retry_after(&self) -> Duration {
        self.refused().retry_after().expect("open for a known time")
    }

    /// A call under way, which is let through.
    #[track_caller]
    pub fn start(&self) -> Permit<'_, &VirtualRuntime> {
        let permit = self.breaker.try_acquire(&self.runtime);
        permit.expect("let through")
    }

    /// A call that finds out whether the dependency is well.
    pub fn probe(&self) -> Permit<'_, &VirtualRuntime> {
        let permit = self.start();
        assert!(permit.is_probe());
        permit
    }

    pub fn state(&self) -> State {
        self.breaker.state()
    }

    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    pub fn pass(&self, length: Duration) {
        self.runtime.advance(length);
    }

    pub fn turn_back(&self, length: Duration) {
        self.runtime.set_now(self.now().saturating_sub(length));
    }

    pub fn snapshot(&self) -> Snapshot {
        self.breaker.snapshot_at(self.now())
    }

    /// How many calls the window holds, how many of them failed, and how many were slow.
    pub fn counts(&self) -> (u64, u64, u64) {
        let snapshot = self.snapshot();
        (snapshot.calls(), snapshot.failures(), snapshot.slow())
    }

    /// From the half-open state, by way of good probes.
    pub fn close(&self) {
        let probes = (0..1_000_000).take_while(|_| {
            self.good(1);
            self.state() == State::HalfOpen
        });
        let more = probes.count();
        assert_eq!(self.state(), State::Closed, "after {more} more probes");
    }

    /// How many permits for probes there are, all of which are given back.
    pub fn free_probes(&self) -> usize {
        let permits: Vec<_> = std::iter::from_fn(|| {
            let permit = self.breaker.try_acquire(&self.runtime).ok()?;
            assert!(permit.is_probe());
            Some(permit)
        })
        .take(1000)
        .collect();
        permits.len()
    }
}

/// The rates of 50 %, over windows of all three kinds: a word, a ring, and slots of time.
pub fn half_fail() -> [CircuitBreakerBuilder; 3] {
    of_each_window(|| CircuitBreaker::failure_rate(Ratio::percent(50)))
}

/// The same settings with a window of each kind. Each holds at least 47 calls; that of time holds 10 s.
pub fn of_each_window(settings: impl Fn() -> CircuitBreakerBuilder) -> [CircuitBreakerBuilder; 3] {
    [
        settings().over_last(50),
        settings().over_last(500),
        settings().over(secs(10)),
    ]
}

/// What opens after one failure, for exactly 5 s, and asks one probe.
pub fn brittle() -> CircuitBreakerBuilder {
    CircuitBreaker::consecutive_failures(1)
        .open_for(secs(5))
        .jitter(Ratio::percent(0))
        .probes(1)
}

/// What a reader has not seen yet.
pub fn read(transitions: &mut Transitions) -> Vec<(State, State, Cause)> {
    std::iter::from_fn(|| transitions.try_recv())
        .take(1000)
        .map(|step| (step.from, step.to, step.cause))
        .collect()
}

/// Runs what has to panic.
pub fn panics<T>(run: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err(), "no panic");
}

/// A policy that refuses every call.
pub struct Refuse(pub Rejection);

impl Policies for Refuse {}

impl<'p, O: Operation> Policy<'p, O> for Refuse {
    type Future = Ready<Outcome<O::Ok, O::Err>>;

    fn run(&'p self, _operation: O, _attempt: Attempt<O::Runtime>) -> Self::Future {
        ready(Outcome::rejected(self.0))
    }
}

/// A policy that starts what is inside and drops it unpolled.
pub struct DropUnpolled;

impl Policies for DropUnpolled {}

impl<'p, O: Operation> Policy<'p, O> for DropUnpolled {
    type Future = Ready<Outcome<O::Ok, O::Err>>;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        drop(operation.start(attempt));
        let kind = RejectionKind::Other("dropped");
        ready(Outcome::rejected(Rejection::new("drop", kind)))
    }
}

/// A policy that cuts off what is inside after 100 ms.
pub struct CutOff;

const CUT_OFF: Duration = ms(100);

impl Policies for CutOff {}

type Boxed<F> = Pin<Box<F>>;
type SleepOf<O> = Boxed<<<O as Operation>::Runtime as Runtime>::Sleep>;
type FutureOf<O> = Boxed<<O as Operation>::Future>;
type OutcomeOf<O> = Outcome<<O as Operation>::Ok, <O as Operation>::Err>;
type First<O> = Either<(OutcomeOf<O>, SleepOf<O>), ((), FutureOf<O>)>;

impl<'p, O: Operation> Policy<'p, O> for CutOff {
    type Future = Map<Select<FutureOf<O>, SleepOf<O>>, fn(First<O>) -> OutcomeOf<O>>;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let at = attempt.now() + CUT_OFF;
        let sleep = Box::pin(attempt.runtime().sleep_until(at));
        let first = select(Box::pin(operation.start(attempt)), sleep);
        first.map(|first| match first {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => {
                let kind = RejectionKind::TimedOut { after: CUT_OFF };
                Outcome::rejected(Rejection::new("cut off", kind))
            }
        })
    }
}

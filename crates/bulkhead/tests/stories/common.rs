//! What the stories share: a bulkhead on virtual time, and calls that run until they are told to end.

#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a module of tests, seen by nobody else"
)]

use std::{
    cell::{Cell, RefCell},
    future::{Future, Ready, poll_fn, ready},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use steadfast_bulkhead::{Bulkhead, BulkheadBuilder};
use steadfast_core::{
    Attempt, CallOptions, Driven, Error, Event, Instant, Observed, Operation, Pipeline, Policies,
    Policy, Priority, Rejection, RejectionKind, Runtime, VirtualRuntime,
};

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub type Answer = Result<(), &'static str>;
pub type Outcome = Result<(), Error<&'static str>>;

/// What a call is told to do when it is polled next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    Run,
    End(Answer),
    Panic,
}

/// A call under way in the hands of a test.
pub struct Held {
    call: Driven<Pin<Box<dyn Future<Output = Outcome>>>>,
    say: Rc<Cell<Say>>,
    runs: Rc<Cell<bool>>,
}

impl Held {
    pub fn poll(&mut self) -> Poll<Outcome> {
        self.call.poll()
    }

    /// Whether its operation was started and has not ended.
    pub fn runs(&self) -> bool {
        self.runs.get()
    }

    pub fn is_woken(&self) -> bool {
        self.call.is_woken()
    }

    pub fn wakes(&self) -> u64 {
        self.call.wakes()
    }

    pub fn polls(&self) -> u64 {
        self.call.polls()
    }

    /// Ends its operation, and so itself.
    pub fn end(mut self, answer: Answer) {
        assert!(self.runs());
        self.say.set(Say::End(answer));
        assert_eq!(self.poll(), Poll::Ready(answer.map_err(Error::Operation)));
    }

    /// Makes its operation panic when it is polled next.
    pub fn panic(&self) {
        self.say.set(Say::Panic);
    }

    /// Polls what is refused by now.
    #[track_caller]
    pub fn refusal(mut self) -> (u32, u32) {
        match self.poll() {
            Poll::Ready(Err(Error::Rejected(rejection))) => counts(&rejection),
            other => panic!("not refused: {other:?}"),
        }
    }
}

/// How many ran and how many waited, as a refusal says.
#[track_caller]
pub fn counts(rejection: &Rejection) -> (u32, u32) {
    match rejection.kind() {
        RejectionKind::BulkheadFull { running, waiting } => (running, waiting),
        other => panic!("not refused by a bulkhead: {other:?}"),
    }
}

type Observer = Rc<RefCell<Vec<String>>>;

/// A bulkhead, and the clock.
pub struct Rig {
    pub runtime: VirtualRuntime,
    pub bulkhead: Bulkhead,
    /// The events of all calls.
    pub events: Observer,
}

impl Rig {
    pub fn new(settings: BulkheadBuilder) -> Rig {
        Rig {
            runtime: VirtualRuntime::new(7),
            bulkhead: settings.build().expect("valid settings"),
            events: Rc::default(),
        }
    }

    /// A call that has not been polled. It runs until it is told to end.
    pub fn call(&self, options: CallOptions) -> Held {
        self.call_under(self.bulkhead.clone(), options)
    }

    /// A call under other policies.
    pub fn call_under<P>(&self, policies: P, options: CallOptions) -> Held
    where
        P: Policies + 'static,
        for<'p> P: Policy<'p, Op<'p>>,
    {
        let (say, runs) = (Rc::new(Cell::new(Say::Run)), Rc::new(Cell::new(false)));
        let operation = operation(Rc::clone(&say), Rc::clone(&runs));
        let events = Rc::clone(&self.events);
        let runtime = self.runtime.clone();
        let call = async move {
            let observe: Box<dyn Fn(&Event<'_>)> =
                Box::new(move |event| events.borrow_mut().push(format!("{event:?}")));
            let runtime = Observed::new(runtime, observe);
            let calls = Pipeline::on(runtime, policies);
            calls.call(operation).options(options).await
        };
        Held {
            call: self.runtime.drive(Box::pin(call)),
            say,
            runs,
        }
    }

    /// A call that was polled once.
    pub fn start_with(&self, options: CallOptions) -> Held {
        let mut call = self.call(options);
        assert_eq!(call.poll(), Poll::Pending);
        call
    }

    /// A call that runs.
    #[track_caller]
    pub fn start(&self) -> Held {
        let call = self.start_with(CallOptions::new());
        assert!(call.runs());
        call
    }

    /// A call that waits.
    #[track_caller]
    pub fn waiter(&self) -> Held {
        self.waiter_with(CallOptions::new())
    }

    #[track_caller]
    pub fn waiter_with(&self, options: CallOptions) -> Held {
        let call = self.start_with(options);
        assert!(!call.runs());
        call
    }

    /// A call that is refused at its first poll.
    #[track_caller]
    pub fn refused(&self, options: CallOptions) -> (u32, u32) {
        let call = self.call(options);
        let runs = Rc::clone(&call.runs);
        let counts = call.refusal();
        assert!(!runs.get());
        counts
    }

    /// Permits out, and calls that wait.
    pub fn counts(&self) -> (u32, u32) {
        (self.bulkhead.in_flight(), self.bulkhead.waiting())
    }

    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    pub fn pass(&self, length: Duration) {
        self.runtime.advance(length);
    }
}

type Run = Pin<Box<dyn Future<Output = Answer>>>;
type Start = Box<dyn FnOnce() -> Run>;
type Clock = Observed<VirtualRuntime, Box<dyn Fn(&Event<'_>)>>;

/// What calls of the stories come to inside their policies.
pub type Op<'p> = steadfast_core::Call<
    'p,
    Start,
    steadfast_core::Plain,
    <Clock as Runtime>::Lent<'p>,
    steadfast_core::ErrIsTransient,
>;

/// Tells the test when it is gone.
struct Running(Rc<Cell<bool>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

fn operation(say: Rc<Cell<Say>>, runs: Rc<Cell<bool>>) -> Start {
    Box::new(move || {
        runs.set(true);
        let running = Running(runs);
        Box::pin(async move {
            let _running = running;
            poll_fn(|_| match say.get() {
                Say::Run => Poll::Pending,
                Say::End(answer) => Poll::Ready(answer),
                Say::Panic => panic!("the operation panics"),
            })
            .await
        })
    })
}

/// The options of a call that costs so much.
pub fn cost(cost: u32) -> CallOptions {
    CallOptions::new().cost(cost)
}

/// The options of a call that matters so much.
pub fn priority(priority: u8) -> CallOptions {
    CallOptions::new().priority(Priority(priority))
}

/// One that lets a single call run, and as many wait as like to.
pub fn one() -> BulkheadBuilder {
    with_queue(1)
}

/// One that lets so many calls run, and as many wait as like to, for an hour.
pub fn with_queue(limit: u32) -> BulkheadBuilder {
    Bulkhead::max_concurrent(limit)
        .max_waiting(1000)
        .max_wait(secs(3600))
}

/// Which of the calls run, by their place in the list.
pub fn running(calls: &[Held]) -> Vec<usize> {
    let numbered = calls.iter().enumerate();
    let running = numbered.filter(|(_, call)| call.runs());
    running.map(|(number, _)| number).collect()
}

/// Polls the calls that were woken; which they were.
pub fn poll_woken(calls: &mut [Held]) -> Vec<usize> {
    let mut woken = Vec::new();
    for (number, call) in calls.iter_mut().enumerate() {
        if call.is_woken() {
            woken.push(number);
            assert_eq!(call.poll(), Poll::Pending, "it runs now");
        }
    }
    woken
}

/// A policy that refuses every call.
pub struct Refuse(pub Rejection);

impl Policies for Refuse {}

impl<'p, O: Operation> Policy<'p, O> for Refuse {
    type Future = Ready<steadfast_core::Outcome<O::Ok, O::Err>>;

    fn run(&'p self, _operation: O, _attempt: Attempt<O::Runtime>) -> Self::Future {
        ready(steadfast_core::Outcome::rejected(self.0))
    }
}

/// A policy that bounds what is inside, and leaves its timer to that.
pub struct Until(pub Duration);

impl Policies for Until {}

impl<'p, O: Operation> Policy<'p, O> for Until {
    type Future = O::Future;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        let deadline = attempt.now() + self.0;
        attempt.tighten_deadline(deadline);
        operation.start(attempt)
    }
}

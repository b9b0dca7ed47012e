//! What the stories share: a limit on virtual time, and calls that end as soon as they run.

#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a module of tests, seen by nobody else"
)]

use std::{
    cell::RefCell, future::Future, future::ready, pin::Pin, rc::Rc, task::Poll, time::Duration,
};

use steadfast_core::{
    CallOptions, Driven, Error, Event, Instant, Pipeline, Rejection, RejectionKind, Runtime,
    VirtualRuntime,
};
use steadfast_rate_limit::{RateLimit, RateLimitBuilder};

pub const fn ns(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub const DAY: Duration = secs(86_400);

pub type Answer = Result<(), Error<&'static str>>;
pub type Call = Driven<Pin<Box<dyn Future<Output = Answer>>>>;

/// A limit, and the clock.
pub struct Rig {
    pub runtime: VirtualRuntime,
    pub limit: RateLimit,
    /// The events of all calls.
    pub events: Rc<RefCell<Vec<String>>>,
    /// Which calls ran, and when after the beginning.
    pub ran: Rc<RefCell<Vec<(&'static str, Duration)>>>,
}

impl Rig {
    pub fn new(settings: RateLimitBuilder) -> Rig {
        Rig {
            runtime: VirtualRuntime::new(7),
            limit: settings.build().expect("valid settings"),
            events: Rc::default(),
            ran: Rc::default(),
        }
    }

    /// A call that has not been polled.
    pub fn call(&self, name: &'static str, options: CallOptions) -> Call {
        let (events, ran) = (Rc::clone(&self.events), Rc::clone(&self.ran));
        let (runtime, limit) = (self.runtime.clone(), self.limit.clone());
        self.runtime.drive(Box::pin(async move {
            let clock = runtime.clone();
            let calls = Pipeline::on(runtime, limit)
                .observe(move |event: &Event<'_>| events.borrow_mut().push(format!("{event:?}")));
            let call = calls.call(move || {
                ran.borrow_mut().push((name, clock.elapsed()));
                ready(Ok(()))
            });
            call.options(options).await
        }))
    }

    /// A call that waits for its turn.
    #[track_caller]
    pub fn waiter(&self, name: &'static str) -> Call {
        self.waiter_with(name, CallOptions::new())
    }

    #[track_caller]
    pub fn waiter_with(&self, name: &'static str, options: CallOptions) -> Call {
        let mut call = self.call(name, options);
        assert_eq!(call.poll(), Poll::Pending);
        call
    }

    /// A call that is refused at its first poll.
    #[track_caller]
    pub fn refused(&self, options: CallOptions) -> Rejection {
        let mut call = self.call("refused", options);
        let rejection = refusal(&mut call);
        assert!(self.ran.borrow().iter().all(|(name, _)| *name != "refused"));
        rejection
    }

    /// A call that runs at its first poll.
    #[track_caller]
    pub fn runs(&self, options: CallOptions) {
        assert_eq!(self.call("runs", options).poll(), Poll::Ready(Ok(())));
    }

    #[track_caller]
    pub fn take(&self, cost: u32) {
        self.limit.try_acquire(&self.runtime, cost).unwrap();
    }

    /// How long a refused take has to wait.
    #[track_caller]
    pub fn lacks(&self, cost: u32) -> Duration {
        let refused = self.limit.try_acquire(&self.runtime, cost).unwrap_err();
        assert_eq!(refused.kind(), RejectionKind::RateLimited);
        refused.retry_after().unwrap()
    }

    /// Refused a nanosecond before `wait` is over, and granted then.
    #[track_caller]
    pub fn comes_after(&self, wait: Duration, cost: u32) {
        assert_eq!(self.lacks(cost), wait);
        self.pass(wait - ns(1));
        assert_eq!(self.lacks(cost), ns(1));
        self.pass(ns(1));
        self.take(cost);
    }

    pub fn available(&self) -> u32 {
        self.limit.available(&self.runtime)
    }

    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Moves the clock, and wakes whose time has come.
    pub fn pass(&self, length: Duration) {
        self.runtime.advance(length);
    }

    /// Lets time pass turn by turn, and polls whoever is woken.
    pub fn drain(&self, calls: &mut Vec<Call>) {
        loop {
            calls.retain_mut(|call| !(call.is_woken() && call.poll().is_ready()));
            if calls.is_empty() || !self.runtime.step() {
                return;
            }
        }
    }
}

/// What a call is refused with when it is polled.
#[track_caller]
pub fn refusal(call: &mut Call) -> Rejection {
    match call.poll() {
        Poll::Ready(Err(Error::Rejected(rejection))) => rejection,
        other => panic!("not refused: {other:?}"),
    }
}

pub fn cost(cost: u32) -> CallOptions {
    CallOptions::new().cost(cost)
}

/// One unit every 100 ms, one at once, and whoever likes waits.
pub fn tenth() -> RateLimitBuilder {
    RateLimit::per_second(10).burst(1).wait(secs(3600))
}

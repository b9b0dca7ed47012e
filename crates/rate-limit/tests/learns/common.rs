//! What the stories share: a limit on virtual time, and calls that come to what they are told.

#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::must_use_candidate,
    reason = "a module of tests, seen by nobody else"
)]

use std::{
    cell::RefCell,
    future::{Future, ready},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use steadfast_core::{
    CallOptions, Driven, Error, Event, Instant, Pipeline, Runtime, Verdict, VirtualRuntime,
};
use steadfast_rate_limit::{AdaptiveRate, AdaptiveRateLimit, AdaptiveRateLimitBuilder, RateLimit};

pub const SECOND: Duration = Duration::from_secs(1);

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What a call comes to: `Err` for all that is not good.
pub type Answer = Result<(), Verdict>;
pub const GOOD: Answer = Ok(());
pub const THROTTLED: Answer = Err(Verdict::overloaded());

pub type Call = Driven<Pin<Box<dyn Future<Output = Result<(), Error<Verdict>>>>>>;

pub fn adaptive() -> AdaptiveRateLimitBuilder {
    RateLimit::adaptive(AdaptiveRate::new())
}

/// A limit, the clock, and the events of all calls.
pub struct Rig {
    pub runtime: VirtualRuntime,
    pub limit: AdaptiveRateLimit,
    pub events: Rc<RefCell<Vec<String>>>,
}

impl Rig {
    pub fn new(settings: AdaptiveRateLimitBuilder) -> Rig {
        Rig {
            runtime: VirtualRuntime::new(7),
            limit: settings.build().unwrap(),
            events: Rc::default(),
        }
    }

    /// One that was sent a hundred calls a second for long enough for the average to be exact, and then throttled
    /// one: it has seventy.
    pub fn throttled(settings: AdaptiveRateLimitBuilder) -> Rig {
        let rig = Rig::new(settings);
        rig.steady(GOOD, ms(10), 2000);
        rig.one(THROTTLED);
        rig.assert_rate(70.0);
        rig.events.borrow_mut().clear();
        rig
    }

    /// A call that has not been polled, and whose operation is this future.
    pub fn call<F>(&self, options: CallOptions, operation: F) -> Call
    where
        F: Future<Output = Answer> + 'static,
    {
        let events = Rc::clone(&self.events);
        let (runtime, limit) = (self.runtime.clone(), self.limit.clone());
        self.runtime.drive(Box::pin(async move {
            let calls = Pipeline::on(runtime, limit)
                .observe(move |event: &Event<'_>| events.borrow_mut().push(format!("{event:?}")))
                .classify_errors(|verdict: &Verdict| *verdict);
            calls.call(|| operation).options(options).await
        }))
    }

    /// A call that comes to this after so long.
    pub fn call_of(&self, answer: Answer, takes: Duration) -> Call {
        let sleeps = self.runtime.clone();
        self.call(CallOptions::new(), async move {
            sleeps.sleep(takes).await;
            answer
        })
    }

    /// A call that has been polled, and is under way or waits.
    #[track_caller]
    pub fn start(&self, answer: Answer, takes: Duration) -> Call {
        let mut call = self.call_of(answer, takes);
        assert_eq!(call.poll(), Poll::Pending);
        call
    }

    /// A call that is admitted and answered at once.
    #[track_caller]
    pub fn one(&self, answer: Answer) {
        let mut call = self.call(CallOptions::new(), ready(answer));
        let expected = answer.map_err(Error::Operation);
        assert_eq!(call.poll(), Poll::Ready(expected));
    }

    /// So many of them, one every so often.
    #[track_caller]
    pub fn steady(&self, answer: Answer, every: Duration, calls: u32) {
        for _ in 0..calls {
            self.one(answer);
            self.pass(every);
        }
    }

    /// Whether a call is admitted; it says nothing of what it comes to.
    pub fn admits(&self) -> bool {
        self.limit.try_acquire(&self.runtime, 1).is_ok()
    }

    /// Sends as much as it may for so long, and says nothing of what that comes to.
    pub fn send_for(&self, millis: u64) {
        for _ in 0..millis {
            // Never more than a burst, so that it ends.
            let _ = (0..100).take_while(|_| self.admits()).count();
            self.pass(ms(1));
        }
    }

    /// Tells it of a call that was sent just now.
    pub fn record(&self, verdict: &Verdict) {
        self.limit.record(&self.runtime, self.now(), verdict);
    }

    #[track_caller]
    pub fn assert_rate(&self, per_second: f64) {
        let rate = self.rate();
        // Of what was sent, a call more or less is in a bucket.
        let off = (rate / per_second - 1.0).abs();
        assert!(off < 0.01, "{rate} a second, not {per_second}");
    }

    #[track_caller]
    pub fn rate(&self) -> f64 {
        self.limit.rate_per_second().unwrap()
    }

    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Moves the clock, and wakes whose time has come.
    pub fn pass(&self, length: Duration) {
        self.runtime.advance(length);
    }
}

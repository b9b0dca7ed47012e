//! The real limit, in the size of the models.

#![allow(
    clippy::disallowed_types,
    reason = "what a call tells its own thread, no part of the model"
)]

use std::{
    future::{Future, Pending, pending, ready},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Waker},
    time::{Duration, SystemTime},
};

use steadfast_core::{Instant, Pipeline, Runtime};
use steadfast_rate_limit::RateLimit;

use crate::models::{BURST, Call, Limit, NOW};

fn at(second: u64) -> Instant {
    Instant::from_nanos(0) + Duration::from_secs(second)
}

/// A clock that stands still, and writes down until when it was last asked to sleep.
#[derive(Clone)]
pub(crate) struct Still(Arc<AtomicU64>);

impl Runtime for Still {
    type Sleep = Pending<()>;
    type Lent<'p> = &'p Still;

    fn lend(&self) -> &Still {
        self
    }

    fn now(&self) -> Instant {
        at(NOW)
    }

    fn sleep_until(&self, at: Instant) -> Pending<()> {
        self.0.store(at.as_nanos() / 1_000_000_000, SeqCst);
        pending()
    }

    fn random(&self) -> u64 {
        0
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

#[derive(Clone)]
pub(crate) struct Real(RateLimit);

pub(crate) fn real() -> Real {
    let limit = RateLimit::per_second(1).burst(BURST);
    Real(limit.wait(Duration::from_secs(60)).build().unwrap())
}

impl Limit for Real {
    type Call = RealCall;

    fn take(&self, second: u64) -> bool {
        self.0.try_acquire_at(at(second), 1).is_ok()
    }

    fn available(&self, second: u64) -> u32 {
        self.0.available_at(at(second))
    }

    fn wait(&self, second: u64) -> u64 {
        self.0.retry_after_at(at(second), 1).unwrap().as_secs()
    }

    fn set_rate(&self, second: u64, seconds: u64) {
        let per = Duration::from_secs(seconds);
        self.0.set_rate_at(at(second), 1, per).unwrap();
    }

    fn call(&self) -> RealCall {
        let until = Arc::new(AtomicU64::new(0));
        let (limit, runtime) = (self.0.clone(), Still(Arc::clone(&until)));
        let call = async move {
            let calls = Pipeline::on(runtime, limit);
            let call = calls.call(|| ready(Ok::<_, ()>(())));
            call.await.unwrap();
        };
        RealCall {
            call: Mutex::new(Box::pin(call)),
            until,
        }
    }
}

pub(crate) struct RealCall {
    /// Never contended: it makes the call `Sync`.
    call: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
    until: Arc<AtomicU64>,
}

impl Call for RealCall {
    fn poll(&mut self, waker: &Waker) -> u64 {
        let call = self.call.get_mut().unwrap();
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
        self.until.load(SeqCst)
    }
}

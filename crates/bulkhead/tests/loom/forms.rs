//! The real bulkheads, in the sizes of the models.

#![allow(
    clippy::disallowed_types,
    reason = "what an operation tells its own thread, no part of the model"
)]

use std::{
    future::{Future, Pending, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use steadfast_bulkhead::{Bulkhead as RealBulkhead, BulkheadBuilder, Order};
use steadfast_core::{CallOptions, Instant, Pipeline, Priority, Runtime};

use crate::models::{Bulkhead, Call, State};

/// A clock that stands still, whose sleeps never end.
#[derive(Clone, Copy)]
pub(crate) struct Still;

impl Runtime for Still {
    type Sleep = Pending<()>;
    type Lent<'p> = Still;

    fn lend(&self) -> Still {
        *self
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(1_000_000_000_000)
    }

    fn sleep_until(&self, _at: Instant) -> Pending<()> {
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
pub(crate) struct Real(RealBulkhead);

impl Bulkhead for Real {
    type Call = RealCall;

    fn call(&self, priority: u8) -> RealCall {
        let bulkhead = self.0.clone();
        // Std's, and so no branch of the model: it is read by the thread that polled.
        let state = Arc::new(AtomicU8::new(WAITS));
        let says = Arc::clone(&state);
        let call = async move {
            let calls = Pipeline::on(Still, bulkhead);
            let runs = Arc::clone(&says);
            let call = calls.call(|| {
                runs.store(RUNS, SeqCst);
                pending::<Result<(), ()>>()
            });
            let options = CallOptions::new().priority(Priority(priority));
            let refused = call.options(options).await;
            assert!(refused.is_err(), "it never ends by itself");
            says.store(REFUSED, SeqCst);
        };
        RealCall {
            call: Mutex::new(Some(Box::pin(call))),
            state,
        }
    }

    fn resize(&self, limit: u32) {
        self.0.resize(limit).unwrap();
    }

    fn look(&self) -> (u32, u32) {
        (self.0.in_flight(), self.0.waiting())
    }
}

const WAITS: u8 = 0;
const RUNS: u8 = 1;
const REFUSED: u8 = 2;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct RealCall {
    // A `Mutex` only as the call is not `Sync`.
    call: Mutex<Option<Boxed>>,
    state: Arc<AtomicU8>,
}

impl Drop for RealCall {
    fn drop(&mut self) {
        // After the end of a model there is no lock to take.
        if std::thread::panicking() {
            std::mem::forget(self.call.get_mut().unwrap().take());
        }
    }
}

impl Call for RealCall {
    fn poll(&mut self, waker: &Waker) -> State {
        if self.state.load(SeqCst) == WAITS {
            let call = self.call.get_mut().unwrap().as_mut().unwrap();
            let polled = call.as_mut().poll(&mut Context::from_waker(waker));
            let is_over = self.state.load(SeqCst) == REFUSED;
            assert_eq!(polled == Poll::Ready(()), is_over);
        }
        match self.state.load(SeqCst) {
            WAITS => State::Waits,
            RUNS => State::Runs,
            _ => State::Refused,
        }
    }
}

fn real(builder: BulkheadBuilder) -> Real {
    Real(builder.build().unwrap())
}

fn with_queue(limit: u32) -> BulkheadBuilder {
    RealBulkhead::max_concurrent(limit)
        .max_waiting(4)
        .max_wait(Duration::from_secs(3600))
}

pub(crate) fn no_queue(limit: u32) -> Real {
    real(RealBulkhead::max_concurrent(limit))
}

pub(crate) fn fifo(limit: u32) -> Real {
    real(with_queue(limit))
}

/// Without overload, as the clock stands still.
pub(crate) fn codel(limit: u32) -> Real {
    real(with_queue(limit).order(Order::CODEL))
}

/// With a place for one that waits.
pub(crate) fn by_priority(limit: u32) -> Real {
    real(with_queue(limit).by_priority().max_waiting(1))
}

//! What becomes of tokio's timers when the sleeps on them are dropped: a thread keeps them for its next
//! sleeps.
//!
//! Only timers made while the clock runs are kept, so the stories make some first and pause it then.

#![cfg(feature = "tokio")]
#![expect(
    clippy::disallowed_types,
    reason = "a count of wake-ups, no state of a policy"
)]

mod any_order;
mod clock;
mod ends;
mod served;
mod traces;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use steadfast_core::{Instant, Runtime as _, TokioRuntime, TokioSleep};
use tokio::runtime::{Builder, Runtime};

const SECOND: Duration = Duration::from_secs(1);

/// tokio's timers go by whole milliseconds of the runtime's life, rounded up.
const ROUNDING: Duration = Duration::from_millis(1);

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A sleep on tokio, polled by hand.
struct ByHand {
    sleep: Pin<Box<TokioSleep>>,
    woken: Arc<Woken>,
}

impl ByHand {
    fn until(at: Instant) -> Self {
        ByHand {
            sleep: Box::pin(TokioRuntime.sleep_until(at)),
            woken: Arc::default(),
        }
    }

    fn after(wait: Duration) -> Self {
        Self::until(TokioRuntime.now() + wait)
    }

    fn armed(wait: Duration) -> Self {
        let mut sleep = Self::after(wait);
        assert!(sleep.is_pending());
        sleep
    }

    fn is_ready(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        self.sleep
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
    }

    fn is_pending(&mut self) -> bool {
        !self.is_ready()
    }
}

/// Arms a timer, and needs it no more.
fn keep_one(wait: Duration) {
    drop(ByHand::armed(wait));
}

fn keep(many: u32, wait: Duration) {
    drop((0..many).map(|_| ByHand::armed(wait)).collect::<Vec<_>>());
}

fn current_thread() -> Runtime {
    let built = Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
}

fn on_tokio(story: impl Future<Output = ()>) {
    current_thread().block_on(story);
}

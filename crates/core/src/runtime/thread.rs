//! Time and sleep on a thread of their own, for any executor.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_timer::Delay;

use super::std_clock;
use crate::{Instant, Runtime};

/// Runs anywhere: its timers live on one thread of their own, which futures-timer starts with the
/// first sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadRuntime;

impl Runtime for ThreadRuntime {
    type Sleep = ThreadSleep;

    common_to_real_runtimes!();

    fn now(&self) -> Instant {
        std_clock::now()
    }

    fn sleep_until(&self, at: Instant) -> ThreadSleep {
        ThreadSleep { at, delay: None }
    }
}

/// A sleep on the timer thread.
#[must_use = "futures do nothing unless polled"]
pub struct ThreadSleep {
    at: Instant,
    delay: Option<Delay>,
}

impl Future for ThreadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at == Instant::MAX {
            return Poll::Pending;
        }
        let at = self.at;
        let delay = self
            .delay
            .get_or_insert_with(|| Delay::new(std_clock::until(at)));
        Pin::new(delay).poll(cx)
    }
}

impl fmt::Debug for ThreadSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadSleep")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

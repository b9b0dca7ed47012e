//! Time and sleep of async-io, the reactor of smol.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use async_io::Timer;

use super::{origin::to_std, std_clock};
use crate::{Instant, Runtime};

/// Runs on the timers of async-io: for smol, and for every executor beside it, as async-io drives
/// its own reactor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmolRuntime;

impl Runtime for SmolRuntime {
    type Sleep = SmolSleep;

    common_to_real_runtimes!();

    fn now(&self) -> Instant {
        std_clock::now()
    }

    fn sleep_until(&self, at: Instant) -> SmolSleep {
        SmolSleep(to_std(at).map_or_else(Timer::never, Timer::at))
    }
}

/// A sleep on async-io's timers.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SmolSleep(Timer);

impl Future for SmolSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

//! A timer that costs nothing until somebody has to wait for it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;

use crate::{Instant, Runtime};

pin_project! {
    /// Fires at an instant; the runtime's sleep is made at the first poll, and never for an instant
    /// that had passed already or that never comes.
    ///
    /// Poll it after the operation it limits: work comes before the clock.
    #[must_use = "a timer does nothing unless polled"]
    pub struct Timer<S> {
        made: Instant,
        // `MAX` never comes.
        at: Instant,
        #[pin]
        sleep: Option<S>,
    }
}

impl<S: Future<Output = ()>> Timer<S> {
    /// A timer for `at`, made at `now`.
    #[inline]
    pub const fn new(now: Instant, at: Instant) -> Self {
        // Decided when it is polled: most are not.
        Timer {
            made: now,
            at,
            sleep: None,
        }
    }

    /// A timer that never fires.
    #[inline]
    pub const fn never() -> Self {
        Timer::new(Instant::MAX, Instant::MAX)
    }

    /// The time from when it was made until it fires.
    #[inline]
    #[must_use]
    pub fn length(&self) -> Duration {
        self.at - self.made
    }

    /// Ready once the time has come.
    #[inline]
    pub fn poll<R: Runtime<Sleep = S>>(
        self: Pin<&mut Self>,
        runtime: &R,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let mut me = self.project();
        if let Some(sleep) = me.sleep.as_mut().as_pin_mut() {
            return sleep.poll(cx);
        }
        if *me.at == Instant::MAX {
            return Poll::Pending;
        }
        if *me.at <= *me.made {
            return Poll::Ready(());
        }
        me.sleep.set(Some(runtime.sleep_until(*me.at)));
        let sleep = me.sleep.as_pin_mut();
        sleep.map_or(Poll::Pending, |sleep| sleep.poll(cx))
    }
}

impl<S> fmt::Debug for Timer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sleep {
            Some(_) => write!(f, "Timer({:?}, armed)", self.at),
            None => write!(f, "Timer({:?})", self.at),
        }
    }
}

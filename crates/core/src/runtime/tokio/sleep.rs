//! A sleep on one of tokio's timers.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::kept::{self, ArmedTimer};
use crate::Instant;

/// A sleep on tokio's timers, which fires also where the task has used up its budget.
///
/// See [`TokioRuntime`](crate::TokioRuntime) for what becomes of its timer.
#[must_use = "futures do nothing unless polled"]
pub struct TokioSleep {
    // Gone once it has fired.
    timer: Option<Pin<Box<ArmedTimer>>>,
}

impl TokioSleep {
    #[inline]
    pub(super) fn until(at: Instant) -> Self {
        TokioSleep {
            timer: Some(kept::arm(at)),
        }
    }
}

impl Future for TokioSleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timer) = &mut self.timer else {
            return Poll::Ready(());
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if let Some(fired) = self.timer.take() {
            kept::keep(fired);
        }
        Poll::Ready(())
    }
}

impl Drop for TokioSleep {
    #[inline]
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            kept::give_back(timer);
        }
    }
}

impl fmt::Debug for TokioSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.timer {
            Some(timer) => write!(f, "TokioSleep({:?})", timer.at()),
            None => f.write_str("TokioSleep(fired)"),
        }
    }
}

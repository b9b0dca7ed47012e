//! A timer that costs nothing until somebody has to wait for it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
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
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateReplaced]
    enum State<S> {
        Elapsed,
        Never,
        Idle { at: Instant },
        Armed { #[pin] sleep: S },
    }
}

impl<S: Future<Output = ()>> Timer<S> {
    /// A timer for `at`, made at `now`.
    #[inline]
    pub fn new(now: Instant, at: Instant) -> Self {
        let state = if at == Instant::MAX {
            State::Never
        } else if at <= now {
            State::Elapsed
        } else {
            State::Idle { at }
        };
        Timer { state }
    }

    /// A timer that never fires.
    #[inline]
    pub const fn never() -> Self {
        Timer {
            state: State::Never,
        }
    }

    /// Ready once the time has come.
    #[inline]
    pub fn poll<R: Runtime<Sleep = S>>(
        self: Pin<&mut Self>,
        runtime: &R,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let mut state = self.project().state;
        if let StateProj::Idle { at } = state.as_mut().project() {
            let sleep = runtime.sleep_until(*at);
            // Unlike `set` this drops nothing.
            state.as_mut().project_replace(State::Armed { sleep });
        }
        match state.project() {
            StateProj::Armed { sleep } => sleep.poll(cx),
            StateProj::Elapsed => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl<S> fmt::Debug for Timer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Elapsed => f.write_str("Timer(elapsed)"),
            State::Never => f.write_str("Timer(never)"),
            State::Idle { at } => write!(f, "Timer({at:?})"),
            State::Armed { .. } => f.write_str("Timer(armed)"),
        }
    }
}

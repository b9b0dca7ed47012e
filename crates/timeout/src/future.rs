//! A timeout for a plain future, whatever its output.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
#[cfg(feature = "tokio")]
use steadfast_core::TokioRuntime;
use steadfast_core::{Runtime, Timer};

/// Timeouts for plain futures.
pub trait FutureExt: Future + Sized {
    /// This future, given up when it is not ready `after` its first poll; on tokio.
    ///
    /// # Errors
    ///
    /// The output is [`Elapsed`] when the time was up first.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future inside.
    ///
    /// ```
    /// # #[cfg(feature = "tokio")] {
    /// use std::time::Duration;
    /// use steadfast_timeout::FutureExt as _;
    ///
    /// async fn receive() -> String { "hello".into() }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    ///
    /// let greeting = receive().timeout(Duration::from_secs(1)).await?;
    /// assert_eq!(greeting, "hello");
    /// # Ok::<_, steadfast_timeout::Elapsed>(()) }).unwrap();
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    fn timeout(self, after: Duration) -> WithTimeout<Self, TokioRuntime> {
        self.timeout_on(TokioRuntime, after)
    }

    /// This future, given up when it is not ready `after` its first poll; on `runtime`.
    ///
    /// # Errors
    ///
    /// The output is [`Elapsed`] when the time was up first.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future inside.
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use steadfast_core::VirtualRuntime;
    /// use steadfast_timeout::FutureExt as _;
    ///
    /// let runtime = VirtualRuntime::new(1);
    /// let waited = pending::<()>().timeout_on(runtime.clone(), Duration::from_secs(5));
    /// let error = runtime.block_on(waited).unwrap_err();
    /// assert_eq!(error.to_string(), "not ready within 5s");
    /// ```
    fn timeout_on<R: Runtime>(self, runtime: R, after: Duration) -> WithTimeout<Self, R> {
        WithTimeout {
            inner: Some(self),
            timer: Timer::never(),
            started: false,
            after,
            runtime,
        }
    }
}

impl<F: Future> FutureExt for F {}

pin_project! {
    /// The future of [`FutureExt::timeout`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WithTimeout<F, R: Runtime> {
        // Gone once the time is up.
        #[pin]
        inner: Option<F>,
        #[pin]
        timer: Timer<R::Sleep>,
        started: bool,
        after: Duration,
        runtime: R,
    }
}

impl<F: Future, R: Runtime> Future for WithTimeout<F, R> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        if !*me.started {
            *me.started = true;
            let now = me.runtime.now();
            me.timer.set(Timer::new(now, now + *me.after));
        }
        let inner = me.inner.as_mut().as_pin_mut();
        if let Poll::Ready(output) = inner.expect("polled after its end").poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if me.timer.poll(me.runtime, cx).is_pending() {
            return Poll::Pending;
        }
        me.inner.set(None);
        Poll::Ready(Err(Elapsed { after: *me.after }))
    }
}

impl<F, R: Runtime> fmt::Debug for WithTimeout<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithTimeout")
            .field("after", &self.after)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}

/// A future was not ready in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    after: Duration,
}

impl Elapsed {
    /// How long the future was given.
    #[must_use]
    pub fn after(&self) -> Duration {
        self.after
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not ready within {:?}", self.after)
    }
}

impl error::Error for Elapsed {}

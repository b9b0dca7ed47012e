//! Time, sleep and tasks of tokio.

#[cfg(feature = "tokio")]
mod kept;
#[cfg(feature = "tokio")]
mod sleep;

#[cfg(feature = "tokio")]
pub use sleep::TokioSleep;

/// Runs on tokio's clock and timers, which `tokio::time::pause` stops and moves.
///
/// It is a runtime when the feature `tokio` is on; the name exists without it, so that the type of a
/// pipeline means the same whatever the features. A sleep that is made outside a tokio runtime with
/// timers enabled panics, as tokio's own does.
///
/// Sleeps are polled unconstrained: a plain tokio sleep never fires beside an operation that keeps
/// using up its task's cooperative budget.
///
/// # Timers
///
/// Most timers of a policy are armed and never fire. tokio locks its timer driver to arm one and again
/// to drop it, and may have to wake the driver. So a thread keeps the timers of sleeps that are dropped,
/// armed as they are, at most 1,024 of them. Its next sleep on the same runtime takes the latest of those
/// that fire before its own time:
///
/// - without a lock, unless the timer has fired meanwhile, and without an allocation; the future of a
///   call holds a pointer;
/// - where a sleep still waits when such a timer fires, its task is woken too early, once, and the timer
///   armed anew;
/// - a timer that nobody has taken wakes no task and holds no waker; when its time comes it wakes the
///   driver, as any other: a process that has become idle, up to once for each that is kept;
/// - a thread that outlives its runtime holds the runtime's handle until it sleeps on another one, ends,
///   or calls [`forget_timers`](TokioRuntime::forget_timers): its memory, its file descriptors, and what was
///   given to its builder;
/// - a timer made while tokio's clock is paused is not kept, and has the thread forget those it keeps. A
///   test that begins paused sees no difference. One that pauses the clock after calls in real time may
///   see it move on to the end of one of those, until it calls `forget_timers` or needs a new timer;
/// - to drop a sleep polls its timer. tokio panics if the runtime is being shut down in that very moment:
///   the panic is caught, after it was printed, and where panics abort it aborts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokioRuntime;

#[cfg(feature = "tokio")]
impl TokioRuntime {
    /// Gives up the timers that this thread keeps, and with them its hold on their runtime.
    ///
    /// For a thread that goes on when its runtime is gone, and has to know that all of it is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use steadfast_core::{Runtime, TokioRuntime};
    /// use tokio::runtime::Builder;
    ///
    /// let runtime = Builder::new_current_thread().enable_all().build()?;
    /// runtime.block_on(async {
    ///     TokioRuntime.sleep_until(TokioRuntime.now() + Duration::from_millis(1)).await;
    /// });
    /// drop(runtime);
    /// TokioRuntime::forget_timers();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn forget_timers() {
        kept::forget();
    }
}

#[cfg(feature = "tokio")]
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the runtime's clock comes from"
)]
mod enabled {
    use std::future::Future;

    use tokio::time::Instant as TokioInstant;

    use super::{super::origin::origin, TokioRuntime, TokioSleep};
    use crate::{Instant, Runtime, Spawn};

    impl Runtime for TokioRuntime {
        type Sleep = TokioSleep;

        common_to_real_runtimes!();

        #[inline]
        fn now(&self) -> Instant {
            let now = TokioInstant::now().into_std();
            let since = now.saturating_duration_since(origin());
            // It holds 584 years of uptime.
            Instant::from_nanos(since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos()))
        }

        #[inline]
        fn sleep_until(&self, at: Instant) -> TokioSleep {
            TokioSleep::until(at)
        }
    }

    impl Spawn for TokioRuntime {
        fn spawn_detached<F>(&self, task: F)
        where
            F: Future<Output = ()> + Send + 'static,
        {
            drop(tokio::spawn(task));
        }
    }
}

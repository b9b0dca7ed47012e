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
/// armed as they are, at most 256 of them, and its next sleep on the same runtime takes the one that
/// fires soonest before its own time:
///
/// - it is armed without a lock and without an allocation, and the future of a call keeps a pointer;
/// - where it still waits when that timer fires, its task is woken once too early, and the timer armed
///   anew;
/// - a timer that nobody has taken wakes nobody, and holds no waker;
/// - a thread that outlives its runtime keeps the memory of the runtime's handle until it sleeps on
///   another one, or ends;
/// - what is armed while tokio's clock is paused is not kept, so that the clock stops nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokioRuntime;

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

//! Time, sleep and tasks of tokio.

/// Runs on tokio's clock and timers, which `tokio::time::pause` stops and moves.
///
/// It is a runtime when the feature `tokio` is on; the name exists without it, so that the type of a
/// pipeline means the same whatever the features. A sleep that is polled outside a tokio runtime
/// with timers enabled panics, as tokio's own does.
///
/// Sleeps are polled unconstrained: a plain tokio sleep never fires beside an operation that keeps
/// using up its task's cooperative budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokioRuntime;

#[cfg(feature = "tokio")]
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the runtime's clock comes from"
)]
mod enabled {
    use std::{
        future::Future,
        sync::OnceLock,
        time::{Duration, SystemTime},
    };

    use tokio::{
        task::coop::{Unconstrained, unconstrained},
        time::{Instant as TokioInstant, Sleep},
    };

    use super::TokioRuntime;
    use crate::{Instant, Runtime, Spawn, instant::saturating_nanos};

    /// The origin of the clock.
    ///
    /// It is taken from the real clock and lies a day back, so that every runtime of the process,
    /// also one that was paused before the first use here, is past it.
    #[inline]
    fn origin() -> TokioInstant {
        static ORIGIN: OnceLock<TokioInstant> = OnceLock::new();
        *ORIGIN.get_or_init(|| {
            let now = std::time::Instant::now();
            let day = Duration::from_secs(24 * 60 * 60);
            let past = (0..=32).find_map(|halvings| now.checked_sub(day / (1 << halvings)));
            TokioInstant::from_std(past.unwrap_or(now))
        })
    }

    impl Runtime for TokioRuntime {
        type Sleep = Unconstrained<Sleep>;

        #[inline]
        fn now(&self) -> Instant {
            let since = TokioInstant::now().saturating_duration_since(origin());
            Instant::from_nanos(saturating_nanos(since))
        }

        #[inline]
        fn sleep_until(&self, at: Instant) -> Self::Sleep {
            let at = origin().checked_add(Duration::from_nanos(at.as_nanos()));
            // Tokio takes 30 years for "far future" too.
            let far = || origin() + Duration::from_secs(60 * 60 * 24 * 365 * 30);
            unconstrained(tokio::time::sleep_until(at.unwrap_or_else(far)))
        }

        #[inline]
        fn random(&self) -> u64 {
            fastrand::u64(..)
        }

        fn wall(&self) -> SystemTime {
            SystemTime::now()
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

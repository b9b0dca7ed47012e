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
pub use enabled::TokioSleep;

#[cfg(feature = "tokio")]
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the runtime's clock comes from"
)]
mod enabled {
    use std::{
        future::Future,
        pin::Pin,
        task::{Context, Poll},
        time::Duration,
    };

    use pin_project_lite::pin_project;
    use tokio::{
        task::coop::{has_budget_remaining, unconstrained},
        time::{Instant as TokioInstant, Sleep},
    };

    use super::{super::origin::origin, TokioRuntime};
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
            let at = origin().checked_add(Duration::from_nanos(at.as_nanos()));
            // Tokio takes 30 years for "far future" too.
            let far = || origin() + Duration::from_secs(60 * 60 * 24 * 365 * 30);
            TokioSleep {
                sleep: tokio::time::sleep_until(TokioInstant::from_std(at.unwrap_or_else(far))),
            }
        }
    }

    pin_project! {
        /// A sleep on tokio's timers, which fires also where the task has used up its budget.
        #[derive(Debug)]
        #[must_use = "futures do nothing unless polled"]
        pub struct TokioSleep {
            #[pin]
            sleep: Sleep,
        }
    }

    impl Future for TokioSleep {
        type Output = ();

        #[inline]
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let sleep = self.project().sleep;
            if has_budget_remaining() {
                return sleep.poll(cx);
            }
            Pin::new(&mut unconstrained(sleep)).poll(cx)
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

//! Everything that comes from outside: time, sleep, chance, and where events go.

/// What the runtimes of this process have in common: they are lent as themselves, and take chance and
/// date from the same place.
#[cfg(any(feature = "tokio", feature = "smol", feature = "thread"))]
macro_rules! common_to_real_runtimes {
    () => {
        type Lent<'p> = Self;

        #[inline]
        fn lend(&self) -> Self {
            *self
        }

        #[inline]
        fn random(&self) -> u64 {
            fastrand::u64(..)
        }

        #[expect(
            clippy::disallowed_methods,
            reason = "this is where the date comes from"
        )]
        fn wall(&self) -> std::time::SystemTime {
            std::time::SystemTime::now()
        }
    };
}

#[cfg(feature = "fast-clock")]
mod fast;
mod random;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "thread")]
mod thread;
mod tokio;
mod wrap;

#[cfg(any(
    feature = "tokio",
    feature = "smol",
    feature = "thread",
    feature = "fast-clock"
))]
mod origin;
#[cfg(any(feature = "smol", feature = "thread", feature = "fast-clock"))]
mod std_clock;

use std::{future::Future, time::SystemTime};

#[cfg(feature = "fast-clock")]
pub use self::fast::FastClock;
#[cfg(feature = "smol")]
pub use self::smol::{SmolRuntime, SmolSleep};
#[cfg(feature = "thread")]
pub use self::thread::{ThreadRuntime, ThreadSleep};
#[cfg(feature = "tokio")]
pub use self::tokio::TokioSleep;
pub use self::{
    tokio::TokioRuntime,
    wrap::{Observed, Seeded, Spawning},
};
#[cfg(feature = "test-util")]
pub(crate) use random::SplitMix;

use crate::{Event, Instant};

/// All that a policy takes from the outside world.
///
/// One implementation makes the whole stack run somewhere else, or makes it deterministic. A
/// runtime is a cheap handle: its clones share one clock. The real runtimes of a process count from
/// one origin, so what is shared between pipelines, such as a budget, may be used on several of
/// them; not on a virtual or paused clock and a real one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a runtime here",
    label = "not a runtime",
    note = "name the runtime you are on: turn on the feature `tokio`, `smol` or `thread` and use `TokioRuntime`, `SmolRuntime` or `ThreadRuntime`"
)]
pub trait Runtime: Clone {
    /// A sleep under way. Dropping it cancels the timer.
    type Sleep: Future<Output = ()>;

    /// What a pipeline lends to its calls: `&'p Self`, or `Self` where that is `Copy` and smaller.
    type Lent<'p>: Runtime<Sleep = Self::Sleep> + Copy
    where
        Self: 'p;

    /// Lends this runtime to a call.
    fn lend(&self) -> Self::Lent<'_>;

    /// The time on this runtime's monotonic clock.
    fn now(&self) -> Instant;

    /// A future that is ready from `at` on. It may allocate or register its timer on the first poll,
    /// not before.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;

    /// 64 uniformly distributed bits.
    fn random(&self) -> u64;

    /// The date, for the few things that need one; it may jump.
    fn wall(&self) -> SystemTime;

    /// Takes note of what a policy does.
    #[inline]
    fn emit(&self, event: &Event<'_>) {
        let _ = event;
    }
}

/// A runtime that can start a task which outlives its caller.
pub trait Spawn: Runtime {
    /// Starts `task` and lets it run to its end.
    fn spawn_detached<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static;
}

impl<R: Runtime> Runtime for &R {
    type Sleep = R::Sleep;
    type Lent<'p>
        = R::Lent<'p>
    where
        Self: 'p;

    #[inline]
    fn lend(&self) -> R::Lent<'_> {
        (**self).lend()
    }

    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }

    #[inline]
    fn sleep_until(&self, at: Instant) -> R::Sleep {
        (**self).sleep_until(at)
    }

    #[inline]
    fn random(&self) -> u64 {
        (**self).random()
    }

    fn wall(&self) -> SystemTime {
        (**self).wall()
    }

    #[inline]
    fn emit(&self, event: &Event<'_>) {
        (**self).emit(event);
    }
}

impl<S: Spawn> Spawn for &S {
    fn spawn_detached<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        (**self).spawn_detached(task);
    }
}

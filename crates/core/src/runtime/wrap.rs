//! Runtimes around runtimes: observed, seeded, able to spawn.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::SystemTime};

use super::random::SplitMix;
use crate::{Event, Instant, Observer, Runtime, Spawn};

/// Hands on what is not this wrapper's business, and lends the wrapper by reference.
macro_rules! forward {
    ($($method:ident),*) => { $(forward!(@ $method);)* };
    (@ lend) => {
        type Lent<'p>
            = &'p Self
        where
            Self: 'p;

        #[inline]
        fn lend(&self) -> &Self {
            self
        }
    };
    (@ now) => {
        #[inline]
        fn now(&self) -> Instant {
            self.runtime.now()
        }
    };
    (@ sleep_until) => {
        #[inline]
        fn sleep_until(&self, at: Instant) -> R::Sleep {
            self.runtime.sleep_until(at)
        }
    };
    (@ random) => {
        #[inline]
        fn random(&self) -> u64 {
            self.runtime.random()
        }
    };
    (@ wall) => {
        fn wall(&self) -> SystemTime {
            self.runtime.wall()
        }
    };
    (@ emit) => {
        #[inline]
        fn emit(&self, event: &Event<'_>) {
            self.runtime.emit(event);
        }
    };
    (@ spawn_detached) => {
        fn spawn_detached<F>(&self, task: F)
        where
            F: Future<Output = ()> + Send + 'static,
        {
            self.runtime.spawn_detached(task);
        }
    };
}

/// Any runtime, with its events shown to an observer first.
pub struct Observed<R, V> {
    runtime: R,
    observer: Arc<V>,
}

impl<R, V> Observed<R, V> {
    /// Shows the events of `runtime` to `observer`.
    pub fn new(runtime: R, observer: V) -> Self {
        Observed {
            runtime,
            observer: Arc::new(observer),
        }
    }
}

impl<R: Clone, V> Clone for Observed<R, V> {
    fn clone(&self) -> Self {
        Observed {
            runtime: self.runtime.clone(),
            observer: Arc::clone(&self.observer),
        }
    }
}

impl<R: fmt::Debug, V> fmt::Debug for Observed<R, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observed").field(&self.runtime).finish()
    }
}

impl<R: Runtime, V: Observer> Runtime for Observed<R, V> {
    type Sleep = R::Sleep;

    forward!(lend, now, sleep_until, random, wall);

    #[inline]
    fn emit(&self, event: &Event<'_>) {
        self.observer.on(event);
        self.runtime.emit(event);
    }
}

impl<R: Spawn, V: Observer> Spawn for Observed<R, V> {
    forward!(spawn_detached);
}

/// Any runtime, with its chance replaced by a seeded stream: the same delays on every run, as long
/// as the calls come in the same order. Clones share the stream.
#[derive(Clone, Debug)]
pub struct Seeded<R> {
    runtime: R,
    random: Arc<SplitMix>,
}

impl<R> Seeded<R> {
    /// Replaces the chance of `runtime` by the stream of `seed`.
    pub fn new(runtime: R, seed: u64) -> Self {
        Seeded {
            runtime,
            random: Arc::new(SplitMix::new(seed)),
        }
    }
}

impl<R: Runtime> Runtime for Seeded<R> {
    type Sleep = R::Sleep;

    forward!(lend, now, sleep_until, wall, emit);

    fn random(&self) -> u64 {
        self.random.next()
    }
}

impl<R: Spawn> Spawn for Seeded<R> {
    forward!(spawn_detached);
}

/// Any runtime, with a function that starts tasks: what lets [`SmolRuntime`] and [`ThreadRuntime`]
/// [`Spawn`], which have no executor of their own.
///
/// ```
/// # #[cfg(feature = "smol")] {
/// use steadfast_core::{SmolRuntime, Spawn, Spawning};
///
/// let runtime = Spawning::new(SmolRuntime, |task| smol::spawn(task).detach());
/// runtime.spawn_detached(async { /* outlives its caller */ });
/// # }
/// ```
///
/// [`SmolRuntime`]: crate::SmolRuntime
/// [`ThreadRuntime`]: crate::ThreadRuntime
pub struct Spawning<R, S> {
    runtime: R,
    spawn: Arc<S>,
}

impl<R, S> Spawning<R, S>
where
    S: Fn(Pin<Box<dyn Future<Output = ()> + Send>>),
{
    /// Lets `runtime` start tasks with `spawn`.
    pub fn new(runtime: R, spawn: S) -> Self {
        Spawning {
            runtime,
            spawn: Arc::new(spawn),
        }
    }
}

impl<R: Clone, S> Clone for Spawning<R, S> {
    fn clone(&self) -> Self {
        Spawning {
            runtime: self.runtime.clone(),
            spawn: Arc::clone(&self.spawn),
        }
    }
}

impl<R: fmt::Debug, S> fmt::Debug for Spawning<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spawning").field(&self.runtime).finish()
    }
}

impl<R: Runtime, S> Runtime for Spawning<R, S> {
    type Sleep = R::Sleep;

    forward!(lend, now, sleep_until, random, wall, emit);
}

impl<R: Runtime, S> Spawn for Spawning<R, S>
where
    S: Fn(Pin<Box<dyn Future<Output = ()> + Send>>),
{
    fn spawn_detached<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        (self.spawn)(Box::pin(task));
    }
}

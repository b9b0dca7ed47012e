//! The processor's own counter as a clock.

use std::{future::Future, sync::LazyLock, time::SystemTime};

use super::std_clock;
use crate::{Event, Instant, Runtime, Spawn};

/// Any runtime, on a clock that is read in less than half the time: the counter of the processor, by way of
/// [quanta](https://docs.rs/quanta), in the place of the operating system's clock. Where the processor has
/// none that can be relied on, it is the operating system's all the same.
///
/// A clock read is most of what an open breaker, a window of time, or a rate limit costs a call. It is worth it
/// where that counts: beside a call over a network it does not.
///
/// The counter is compared with the operating system's clock once, by [`new`](FastClock::new), and goes its
/// own way from there. The two drift apart by some millionths, so of what is shared, all users should be on
/// the same clock; and a sleep takes up to a thousandth longer, so that it never ends early. What pauses or
/// moves the inner runtime's clock, such as `tokio::time::pause`, does not move this one: for tests there is
/// `VirtualRuntime`.
///
/// ```
/// # #[cfg(feature = "tokio")] {
/// use steadfast_core::{FastClock, Pipeline, TokioRuntime};
/// # use steadfast_core::{Attempt, Operation, Policies, Policy};
/// # struct Breaker;
/// # impl Policies for Breaker {}
/// # impl<'p, O: Operation> Policy<'p, O> for Breaker {
/// #     type Future = O::Future;
/// #     fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> O::Future {
/// #         operation.start(attempt)
/// #     }
/// # }
///
/// let calls = Pipeline::on(FastClock::new(TokioRuntime), Breaker);
/// # let _ = calls;
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FastClock<R> {
    runtime: R,
}

/// What the counter is counted from. It begins with the other clocks of the process.
struct Counter {
    clock: quanta::Clock,
    raw: u64,
    nanos: u64,
}

static COUNTER: LazyLock<Counter> = LazyLock::new(|| {
    let clock = quanta::Clock::new();
    Counter {
        nanos: std_clock::now().as_nanos(),
        raw: clock.raw(),
        clock,
    }
});

impl<R> FastClock<R> {
    /// Puts the clock under `runtime`. The first time in a process this takes up to 200 ms.
    pub fn new(runtime: R) -> Self {
        LazyLock::force(&COUNTER);
        FastClock { runtime }
    }
}

impl<R: Runtime> Runtime for FastClock<R> {
    type Sleep = R::Sleep;
    type Lent<'p>
        = FastClock<R::Lent<'p>>
    where
        Self: 'p;

    #[inline]
    fn lend(&self) -> FastClock<R::Lent<'_>> {
        FastClock {
            runtime: self.runtime.lend(),
        }
    }

    #[inline]
    fn now(&self) -> Instant {
        let counter = &*COUNTER;
        let since = counter
            .clock
            .delta_as_nanos(counter.raw, counter.clock.raw());
        Instant::from_nanos(counter.nanos.saturating_add(since))
    }

    #[inline]
    fn sleep_until(&self, at: Instant) -> R::Sleep {
        if at == Instant::MAX {
            return self.runtime.sleep_until(at);
        }
        let rest = at - self.now();
        // By more than two clocks drift apart, which is half of that at most: a sleep must not end early.
        self.runtime
            .sleep_until(self.runtime.now() + rest + rest / 1000)
    }

    #[inline]
    fn random(&self) -> u64 {
        self.runtime.random()
    }

    fn wall(&self) -> SystemTime {
        self.runtime.wall()
    }

    #[inline]
    fn emit(&self, event: &Event<'_>) {
        self.runtime.emit(event);
    }
}

impl<R: Spawn> Spawn for FastClock<R> {
    fn spawn_detached<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.spawn_detached(task);
    }
}

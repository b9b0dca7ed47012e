//! A runtime for tests: a clock that moves when it is told to, seeded chance, and an executor.

mod drive;
mod executor;

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use self::executor::Tasks;
pub use self::{drive::Driven, executor::VirtualTask};
use crate::{Instant, Runtime, Spawn, runtime::SplitMix};

/// A runtime whose time is virtual and whose chance is seeded: every run of a test is the same, and
/// an hour passes in microseconds.
///
/// It is also an executor. [`block_on`](VirtualRuntime::block_on) runs a future and all spawned
/// tasks; when nothing is ready it moves the clock to the next deadline. Single futures can be
/// driven by hand with [`drive`](VirtualRuntime::drive). Clones share clock, chance and tasks. A spawned task that
/// panics is not contained: the panic goes through [`block_on`](VirtualRuntime::block_on), so that no test passes
/// over it.
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{Runtime, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new(7);
/// let start = runtime.now();
/// runtime.block_on(runtime.sleep(Duration::from_secs(3600)));
/// assert_eq!(runtime.now() - start, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct VirtualRuntime {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Mutex<Clock>,
    tasks: Tasks,
    random: SplitMix,
}

struct Clock {
    now: Instant,
    reads: u64,
    sleeps: u64,
    next_sleep: u64,
    /// Who waits for what; of one instant, the one that asked first comes first.
    waiting: BTreeMap<(Instant, u64), Waker>,
}

/// The clock begins here, so that a test can turn it back.
const START: Instant = Instant::from_nanos(1_000_000_000_000);

impl VirtualRuntime {
    /// A runtime whose chance is the stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        VirtualRuntime {
            shared: Arc::new(Shared {
                clock: Mutex::new(Clock {
                    now: START,
                    reads: 0,
                    sleeps: 0,
                    next_sleep: 0,
                    waiting: BTreeMap::new(),
                }),
                tasks: Tasks::default(),
                random: SplitMix::new(seed),
            }),
        }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        // Nothing that can panic runs under this lock; a panic elsewhere leaves the clock whole.
        self.shared
            .clock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The virtual time since the runtime was made. Unlike `now` it does not count as a clock read.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock().now - START
    }

    /// How often the clock has been read.
    #[must_use]
    pub fn clock_reads(&self) -> u64 {
        self.clock().reads
    }

    /// How many sleeps have been started.
    #[must_use]
    pub fn sleeps_started(&self) -> u64 {
        self.clock().sleeps
    }

    /// How many sleeps are waiting.
    #[must_use]
    pub fn sleeps_waiting(&self) -> usize {
        self.clock().waiting.len()
    }

    /// A sleep of this length from now.
    pub fn sleep(&self, length: Duration) -> VirtualSleep {
        let now = self.clock().now;
        self.sleep_until(now + length)
    }

    /// Moves the clock, forwards or backwards, and wakes the sleeps whose time has come. Tasks run
    /// when they are next driven.
    pub fn set_now(&self, now: Instant) {
        let due = {
            let mut clock = self.clock();
            clock.now = now;
            // What waits for `Instant::MAX` waits for ever.
            let next = now.saturating_add(Duration::from_nanos(1));
            let later = clock.waiting.split_off(&(next, 0));
            std::mem::replace(&mut clock.waiting, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }

    /// Moves the clock forwards deadline by deadline, and runs the tasks that are ready at each.
    ///
    /// # Panics
    ///
    /// Where a task does.
    pub fn advance(&self, by: Duration) {
        self.run_ready();
        let end = self.clock().now + by;
        while let Some(at) = self.next_deadline().filter(|at| *at <= end) {
            self.set_now(at);
            self.run_ready();
        }
        self.set_now(end);
        self.run_ready();
    }

    /// Moves the clock to the next deadline that a sleep waits for. `false` when none does.
    #[expect(clippy::must_use_candidate, reason = "a test that knows need not ask")]
    pub fn step(&self) -> bool {
        match self.next_deadline() {
            Some(at) => {
                self.set_now(at);
                true
            }
            None => false,
        }
    }

    /// The next instant that a sleep waits for, not before the present.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let clock = self.clock();
        let (at, _) = *clock.waiting.first_key_value()?.0;
        (at != Instant::MAX).then(|| at.max(clock.now))
    }
}

impl Runtime for VirtualRuntime {
    type Sleep = VirtualSleep;
    type Lent<'p> = &'p Self;

    fn lend(&self) -> &Self {
        self
    }

    fn now(&self) -> Instant {
        let mut clock = self.clock();
        clock.reads += 1;
        clock.now
    }

    fn sleep_until(&self, at: Instant) -> VirtualSleep {
        let mut clock = self.clock();
        clock.sleeps += 1;
        clock.next_sleep += 1;
        VirtualSleep {
            key: (at, clock.next_sleep),
            runtime: self.clone(),
        }
    }

    fn random(&self) -> u64 {
        self.shared.random.next()
    }

    /// The first second of 2026, and the virtual time since.
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + self.elapsed()
    }
}

impl Spawn for VirtualRuntime {
    /// Starts a task that nobody awaits.
    ///
    /// # Panics
    ///
    /// Not itself. As with [`spawn`](VirtualRuntime::spawn), a panic of the task goes through whoever runs it.
    fn spawn_detached<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.shared.tasks.add(Box::pin(task));
    }
}

impl fmt::Debug for VirtualRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualRuntime")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

/// A sleep on virtual time.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct VirtualSleep {
    key: (Instant, u64),
    runtime: VirtualRuntime,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut clock = self.runtime.clock();
        let ready = clock.now >= self.key.0 && self.key.0 != Instant::MAX;
        let replaced = if ready {
            clock.waiting.remove(&self.key)
        } else {
            clock.waiting.insert(self.key, waker)
        };
        drop(clock);
        drop(replaced);
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        let waker = self.runtime.clock().waiting.remove(&self.key);
        drop(waker);
    }
}

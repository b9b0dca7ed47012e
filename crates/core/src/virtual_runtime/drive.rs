//! One future driven by hand: polled when the test says so, with its polls and wake-ups counted.

#![allow(
    clippy::disallowed_types,
    reason = "counts for one test, nothing is decided by them"
)]

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::VirtualRuntime;

/// A future in the hands of a test. See [`VirtualRuntime::drive`].
pub struct Driven<F: Future> {
    future: Pin<Box<F>>,
    wakes: Arc<Wakes>,
    seen: u64,
    polls: u64,
}

#[derive(Default)]
struct Wakes(AtomicU64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        // Relaxed: the test that reads it is the thread that woke, or has joined it.
        self.0.fetch_add(1, Relaxed);
    }
}

impl<F: Future> Driven<F> {
    /// Polls it once, woken or not.
    ///
    /// # Panics
    ///
    /// Where the future does, such as when it is polled after its end.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.seen = self.wakes();
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Whether it has been woken since its last poll.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.wakes() > self.seen
    }

    /// How often it has been woken.
    #[must_use]
    pub fn wakes(&self) -> u64 {
        self.wakes.0.load(Relaxed)
    }

    /// How often it has been polled.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.polls
    }
}

impl<F: Future> fmt::Debug for Driven<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven")
            .field("polls", &self.polls)
            .field("woken", &self.is_woken())
            .finish_non_exhaustive()
    }
}

impl VirtualRuntime {
    /// Takes a future into the test's own hands.
    ///
    /// ```
    /// use std::{task::Poll, time::Duration};
    /// use steadfast_core::VirtualRuntime;
    ///
    /// let runtime = VirtualRuntime::new(7);
    /// let mut sleep = runtime.drive(runtime.sleep(Duration::from_secs(1)));
    /// assert_eq!(sleep.poll(), Poll::Pending);
    /// assert!(!sleep.is_woken());
    /// runtime.step();
    /// assert!(sleep.is_woken());
    /// assert_eq!(sleep.poll(), Poll::Ready(()));
    /// assert_eq!(sleep.polls(), 2);
    /// ```
    pub fn drive<F: Future>(&self, future: F) -> Driven<F> {
        Driven {
            future: Box::pin(future),
            wakes: Arc::default(),
            seen: 0,
            polls: 0,
        }
    }

    /// Runs `make()` again and again and drops it at a later point each time: before its first poll,
    /// after the first, after the second and so on, until it runs to its end. After each drop, and
    /// at the end, `check` is told how many polls there were.
    ///
    /// Before each further poll the clock moves on until the future is woken; after the last one it
    /// does not, so the future is dropped while it waits.
    ///
    /// # Panics
    ///
    /// When the future waits and nothing will ever wake it. Where the future or a spawned task does.
    pub fn cancel_at_every_await<F: Future>(
        &self,
        mut make: impl FnMut() -> F,
        mut check: impl FnMut(u64),
    ) {
        for polls in 0.. {
            let mut driven = self.drive(make());
            let mut ended = false;
            for poll in 0..polls {
                self.run_ready();
                while poll > 0 && !driven.is_woken() {
                    assert!(self.step(), "nothing will ever wake this future");
                    self.run_ready();
                }
                if driven.poll().is_ready() {
                    ended = true;
                    break;
                }
            }
            let made = driven.polls();
            drop(driven);
            check(made);
            if ended {
                return;
            }
        }
    }
}

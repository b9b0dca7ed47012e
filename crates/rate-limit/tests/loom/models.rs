//! The models: generic over the limit, so that a broken twin goes through the same one.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use loom::{
    model,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

/// A limit of one unit a second, and at most [`BURST`] at once, on a clock that stands still where it is put.
pub(crate) trait Limit: Clone + Send + Sync + 'static {
    type Call: Call;

    /// Takes a unit at that second.
    fn take(&self, second: u64) -> bool;
    /// How many units there are at that second.
    fn available(&self, second: u64) -> u32;
    /// How many seconds there are to wait for one at that second.
    fn wait(&self, second: u64) -> u64;
    /// Another rate: a unit takes that many seconds.
    fn set_rate(&self, second: u64, seconds: u64);
    /// A call that waits at second [`NOW`], not polled yet.
    fn call(&self) -> Self::Call;
}

/// Dropping it cancels it.
pub(crate) trait Call: Send + 'static {
    /// Until which second it sleeps.
    fn poll(&mut self, waker: &Waker) -> u64;
}

pub(crate) const BURST: u32 = 2;
pub(crate) const NOW: u64 = 1_000;
/// When a word that was written at [`NOW`] is out of reach.
pub(crate) const LATER: u64 = 10_000_000_000;

pub(crate) fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` asks for more.
    builder.preemption_bound.get_or_insert(3);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Runs `other` on a thread of its own beside `this`; what both came to.
pub(crate) fn race<T: Send + 'static, U>(
    other: impl FnOnce() -> T + Send + 'static,
    this: impl FnOnce() -> U,
) -> (T, U) {
    // Of an object that a thread loads before it exchanges it, loom forgets who else loaded it before, and
    // so may never run that thread first. It does for these, which order nothing that they do.
    let done = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let shared = Arc::clone(&done);
    let thread = thread::spawn(move || {
        shared[0].load(Relaxed);
        let other = other();
        shared[1].store(1, Relaxed);
        other
    });
    done[1].load(Relaxed);
    let this = this();
    done[0].store(1, Relaxed);
    (thread.join().unwrap(), this)
}

pub(crate) fn racers_share_no_unit<L: Limit>(limit: impl Fn() -> L + Send + Sync + 'static) {
    check(move || {
        let limit = limit();
        assert!(limit.take(NOW));
        let other = limit.clone();
        let (a, b) = race(move || other.take(NOW), || limit.take(NOW));
        assert!(a != b, "a unit was shared or lost");
        assert_eq!(limit.wait(NOW), 1, "a unit was shared or lost");
    });
}

pub(crate) fn racers_share_no_unit_after_a_pause<L: Limit>(
    limit: impl Fn() -> L + Send + Sync + 'static,
) {
    check(move || {
        let limit = limit();
        assert!(limit.take(NOW) && limit.take(NOW));
        let other = limit.clone();
        let (a, b) = race(move || other.take(LATER), || limit.take(LATER));
        assert!(a && b, "refused though there was a unit");
        assert_eq!(limit.wait(LATER), 1, "a unit was shared or lost");
    });
}

pub(crate) fn a_change_keeps_what_is_taken<L: Limit>(
    limit: impl Fn() -> L + Send + Sync + 'static,
) {
    check(move || {
        let limit = limit();
        assert!(limit.take(NOW));
        let other = limit.clone();
        let (taken, ()) = race(move || other.take(NOW), || limit.set_rate(NOW, 3));
        assert!(taken, "refused though there was a unit");
        assert_eq!(limit.available(NOW), 0, "a unit was shared or lost");
        assert_eq!(limit.wait(NOW), 3, "a unit was shared or lost");
    });
}

pub(crate) fn an_answer_is_of_one_rate<L: Limit>(limit: impl Fn() -> L + Send + Sync + 'static) {
    check(move || {
        let limit = limit();
        assert!(limit.take(NOW));
        let other = limit.clone();
        let (available, ()) = race(move || other.available(NOW), || limit.set_rate(NOW, 3));
        assert_eq!(available, 1, "an answer of two rates");
    });
}

/// Of a limit of which nothing is taken: its word says as little before the change as after it.
pub(crate) fn a_word_of_before_is_none_of_now<L: Limit>(
    limit: impl Fn() -> L + Send + Sync + 'static,
) {
    check(move || {
        let limit = limit();
        let other = limit.clone();
        let (taken, ()) = race(move || other.take(NOW), || limit.set_rate(NOW, 3));
        assert!(taken, "refused though there was a unit");
        assert_eq!(limit.available(NOW), 1, "a unit was shared or lost");
        assert_eq!(limit.available(NOW + 2), 1, "a unit was shared or lost");
        assert_eq!(limit.available(NOW + 3), 2, "a unit was shared or lost");
    });
}

pub(crate) fn slots_come_back<L: Limit>(limit: impl Fn() -> L + Send + Sync + 'static) {
    check(move || {
        let limit = limit();
        assert!(limit.take(NOW) && limit.take(NOW));
        let (mut mine, mut others) = (limit.call(), limit.call());
        let turns = race(
            move || {
                let turn = others.poll(Waker::noop());
                (others, turn)
            },
            || mine.poll(Waker::noop()),
        );
        let ((others, a), b) = turns;
        assert!(a != b && a.min(b) == NOW + 1, "a slot was shared or lost");
        assert_eq!(limit.wait(NOW), 3, "a slot was shared or lost");
        race(move || drop(others), move || drop(mine));
        assert_eq!(limit.wait(NOW), 1, "a slot was shared or lost");
    });
}

/// Counts in std's atomic, as the thread that reads it has joined the one that woke.
#[allow(clippy::disallowed_types, reason = "no part of the model")]
struct Woken(std::sync::atomic::AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

pub(crate) fn a_moved_waiter_is_woken<L: Limit>(limit: impl Fn() -> L + Send + Sync + 'static) {
    check(move || {
        let limit = limit();
        assert!(limit.take(NOW) && limit.take(NOW));
        let (mut first, mut second) = (limit.call(), limit.call());
        first.poll(Waker::noop());
        assert_eq!(second.poll(Waker::noop()), NOW + 2);
        #[allow(clippy::disallowed_types, reason = "as above")]
        let woken = Arc::new(Woken(std::sync::atomic::AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let ((), until) = race(move || drop(first), || second.poll(&waker));
        let woken = woken.0.load(std::sync::atomic::Ordering::SeqCst);
        assert!(woken || until == NOW + 1, "it sleeps longer than it has to");
    });
}

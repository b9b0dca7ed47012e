//! The models: generic over the bulkhead, so that a broken twin goes through the same one.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use loom::{
    model,
    sync::atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    thread::{self, Thread},
};

/// What a bulkhead does, with calls that run until they are dropped.
pub(crate) trait Bulkhead: Clone + Send + Sync + 'static {
    type Call: Call;

    fn call(&self, priority: u8) -> Self::Call;
    fn resize(&self, limit: u32);
    /// Permits out, and calls that wait.
    fn look(&self) -> (u32, u32);
}

/// Dropping it ends it, or cancels it.
pub(crate) trait Call: Send + 'static {
    fn poll(&mut self, waker: &Waker) -> State;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waits,
    Runs,
    Refused,
}

pub(crate) fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` asks for more.
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Runs `others` on threads of their own beside `this`, and returns what this came to.
pub(crate) fn race<U>(others: Vec<Box<dyn FnOnce() + Send>>, this: impl FnOnce() -> U) -> U {
    // Of an object that a thread loads before it exchanges it, loom forgets who else loaded it before, and
    // so may never run that thread first. It does for these, which order nothing that they do.
    let threads: Vec<_> = others
        .into_iter()
        .map(|other| {
            let done = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let shared = Arc::clone(&done);
            let thread = thread::spawn(move || {
                shared[0].load(Relaxed);
                other();
                shared[1].store(1, Relaxed);
            });
            (thread, done)
        })
        .collect();
    for (_, done) in &threads {
        done[1].load(Relaxed);
    }
    let this = this();
    for (thread, done) in threads {
        done[0].store(1, Relaxed);
        thread.join().unwrap();
    }
    this
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a call whenever it is woken, until it runs.
fn wait(call: &mut impl Call) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    while call.poll(&waker) != State::Runs {
        thread::park();
    }
}

/// A call that runs.
fn start<B: Bulkhead>(bulkhead: &B) -> B::Call {
    let mut call = bulkhead.call(0);
    assert_eq!(poll(&mut call), State::Runs);
    call
}

/// A call that waits.
fn waiter<B: Bulkhead>(bulkhead: &B) -> B::Call {
    let mut call = bulkhead.call(0);
    assert_eq!(poll(&mut call), State::Waits);
    call
}

fn poll(call: &mut impl Call) -> State {
    call.poll(Waker::noop())
}

fn drops<T: Send + 'static>(what: T) -> Box<dyn FnOnce() + Send> {
    Box::new(move || drop(what))
}

/// All have ended: so many may run, and no more.
fn is_whole<B: Bulkhead>(bulkhead: &B, limit: usize) {
    assert_eq!(bulkhead.look(), (0, 0), "a permit was lost or made");
    let mut calls: Vec<_> = (0..=limit).map(|_| bulkhead.call(0)).collect();
    let states: Vec<_> = calls.iter_mut().map(poll).collect();
    let running = states.iter().filter(|state| **state == State::Runs);
    assert_eq!(running.count(), limit, "a permit was lost or made");
}

/// Counts those who run.
#[derive(Clone)]
struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn new() -> Inside {
        Inside(Arc::new(AtomicUsize::new(0)))
    }

    fn come_and_go(&self, limit: usize) {
        let before = self.0.fetch_add(1, SeqCst);
        assert!(before < limit, "more run than the limit says");
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Three threads call, and go away if they do not run at once.
pub(crate) fn permits_are_kept<B: Bulkhead>(make: fn(u32) -> B, limit: usize) {
    check(2, move || {
        let bulkhead = make(u32::try_from(limit).unwrap());
        let inside = Inside::new();
        let calls = |bulkhead: &B| {
            let (bulkhead, inside) = (bulkhead.clone(), inside.clone());
            move || {
                let mut call = bulkhead.call(0);
                if poll(&mut call) == State::Runs {
                    inside.come_and_go(limit);
                }
            }
        };
        let others: Vec<Box<dyn FnOnce() + Send>> =
            vec![Box::new(calls(&bulkhead)), Box::new(calls(&bulkhead))];
        race(others, calls(&bulkhead));
        is_whole(&bulkhead, limit);
    });
}

/// A call comes while the only permit comes back.
pub(crate) fn a_newcomer_hears_of_a_return<B: Bulkhead>(make: fn(u32) -> B) {
    check(4, move || {
        let bulkhead = make(1);
        let before = start(&bulkhead);
        let mut call = bulkhead.call(0);
        race(vec![drops(before)], || wait(&mut call));
        drop(call);
        is_whole(&bulkhead, 1);
    });
}

/// A call comes while the one before it ends, which has left something.
pub(crate) fn what_came_before_is_seen<B: Bulkhead>(make: fn(u32) -> B) {
    check(4, move || {
        let bulkhead = make(1);
        let before = start(&bulkhead);
        let mut call = bulkhead.call(0);
        let left = Arc::new(AtomicUsize::new(0));
        let leaves = Arc::clone(&left);
        let ends: Box<dyn FnOnce() + Send> = Box::new(move || {
            leaves.store(1, Relaxed);
            drop(before);
        });
        race(vec![ends], || {
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut state = call.poll(&waker);
            while state == State::Waits {
                thread::park();
                state = call.poll(&waker);
            }
            if state == State::Runs {
                assert_eq!(left.load(Relaxed), 1, "what came before is not seen");
            }
        });
    });
}

/// Two calls end, and the turn of one that waits comes with the second.
pub(crate) fn what_both_before_did_is_seen<B: Bulkhead>(make: fn(u32) -> B) {
    check(3, move || {
        let bulkhead = make(2);
        let left = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let before = [0, 1].map(|which| (which, start(&bulkhead), Arc::clone(&left)));
        bulkhead.resize(1);
        let mut call = waiter(&bulkhead);
        let ends = before.map(|(which, call, left)| -> Box<dyn FnOnce() + Send> {
            Box::new(move || {
                left[which].store(1, Relaxed);
                drop(call);
            })
        });
        race(Vec::from(ends), || {
            wait(&mut call);
            let seen = [&left[0], &left[1]].map(|one| one.load(Relaxed));
            assert_eq!(seen, [1, 1], "what came before is not seen");
        });
    });
}

/// A call comes while the limit grows.
pub(crate) fn a_newcomer_hears_of_a_resize<B: Bulkhead>(make: fn(u32) -> B) {
    check(4, move || {
        let bulkhead = make(1);
        let before = start(&bulkhead);
        let mut call = bulkhead.call(0);
        let other = bulkhead.clone();
        let grows: Box<dyn FnOnce() + Send> = Box::new(move || other.resize(2));
        race(vec![grows], || wait(&mut call));
        drop((before, call));
        is_whole(&bulkhead, 2);
    });
}

/// The first of two that wait is cancelled while its turn comes.
pub(crate) fn a_cancelled_turn_is_passed_on<B: Bulkhead>(make: fn(u32) -> B) {
    check(4, move || {
        let bulkhead = make(1);
        let before = start(&bulkhead);
        let first = waiter(&bulkhead);
        let mut second = bulkhead.call(0);
        race(vec![drops(before), drops(first)], || wait(&mut second));
        drop(second);
        is_whole(&bulkhead, 1);
    });
}

/// A call comes while the permit of one that waits comes back.
pub(crate) fn a_late_arrival_stays_behind<B: Bulkhead>(make: fn(u32) -> B) {
    check(4, move || {
        let bulkhead = make(1);
        let before = start(&bulkhead);
        let mut first = waiter(&bulkhead);
        let mut late = bulkhead.call(0);
        race(vec![drops(before)], || {
            assert_eq!(poll(&mut late), State::Waits, "it was overtaken");
        });
        wait(&mut first);
        drop(first);
        wait(&mut late);
        drop(late);
        is_whole(&bulkhead, 1);
    });
}

/// Two wait, and their permits are given back by two threads.
pub(crate) fn turns_come_in_order<B: Bulkhead>(make: fn(u32) -> B) {
    check(3, move || {
        let bulkhead = make(2);
        let before = [start(&bulkhead), start(&bulkhead)];
        let [one, other] = before;
        let mut first = waiter(&bulkhead);
        let mut second = waiter(&bulkhead);
        race(vec![drops(one), drops(other)], || {
            if poll(&mut second) == State::Runs {
                assert_eq!(poll(&mut first), State::Runs, "out of order");
            }
        });
        wait(&mut first);
        wait(&mut second);
        drop((first, second));
        is_whole(&bulkhead, 2);
    });
}

/// Three wait for one permit, each on a thread, and the first is cancelled.
pub(crate) fn three_wait_for_one<B: Bulkhead>(make: fn(u32) -> B) {
    check(2, move || {
        let bulkhead = make(1);
        let inside = Inside::new();
        let before = start(&bulkhead);
        let first = waiter(&bulkhead);
        let mut second = waiter(&bulkhead);
        let mut third = waiter(&bulkhead);
        let comes = inside.clone();
        let others: Vec<Box<dyn FnOnce() + Send>> = vec![
            Box::new(move || {
                wait(&mut second);
                comes.come_and_go(1);
                drop(second);
            }),
            drops(first),
        ];
        race(others, || {
            drop(before);
            wait(&mut third);
            inside.come_and_go(1);
            drop(third);
        });
        is_whole(&bulkhead, 1);
    });
}

/// Three wait, and two permits come back at once.
pub(crate) fn three_wait_for_two<B: Bulkhead>(make: fn(u32) -> B) {
    check(3, move || {
        let bulkhead = make(2);
        let (one, other) = (start(&bulkhead), start(&bulkhead));
        let mut calls = [(); 3].map(|()| waiter(&bulkhead));
        race(vec![drops(one)], || drop(other));
        assert_eq!(bulkhead.look(), (2, 1), "a permit was lost or made");
        let states = calls.each_mut().map(poll);
        assert_eq!(states, [State::Runs, State::Runs, State::Waits]);
        drop(calls);
        is_whole(&bulkhead, 2);
    });
}

/// The limit changes while a call comes and another goes.
pub(crate) fn two_resizes_are_kept<B: Bulkhead>(make: fn(u32) -> B) {
    check(3, move || {
        let bulkhead = make(2);
        let before = start(&bulkhead);
        let (other, caller) = (bulkhead.clone(), bulkhead.clone());
        let others: Vec<Box<dyn FnOnce() + Send>> = vec![
            Box::new(move || {
                other.resize(1);
                other.resize(3);
            }),
            Box::new(move || {
                poll(&mut caller.call(0));
            }),
        ];
        race(others, || drop(before));
        is_whole(&bulkhead, 3);
    });
}

/// Somebody who matters more takes the place of a call that is being polled.
pub(crate) fn a_given_up_call_is_told<B: Bulkhead>(make: fn(u32) -> B) {
    check(3, move || {
        let bulkhead = make(1);
        let before = start(&bulkhead);
        let mut low = waiter(&bulkhead);
        let mut high = bulkhead.call(9);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let back = Arc::new(std::sync::Mutex::new(None));
        let gives = Arc::clone(&back);
        let displaces: Box<dyn FnOnce() + Send> = Box::new(move || {
            assert_eq!(poll(&mut high), State::Waits);
            *gives.lock().unwrap() = Some(high);
        });
        race(vec![displaces], || {
            while low.poll(&waker) != State::Refused {
                thread::park();
            }
        });
        let mut high = back.lock().unwrap().take().unwrap();
        drop(before);
        wait(&mut high);
        drop(high);
        assert_eq!(bulkhead.look(), (0, 0));
    });
}

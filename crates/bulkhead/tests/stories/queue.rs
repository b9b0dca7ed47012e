//! Those who wait: in order, woken one per permit, and not overtaken.

use std::{
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use futures::task::ArcWake;
use steadfast_bulkhead::Bulkhead;
use steadfast_core::{CallOptions, Pipeline, Priority};

use crate::common::{Held, Rig, one, poll_woken, running, secs, with_queue};

fn waiters(rig: &Rig, number: usize) -> Vec<Held> {
    (0..number).map(|_| rig.waiter()).collect()
}

#[test]
fn turns_come_in_the_order_of_the_first_polls() {
    let rig = Rig::new(one());
    let mut before = rig.start();
    // Made in another order than they are polled in.
    let mut calls: Vec<Held> = (0..5).map(|_| rig.call(CallOptions::new())).collect();
    let order = [3, 0, 4, 1, 2];
    for number in order {
        assert!(calls[number].poll().is_pending());
    }
    let mut calls: Vec<Option<Held>> = calls.drain(..).map(Some).collect();
    for number in order {
        before.end(Ok(()));
        let woken: Vec<bool> = calls
            .iter()
            .map(|call| call.as_ref().is_some_and(Held::is_woken))
            .collect();
        let expected: Vec<bool> = (0..5).map(|other| other == number).collect();
        assert_eq!(woken, expected);
        before = calls[number].take().unwrap();
        assert!(before.poll().is_pending() && before.runs());
    }
}

#[test]
fn n_permits_that_come_back_wake_exactly_n() {
    for returned in 0..=6 {
        let rig = Rig::new(with_queue(6));
        let mut permits: Vec<_> = (0..6)
            .map(|_| rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap())
            .collect();
        let mut calls = waiters(&rig, 10);
        permits.truncate(6 - returned);
        let expected: Vec<usize> = (0..returned).collect();
        assert_eq!(poll_woken(&mut calls), expected);
        assert_eq!(running(&calls), expected);
        assert_eq!(rig.counts(), (6, 10 - u32::try_from(returned).unwrap()));
        assert!(calls.iter().all(|call| call.wakes() <= 1));
    }
}

#[test]
fn one_permit_of_several_wakes_as_many_as_it_covers() {
    let rig = Rig::new(with_queue(6));
    let permit = rig.bulkhead.try_acquire(&rig.runtime, 4).unwrap();
    let other = rig.bulkhead.try_acquire(&rig.runtime, 2).unwrap();
    let mut calls = waiters(&rig, 10);
    drop(permit);
    assert_eq!(poll_woken(&mut calls), [0, 1, 2, 3]);
    drop(other);
    assert_eq!(poll_woken(&mut calls), [4, 5]);
}

#[test]
fn a_late_arrival_does_not_overtake() {
    let rig = Rig::new(one());
    let first = rig.start();
    let mut waits = rig.waiter();
    first.end(Ok(()));
    // Its turn has come and it was not polled yet; whoever comes now is behind it.
    assert_eq!(rig.counts(), (1, 0));
    assert!(rig.bulkhead.try_acquire(&rig.runtime, 1).is_err());
    let mut late = rig.waiter();
    assert!(waits.poll().is_pending() && waits.runs());
    waits.end(Ok(()));
    assert!(late.poll().is_pending() && late.runs());
}

#[test]
fn nobody_passes_while_somebody_waits_though_there_is_room() {
    let rig = Rig::new(with_queue(3));
    let _two = rig.bulkhead.try_acquire(&rig.runtime, 2).unwrap();
    let _heavy = rig.waiter_with(CallOptions::new().cost(2));
    assert_eq!(rig.counts(), (2, 1));
    let light = rig.waiter();
    let refused = rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap_err();
    assert_eq!(crate::common::counts(&refused), (2, 2));
    drop(light);
}

#[test]
fn a_call_that_waits_is_polled_when_its_turn_comes_and_not_before() {
    let rig = Rig::new(one());
    let first = rig.start();
    let mut calls = waiters(&rig, 2);
    rig.pass(secs(10));
    assert!(calls.iter().all(|call| call.wakes() == 0));
    first.end(Ok(()));
    assert_eq!(poll_woken(&mut calls), [0]);
    assert_eq!((calls[0].polls(), calls[0].wakes()), (2, 1));
    assert_eq!((calls[1].polls(), calls[1].wakes()), (1, 0));
}

#[test]
fn a_call_that_finds_room_is_never_woken() {
    let rig = Rig::new(with_queue(2));
    let mut call = rig.start();
    for _ in 0..5 {
        assert!(call.poll().is_pending());
    }
    assert_eq!(call.wakes(), 0);
}

#[test]
fn a_poll_that_changes_nothing_keeps_the_place() {
    let rig = Rig::new(one());
    let first = rig.start();
    let mut calls = waiters(&rig, 3);
    for call in calls.iter_mut().rev() {
        for _ in 0..3 {
            assert!(call.poll().is_pending());
        }
    }
    assert_eq!(rig.counts(), (1, 3));
    first.end(Ok(()));
    assert_eq!(poll_woken(&mut calls), [0]);
}

#[test]
fn the_waker_of_the_latest_poll_is_the_one_that_is_woken() {
    let rig = Rig::new(one());
    let first = rig.start();
    let calls = steadfast_core::Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = calls.call(std::future::pending::<Result<(), ()>>);
    let mut call = std::pin::pin!(call);
    let (old, old_wakes) = futures_count();
    let (new, new_wakes) = futures_count();
    for waker in [&old, &new] {
        let mut cx = Context::from_waker(waker);
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    drop(old);
    assert_eq!(
        std::sync::Arc::strong_count(&old_wakes),
        1,
        "nobody keeps it"
    );
    first.end(Ok(()));
    assert_eq!((old_wakes.count(), new_wakes.count()), (0, 1));
}

#[derive(Default)]
struct Wakes(Mutex<u32>);

impl Wakes {
    fn count(&self) -> u32 {
        *self.0.lock().unwrap()
    }
}

impl ArcWake for Wakes {
    fn wake_by_ref(wakes: &Arc<Self>) {
        *wakes.0.lock().unwrap() += 1;
    }
}

fn futures_count() -> (Waker, Arc<Wakes>) {
    let wakes = Arc::new(Wakes::default());
    (futures::task::waker(Arc::clone(&wakes)), wakes)
}

/// Wakers, and their drops, are the user's code.
#[test]
fn wakers_run_outside_the_lock() {
    struct Looks(Bulkhead);
    impl ArcWake for Looks {
        fn wake_by_ref(looks: &Arc<Self>) {
            // It takes the lock.
            assert_eq!(looks.0.waiting(), 0);
        }
    }
    impl Drop for Looks {
        fn drop(&mut self) {
            let _ = self.0.waiting();
        }
    }
    let rig = Rig::new(one());
    let calls = steadfast_core::Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    for cancel in [false, true] {
        let first = rig.start();
        let mut call = Box::pin(calls.call(std::future::pending::<Result<(), ()>>));
        for _ in 0..2 {
            let waker = futures::task::waker(Arc::new(Looks(rig.bulkhead.clone())));
            let mut cx = Context::from_waker(&waker);
            assert!(call.as_mut().poll(&mut cx).is_pending());
        }
        if cancel {
            drop(call);
            drop(first);
        } else {
            first.end(Ok(()));
        }
        assert_eq!(rig.bulkhead.waiting(), 0);
    }
}

#[test]
fn a_waker_that_panics_takes_no_wake_up_from_others() {
    struct Panics;
    impl ArcWake for Panics {
        fn wake_by_ref(_: &Arc<Self>) {
            panic!("a waker panics");
        }
    }
    let rig = Rig::new(with_queue(3));
    let permit = rig.bulkhead.try_acquire(&rig.runtime, 3).unwrap();
    let calls = steadfast_core::Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut first = rig.waiter();
    let mut panics = Box::pin(calls.call(std::future::pending::<Result<(), ()>>));
    let waker = futures::task::waker(Arc::new(Panics));
    let mut cx = Context::from_waker(&waker);
    assert!(panics.as_mut().poll(&mut cx).is_pending());
    let mut last = rig.waiter();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(permit)));
    assert!(dropped.is_err());
    assert!(first.is_woken() && last.is_woken());
    assert!(first.poll().is_pending() && first.runs());
    assert!(last.poll().is_pending() && last.runs());
    assert_eq!(rig.counts(), (3, 0));
}

#[test]
fn the_queue_holds_as_many_as_may_wait() {
    let rig = Rig::new(Bulkhead::max_concurrent(1).max_waiting(2));
    let first = rig.start();
    let mut calls = waiters(&rig, 2);
    assert_eq!(rig.refused(CallOptions::new()), (1, 2));
    first.end(Ok(()));
    assert_eq!(poll_woken(&mut calls), [0]);
    let another = rig.waiter();
    assert_eq!(rig.refused(CallOptions::new()), (1, 2));
    drop(another);
    assert_eq!(rig.counts(), (1, 1));
    let _again = rig.waiter();
}

#[test]
fn a_call_that_comes_when_the_queue_has_emptied_runs_at_once() {
    let rig = Rig::new(one());
    for _ in 0..3 {
        let first = rig.start();
        let mut waits = rig.waiter();
        first.end(Ok(()));
        assert!(waits.poll().is_pending());
        waits.end(Ok(()));
        assert_eq!(rig.counts(), (0, 0));
    }
    assert_eq!(rig.start().poll(), Poll::Pending);
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker that does not like this");
    }
}

#[test]
fn a_call_that_displaces_one_whose_waker_panics_leaves_nothing_behind() {
    let rig = Rig::new(one().max_waiting(1).by_priority());
    let held = rig.start();
    let calls = Pipeline::on(rig.runtime.clone(), rig.bulkhead.clone());
    let call = |priority| {
        let options = CallOptions::new().priority(Priority(priority));
        Box::pin(calls.call(pending::<Result<(), ()>>).options(options))
    };
    let (mut low, mut high) = (call(0), call(255));
    let waker = Waker::from(Arc::new(Panics));
    assert!(
        low.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let _ = high.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(polled.is_err());
    drop((high, low));
    assert_eq!(rig.counts(), (1, 0));
    held.end(Ok(()));
    assert_eq!(rig.counts(), (0, 0));
}

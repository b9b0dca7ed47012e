//! A call that is dropped, wherever it is.

use std::{
    cell::Cell,
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    task::Poll,
    time::SystemTime,
};

use steadfast_core::{
    Attempt, CallOptions, Instant, Operation, Outcome, Pipeline, Policy, Runtime, VirtualRuntime,
};
use steadfast_rate_limit::RateLimit;

use crate::common::{Call, Rig, cost, ms, ns, secs, tenth};

#[test]
fn a_call_that_was_never_polled_takes_nothing() {
    let rig = Rig::new(tenth());
    drop(rig.call("never", CallOptions::new()));
    assert_eq!(rig.available(), 1);
}

#[test]
fn a_waiter_that_leaves_in_time_gives_its_slot_back() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let waits = rig.waiter("a");
    rig.pass(ms(99));
    drop(waits);
    assert_eq!(rig.lacks(1), ms(1));
    assert_eq!(rig.limit.waiting(), 0);
    assert_eq!(rig.runtime.sleeps_waiting(), 0);
}

#[test]
fn who_is_behind_moves_up_and_is_woken_to_know() {
    for leaves in 0..3 {
        let rig = Rig::new(tenth());
        rig.take(1);
        let mut calls: Vec<Call> = ["a", "b", "c"].map(|name| rig.waiter(name)).into();
        drop(calls.remove(leaves));
        let woken: Vec<bool> = calls.iter().map(Call::is_woken).collect();
        assert_eq!(woken, [leaves < 1, leaves < 2]);
        rig.drain(&mut calls);
        let times: Vec<_> = rig.ran.borrow().iter().map(|(_, at)| *at).collect();
        assert_eq!(times, [ms(100), ms(200)]);
    }
}

#[test]
fn who_moves_up_to_the_present_runs_at_once() {
    let rig = Rig::new(tenth().burst(3));
    rig.take(3);
    let heavy = rig.waiter_with("heavy", cost(3));
    let mut light = rig.waiter("light");
    rig.pass(ms(200));
    drop(heavy);
    assert!(light.is_woken());
    assert_eq!(light.poll(), Poll::Ready(Ok(())));
    assert_eq!(rig.ran.borrow()[0].1, ms(200));
    assert_eq!(rig.available(), 1);
}

#[test]
fn many_that_leave_wake_who_is_behind_once() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut before: Vec<Call> = (0..5).map(|_| rig.waiter("before")).collect();
    let mut last = rig.waiter("last");
    before.clear();
    assert_eq!(last.wakes(), 1, "it has not been polled in between");
    assert_eq!(last.poll(), Poll::Pending);
    rig.pass(ms(100));
    assert_eq!(last.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_waiter_that_leaves_after_its_time_has_spent_its_slot() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let waits = rig.waiter("a");
    let mut behind = rig.waiter("b");
    rig.pass(ms(100));
    drop(waits);
    assert!(!behind.is_woken());
    rig.pass(ms(100));
    assert_eq!(behind.poll(), Poll::Ready(Ok(())));
    assert_eq!(rig.lacks(1), ms(100));
}

#[test]
fn a_turn_that_was_seen_to_come_is_spent_also_when_the_clock_is_turned_back() {
    let rig = Rig::new(tenth());
    let start = rig.now();
    rig.take(1);
    let waits = rig.waiter("a");
    rig.runtime.set_now(start + ms(200));
    rig.take(1);
    rig.runtime.set_now(start + ms(50));
    drop(waits);
    assert_eq!(
        rig.lacks(1),
        ms(250),
        "two more units were taken until 300 ms"
    );
}

#[test]
fn the_slot_of_a_call_that_is_cancelled_wherever_it_waits_is_not_lost() {
    let rig = Rig::new(tenth());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.limit);
    let mut points = 0;
    rig.runtime.cancel_at_every_await(
        || {
            rig.take(1);
            calls.call(|| async {
                rig.runtime.sleep(ms(1)).await;
                Ok::<_, ()>(())
            })
        },
        |_| {
            points += 1;
            assert_eq!(rig.limit.waiting(), 0);
            assert_eq!(rig.runtime.sleeps_waiting(), 0);
            rig.runtime.advance(secs(1));
            assert_eq!(rig.available(), 1);
        },
    );
    assert_eq!(points, 4);
}

#[test]
fn a_waiter_that_leaves_lets_no_window_have_more() {
    // The turn of the last is a second after the first: two and no more in between.
    let rig = Rig::new(RateLimit::per_second(2).sliding().wait(secs(60)));
    rig.take(1);
    rig.pass(ms(500));
    rig.take(1);
    let mut calls: Vec<Call> = ["a", "b", "c"].map(|name| rig.waiter(name)).into();
    rig.pass(ms(400));
    drop(calls.remove(0));
    rig.drain(&mut calls);
    assert_eq!(*rig.ran.borrow(), [("b", ms(1_000)), ("c", ms(1_500))]);
    assert_eq!(rig.lacks(2), secs(1));
}

#[test]
fn an_operation_that_was_started_keeps_its_unit_however_it_ends() {
    let rig = Rig::new(RateLimit::per_second(10).burst(2));
    let calls = Pipeline::on(rig.runtime.clone(), &rig.limit);
    let mut hangs = rig
        .runtime
        .drive(calls.call(std::future::pending::<Result<(), ()>>));
    assert!(hangs.poll().is_pending());
    drop(hangs);
    assert!(
        rig.runtime
            .block_on(calls.call(|| ready(Err::<(), _>("down"))))
            .is_err()
    );
    assert_eq!(rig.available(), 0);
    assert_eq!(rig.lacks(1), ms(100));
    rig.pass(ns(1));
}

/// A runtime that is not cloned while it is told not to be.
struct Fragile {
    inner: VirtualRuntime,
    breaks: Rc<Cell<bool>>,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.breaks.get(), "it breaks");
        Fragile {
            inner: self.inner.clone(),
            breaks: Rc::clone(&self.breaks),
        }
    }
}

impl Runtime for Fragile {
    type Sleep = <VirtualRuntime as Runtime>::Sleep;
    type Lent<'p> = &'p Fragile;

    fn lend(&self) -> &Fragile {
        self
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        self.inner.sleep_until(at)
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    fn wall(&self) -> SystemTime {
        self.inner.wall()
    }
}

struct Ends;

impl Operation for Ends {
    type Ok = ();
    type Err = ();
    type Runtime = Fragile;
    type Future = std::future::Ready<Outcome<(), ()>>;

    fn start(self, _: Attempt<Fragile>) -> Self::Future {
        unreachable!("its turn does not come")
    }
}

#[test]
fn a_runtime_that_panics_where_the_wait_begins_leaves_no_place_behind() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let breaks = Rc::new(Cell::new(false));
    let fragile = Fragile {
        inner: rig.runtime.clone(),
        breaks: Rc::clone(&breaks),
    };
    let waits = rig.limit.run(Ends, Attempt::first(fragile));
    let mut waits = rig.runtime.drive(Box::pin(waits));
    breaks.set(true);
    let polled = catch_unwind(AssertUnwindSafe(|| waits.poll()));
    assert!(polled.is_err());
    drop(waits);
    assert_eq!(rig.limit.waiting(), 0);
    assert_eq!(rig.lacks(1), ms(100), "it has reserved nothing");
}

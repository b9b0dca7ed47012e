//! A call that is dropped, wherever it is.

use steadfast_core::{CallOptions, Pipeline};

use crate::common::{Answer, Held, Rig, cost, ms, one, poll_woken, secs, with_queue};

#[test]
fn a_call_that_was_never_polled_holds_nothing() {
    let rig = Rig::new(one());
    let call = rig.call(CallOptions::new());
    assert_eq!(rig.counts(), (0, 0));
    drop(call);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_permit_comes_back_wherever_a_call_is_cancelled() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut points = 0;
    rig.runtime.cancel_at_every_await(
        || {
            calls.call(|| async {
                for _ in 0..3 {
                    rig.runtime.sleep(ms(1)).await;
                }
                Answer::Ok(())
            })
        },
        |_| {
            points += 1;
            assert_eq!(rig.counts(), (0, 0));
        },
    );
    assert_eq!(points, 5, "before each poll, and at the end");
}

#[test]
fn a_place_is_given_up_wherever_a_call_that_waits_is_cancelled() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut points = 0;
    rig.runtime.cancel_at_every_await(
        || {
            // The one before it takes a while.
            let before = rig.bulkhead.try_acquire_owned(rig.runtime.clone(), 1);
            let clock = rig.runtime.clone();
            drop(rig.runtime.spawn(async move {
                let _before = before;
                clock.sleep(ms(5)).await;
            }));
            calls.call(|| async {
                rig.runtime.sleep(ms(1)).await;
                Answer::Ok(())
            })
        },
        |_| {
            points += 1;
            rig.pass(ms(10));
            assert_eq!(rig.counts(), (0, 0));
            assert_eq!(rig.runtime.sleeps_waiting(), 0);
        },
    );
    assert_eq!(points, 4);
}

#[test]
fn a_waiter_that_is_cancelled_leaves_the_others_in_order() {
    for cancelled in 0..3 {
        let rig = Rig::new(one());
        let first = rig.start();
        let mut calls: Vec<Held> = (0..3).map(|_| rig.waiter()).collect();
        drop(calls.remove(cancelled));
        assert_eq!(rig.counts(), (1, 2));
        first.end(Ok(()));
        assert_eq!(poll_woken(&mut calls), [0]);
        calls.remove(0).end(Ok(()));
        assert_eq!(poll_woken(&mut calls), [0]);
    }
}

#[test]
fn a_cancelled_waiter_that_was_woken_passes_its_turn_on() {
    let rig = Rig::new(one());
    let first = rig.start();
    let woken = rig.waiter();
    let mut calls = vec![rig.waiter(), rig.waiter()];
    first.end(Ok(()));
    assert!(woken.is_woken());
    drop(woken);
    assert_eq!(rig.counts(), (1, 1));
    assert_eq!(poll_woken(&mut calls), [0]);
    assert!(calls[0].runs());
}

#[test]
fn a_cancelled_waiter_that_was_woken_and_the_last_gives_its_permit_back() {
    let rig = Rig::new(one());
    let first = rig.start();
    let woken = rig.waiter();
    first.end(Ok(()));
    drop(woken);
    assert_eq!(rig.counts(), (0, 0));
    rig.start().end(Ok(()));
}

#[test]
fn a_heavy_turn_that_is_passed_on_serves_several() {
    let rig = Rig::new(with_queue(3));
    let first = rig.start_with(cost(3));
    let heavy = rig.waiter_with(cost(3));
    let mut calls = vec![rig.waiter(), rig.waiter_with(cost(2)), rig.waiter()];
    first.end(Ok(()));
    drop(heavy);
    assert_eq!(poll_woken(&mut calls), [0, 1]);
    assert_eq!(rig.counts(), (3, 1));
}

#[test]
fn who_stood_in_the_way_and_is_cancelled_lets_the_others_through() {
    let rig = Rig::new(with_queue(3));
    let _two = rig.bulkhead.try_acquire(&rig.runtime, 2).unwrap();
    let heavy = rig.waiter_with(cost(2));
    let mut calls = vec![rig.waiter(), rig.waiter()];
    assert_eq!(poll_woken(&mut calls), []);
    drop(heavy);
    assert_eq!(poll_woken(&mut calls), [0]);
    assert_eq!(rig.counts(), (3, 1));
}

#[test]
fn who_stood_in_the_way_and_whose_time_is_up_lets_the_others_through() {
    let rig = Rig::new(with_queue(3));
    let _two = rig.bulkhead.try_acquire(&rig.runtime, 2).unwrap();
    let heavy = rig.waiter_with(cost(2).timeout(secs(1)));
    let mut calls = vec![rig.waiter()];
    rig.pass(secs(1));
    assert_eq!(heavy.refusal(), (3, 0), "another has its turn by then");
    assert_eq!(poll_woken(&mut calls), [0]);
}

#[test]
fn all_waiters_that_are_cancelled_leave_an_empty_queue() {
    let rig = Rig::new(one());
    let first = rig.start();
    let calls: Vec<Held> = (0..10).map(|_| rig.waiter()).collect();
    drop(calls);
    assert_eq!(rig.counts(), (1, 0));
    first.end(Ok(()));
    assert_eq!(rig.counts(), (0, 0));
    rig.start().end(Ok(()));
}

//! What a call costs: clock reads, sleeps and polls.

use std::future::{poll_fn, ready};
use std::task::Poll;

use steadfast_bulkhead::{Bulkhead, Order};
use steadfast_core::{CallOptions, Pipeline};

use crate::common::{Answer, Rig, cost, ms, one};

#[test]
fn a_call_that_finds_room_reads_no_clock_and_starts_no_sleep() {
    for settings in [
        one(),
        one().lifo(),
        one().by_priority(),
        one().order(Order::CODEL),
    ] {
        let rig = Rig::new(settings);
        rig.start().end(Ok(()));
        let runtime = &rig.runtime;
        assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (0, 0));
    }
}

#[test]
fn a_refusal_of_a_full_bulkhead_reads_no_clock_and_starts_no_sleep() {
    let rig = Rig::new(Bulkhead::max_concurrent(1));
    let _running = rig.start();
    for _ in 0..10 {
        assert_eq!(rig.refused(CallOptions::new()), (1, 0));
        rig.refused(cost(9));
    }
    let runtime = &rig.runtime;
    assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (0, 0));
}

#[test]
fn a_refusal_of_a_full_queue_reads_no_clock_and_starts_no_sleep() {
    for settings in [one(), one().lifo(), one().order(Order::CODEL)] {
        let rig = Rig::new(settings.max_waiting(1));
        let (_running, _waits) = (rig.start(), rig.waiter());
        let before = (rig.runtime.clock_reads(), rig.runtime.sleeps_started());
        assert_eq!(rig.refused(CallOptions::new()), (1, 1));
        let after = (rig.runtime.clock_reads(), rig.runtime.sleeps_started());
        assert_eq!(after, before);
    }
}

#[test]
fn a_refusal_where_nobody_may_wait_reads_no_clock_in_any_order() {
    let one = || Bulkhead::max_concurrent(1);
    for settings in [one().by_priority(), one().lifo(), one().order(Order::CODEL)] {
        let rig = Rig::new(settings);
        let _running = rig.start();
        assert_eq!(rig.refused(CallOptions::new()), (1, 0));
        assert_eq!(rig.runtime.clock_reads(), 0);
    }
}

#[test]
fn a_wait_for_which_another_holds_the_timer_reads_the_clock_when_it_is_polled_again() {
    let rig = Rig::new(one());
    let first = rig.start();
    let mut waits = rig.waiter_with(CallOptions::new().timeout(ms(10)));
    let runtime = &rig.runtime;
    assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (1, 1));
    first.end(Ok(()));
    assert!(waits.poll().is_pending() && waits.runs());
    assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (1, 1));
}

#[test]
fn a_call_that_waits_reads_the_clock_once_and_starts_one_sleep() {
    let rig = Rig::new(one());
    let first = rig.start();
    let mut waits = rig.waiter();
    first.end(Ok(()));
    assert!(waits.poll().is_pending() && waits.runs());
    let runtime = &rig.runtime;
    assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (1, 1));
    assert_eq!(runtime.sleeps_waiting(), 0, "it ended with the wait");
}

#[test]
fn the_operation_is_polled_once_a_poll() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut polls = 0;
    let mut call = rig.runtime.drive(calls.call(|| {
        poll_fn(|_| {
            polls += 1;
            if polls < 5 {
                Poll::Pending
            } else {
                Poll::Ready(Answer::Ok(()))
            }
        })
    }));
    let pending = (0..5).filter(|_| call.poll().is_pending()).count();
    assert_eq!((pending, call.wakes()), (4, 0));
    drop(call);
    assert_eq!(polls, 5);
}

#[test]
fn a_ready_operation_ends_in_the_poll_in_which_its_turn_is_seen() {
    let rig = Rig::new(one().max_wait(ms(10)));
    let first = rig.start();
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut call = rig.runtime.drive(calls.call(|| ready(Answer::Ok(()))));
    assert!(call.poll().is_pending());
    first.end(Ok(()));
    assert!(call.is_woken());
    assert_eq!(call.poll(), Poll::Ready(Ok(())));
    assert_eq!((call.polls(), call.wakes()), (2, 1));
}

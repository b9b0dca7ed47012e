//! Waits, deadlines and clocks.

use std::{
    future::{pending, ready},
    task::Poll,
};

use steadfast_core::{CallOptions, Event, Pipeline, Runtime};

use crate::common::{Answer, Rig, Until, ms, one, secs};

#[test]
fn a_deadline_that_is_sooner_than_max_wait_ends_the_wait() {
    let rig = Rig::new(one());
    let _running = rig.start();
    let waits = rig.waiter_with(CallOptions::new().deadline(rig.now() + ms(20)));
    rig.pass(ms(19));
    assert!(!waits.is_woken());
    rig.pass(ms(1));
    // The call's own timer woke it, and the bulkhead says what it was: nothing was executed.
    assert_eq!(waits.refusal(), (1, 0));
}

#[test]
fn who_holds_the_timer_of_a_deadline_saves_another_one() {
    let rig = Rig::new(one().max_wait(secs(1)));
    let _running = rig.start();
    for (timeout, sleeps) in [(secs(1), 1), (ms(500), 1), (secs(2), 2)] {
        let before = rig.runtime.sleeps_started();
        let waits = rig.waiter_with(CallOptions::new().timeout(timeout));
        assert_eq!(rig.runtime.sleeps_started() - before, sleeps, "{timeout:?}");
        rig.pass(timeout.min(secs(1)));
        assert_eq!(waits.refusal(), (1, 0));
    }
}

#[test]
fn a_deadline_for_which_nobody_holds_a_timer_ends_the_wait_too() {
    let rig = Rig::new(one());
    let _running = rig.start();
    let calls = Pipeline::on(rig.runtime.clone(), (Until(ms(5)), &rig.bulkhead));
    let refused = rig.runtime.block_on(calls.call(|| ready(Answer::Ok(()))));
    assert!(refused.unwrap_err().rejection().is_some());
    assert_eq!(rig.runtime.elapsed(), ms(5));
}

#[test]
fn a_turn_that_comes_with_the_end_of_the_wait_is_taken() {
    let rig = Rig::new(one().max_wait(ms(10)));
    let first = rig.start();
    let mut waits = rig.waiter();
    rig.runtime.set_now(rig.now() + ms(10));
    assert!(waits.is_woken(), "its time is up");
    first.end(Ok(()));
    assert_eq!(waits.poll(), Poll::Pending);
    assert!(waits.runs());
    assert!(rig.events.borrow().is_empty());
}

#[test]
fn a_turn_that_comes_with_the_deadline_is_taken() {
    let rig = Rig::new(one());
    let first = rig.start();
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = calls.call(|| ready(Answer::Ok(()))).timeout(ms(10));
    let mut waits = rig.runtime.drive(call);
    assert!(waits.poll().is_pending());
    rig.runtime.set_now(rig.now() + ms(10));
    first.end(Ok(()));
    assert_eq!(waits.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_call_that_waits_is_woken_once_when_its_time_is_up() {
    let rig = Rig::new(one().max_wait(ms(10)));
    let _running = rig.start();
    let waits = rig.waiter();
    rig.pass(secs(10));
    assert_eq!(waits.wakes(), 1);
    assert_eq!(waits.refusal(), (1, 0));
    assert_eq!(rig.runtime.sleeps_waiting(), 0);
}

#[test]
fn what_is_inside_begins_when_its_turn_has_come() {
    let rig = Rig::new(one());
    let first = rig.start();
    let clock = rig.runtime.clone();
    let policies = (Until(secs(60)), &rig.bulkhead);
    let calls = Pipeline::on(rig.runtime.clone(), policies);
    let mut waits = rig.runtime.drive(calls.call_with(|attempt| {
        assert_eq!(attempt.deadline, clock.now() + secs(20), "it stays");
        assert_eq!(attempt.remaining, Some(secs(20)), "reckoned anew");
        pending::<Answer>()
    }));
    assert!(waits.poll().is_pending());
    rig.pass(secs(40));
    first.end(Ok(()));
    assert!(waits.poll().is_pending());
    assert_eq!(rig.counts(), (1, 0));
}

#[test]
fn a_call_that_did_not_wait_keeps_its_time() {
    let rig = Rig::new(one());
    let policies = (Until(secs(60)), &rig.bulkhead);
    let calls = Pipeline::on(rig.runtime.clone(), policies);
    let call = calls.call_with(|attempt| ready(Ok::<_, ()>(attempt.remaining)));
    assert_eq!(rig.runtime.block_on(call), Ok(Some(secs(60))));
    assert_eq!(rig.runtime.clock_reads(), 1);
}

#[test]
fn a_clock_that_is_turned_back_prolongs_a_wait_and_breaks_nothing() {
    let rig = Rig::new(one().max_wait(ms(10)));
    let first = rig.start();
    let waits = rig.waiter();
    rig.runtime.set_now(rig.now().saturating_sub(secs(100)));
    rig.pass(secs(50));
    assert!(!waits.is_woken());
    let mut behind = rig.waiter();
    rig.pass(ms(10));
    assert!(behind.is_woken(), "its own time is up");
    assert!(matches!(behind.poll(), Poll::Ready(Err(_))));
    let mut waits = waits;
    first.end(Ok(()));
    assert!(waits.poll().is_pending() && waits.runs());
}

#[test]
fn without_the_time_to_wait_nobody_waits() {
    let rig = Rig::new(one().max_wait(std::time::Duration::ZERO));
    let _running = rig.start();
    assert_eq!(rig.refused(CallOptions::new()), (1, 0));
    assert_eq!(rig.runtime.clock_reads(), 0);
}

#[test]
fn events_come_before_the_call_is_over_and_after_the_queue_was_left() {
    let rig = Rig::new(one().max_wait(ms(10)));
    let _running = rig.start();
    let bulkhead = rig.bulkhead.clone();
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead)
        .observe(move |_: &Event<'_>| assert_eq!(bulkhead.waiting(), 0));
    let refused = rig.runtime.block_on(calls.call(pending::<Answer>));
    assert!(refused.is_err());
}

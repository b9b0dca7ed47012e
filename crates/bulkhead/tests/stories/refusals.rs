//! What a refusal says, and when there is one.

use std::{future::ready, rc::Rc};

use steadfast_bulkhead::Bulkhead;
use steadfast_core::{CallOptions, Class, Error, Pipeline, StopReason, Verdict};

use crate::common::{Answer, Rig, cost, ms, one, priority, secs};

fn single() -> steadfast_bulkhead::BulkheadBuilder {
    Bulkhead::max_concurrent(1)
}

#[test]
fn without_a_queue_a_call_that_finds_no_room_is_refused_at_once() {
    let rig = Rig::new(single().named("db"));
    let _running = rig.start();
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut call = rig.runtime.drive(calls.call(|| ready(Answer::Ok(()))));
    let refused = call.poll();
    let std::task::Poll::Ready(Err(Error::Rejected(rejection))) = refused else {
        panic!("not refused: {refused:?}");
    };
    assert_eq!(rejection.policy(), "db");
    assert_eq!(rejection.retry_after(), None, "nobody knows");
    let text = "db is full: 1 running, 0 waiting";
    assert_eq!(rejection.to_string(), text);
    assert_eq!(call.wakes(), 0);
}

#[test]
fn a_refusal_is_overload_and_the_operation_was_not_executed() {
    let rig = Rig::new(single());
    let _running = rig.start();
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = calls.call(|| ready(Answer::Ok(()))).reported();
    let report = rig.runtime.block_on(call);
    assert_eq!(report.verdict, Verdict::overloaded().not_executed());
    assert_eq!(report.verdict.class(), Class::Overloaded);
    assert_eq!(
        (report.attempts, report.stop),
        (0, StopReason::NotRetryable)
    );
}

#[test]
fn a_wait_that_is_over_is_a_refusal_with_the_counts_of_then() {
    let rig = Rig::new(one().max_wait(ms(50)));
    let _running = rig.start();
    let waits = rig.waiter();
    rig.pass(ms(20));
    let behind = rig.waiter();
    rig.pass(ms(29));
    assert!(!waits.is_woken());
    rig.pass(ms(1));
    assert!(waits.is_woken());
    assert_eq!(waits.refusal(), (1, 1), "the one behind it waits still");
    rig.pass(ms(19));
    assert!(!behind.is_woken());
    rig.pass(ms(1));
    assert_eq!(behind.refusal(), (1, 0));
    assert_eq!(rig.counts(), (1, 0));
}

#[test]
fn a_call_that_costs_more_than_the_limit_is_refused_at_once() {
    let rig = Rig::new(one());
    assert_eq!(rig.refused(cost(2)), (0, 0));
    assert_eq!(rig.refused(cost(u32::MAX)), (0, 0));
    let _running = rig.start();
    let _waits = rig.waiter();
    assert_eq!(rig.refused(cost(2)), (1, 1));
    assert_eq!(rig.runtime.clock_reads(), 1, "that of the one that waits");
}

#[test]
fn a_call_whose_deadline_has_passed_does_not_wait() {
    let rig = Rig::new(one());
    let _running = rig.start();
    let _waits = rig.waiter();
    let now = rig.now();
    for deadline in [now, now.saturating_sub(secs(1))] {
        assert_eq!(rig.refused(CallOptions::new().deadline(deadline)), (1, 1));
    }
    assert_eq!(rig.counts(), (1, 1));
}

#[test]
fn a_call_whose_deadline_has_passed_runs_where_there_is_room() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = calls.call(|| ready(Answer::Ok(())));
    let call = call.deadline(rig.now());
    assert_eq!(rig.runtime.block_on(call), Ok(()), "work before clock");
}

#[test]
fn each_refusal_is_one_event() {
    let rig = Rig::new(one().max_waiting(1).max_wait(ms(10)).named("db"));
    let running = rig.start();
    let waits = rig.waiter();
    assert!(rig.events.borrow().is_empty());
    rig.refused(CallOptions::new());
    let event = |running, waiting| {
        format!(
            "Rejected {{ policy: \"db\", kind: BulkheadFull {{ running: {running}, waiting: {waiting} }} }}"
        )
    };
    assert_eq!(*rig.events.borrow(), [event(1, 1)]);
    rig.pass(ms(10));
    waits.refusal();
    assert_eq!(*rig.events.borrow(), [event(1, 1), event(1, 0)]);
    rig.events.borrow_mut().clear();
    rig.refused(cost(5));
    drop(rig.waiter());
    running.end(Ok(()));
    assert_eq!(*rig.events.borrow(), [event(1, 0)]);
}

/// Observers are the user's code.
#[test]
fn observers_run_outside_the_lock() {
    let rig = Rig::new(one().max_wait(ms(10)));
    let _running = rig.start();
    let seen = Rc::new(std::cell::Cell::new(0));
    let (bulkhead, looks) = (rig.bulkhead.clone(), Rc::clone(&seen));
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead).observe(
        move |_: &steadfast_core::Event<'_>| looks.set(looks.get() + 1 + bulkhead.waiting()),
    );
    assert!(
        rig.runtime
            .block_on(calls.call(|| ready(Answer::Ok(()))))
            .is_err()
    );
    assert_eq!(seen.get(), 1);
}

#[test]
fn a_refused_call_is_not_made() {
    let rig = Rig::new(one().by_priority().max_waiting(1).max_wait(ms(1)));
    let _running = rig.start();
    let low = rig.waiter_with(priority(1));
    let high = rig.waiter_with(priority(2));
    assert_eq!(low.refusal(), (1, 1));
    rig.pass(ms(1));
    assert_eq!(high.refusal(), (1, 0));
}

#[test]
fn a_refused_call_lets_go_of_what_it_captured() {
    let rig = Rig::new(one().max_waiting(1).max_wait(ms(1)));
    let _running = rig.start();
    let captured = Rc::new(());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = || {
        let captured = Rc::clone(&captured);
        let call = calls.call(move || {
            drop(captured);
            ready(Answer::Ok(()))
        });
        let mut call = rig.runtime.drive(call);
        let first = call.poll();
        (call, first)
    };
    let (mut waits, pending) = call();
    assert!(pending.is_pending());
    let (refused, at_once) = call();
    assert!(at_once.is_ready());
    assert_eq!(Rc::strong_count(&captured), 2, "the one that waits has it");
    rig.pass(ms(1));
    assert!(waits.poll().is_ready());
    assert_eq!(Rc::strong_count(&captured), 1);
    drop((refused, waits));
}

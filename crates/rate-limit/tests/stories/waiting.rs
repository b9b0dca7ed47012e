//! Those who wait: in order, once, and not in vain.

use std::{future::ready, task::Poll};

use steadfast_core::{Attempt, CallOptions, Operation, Pipeline, Policies, Policy, RejectionKind};
use steadfast_rate_limit::RateLimit;

use crate::common::{Call, Rig, cost, ms, ns, refusal, secs, tenth};

#[test]
fn who_waits_has_its_turn_in_order_of_arrival_each_at_its_time() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut calls: Vec<Call> = ["a", "b", "c", "d"].map(|name| rig.waiter(name)).into();
    assert_eq!(rig.limit.waiting(), 4);
    rig.drain(&mut calls);
    let turns = [
        ("a", ms(100)),
        ("b", ms(200)),
        ("c", ms(300)),
        ("d", ms(400)),
    ];
    assert_eq!(*rig.ran.borrow(), turns);
    assert_eq!(rig.limit.waiting(), 0);
    assert!(rig.events.borrow().is_empty());
}

#[test]
fn who_waits_is_woken_once_and_sleeps_once() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut calls: Vec<Call> = ["a", "b", "c"].map(|name| rig.waiter(name)).into();
    for _ in 0..3 {
        rig.runtime.step();
        let woken: Vec<bool> = calls.iter().map(Call::is_woken).collect();
        assert_eq!(woken.iter().filter(|woken| **woken).count(), 1);
        let mut first = calls.remove(0);
        assert_eq!(first.poll(), Poll::Ready(Ok(())));
        assert_eq!((first.wakes(), first.polls()), (1, 2));
    }
    assert_eq!(rig.runtime.sleeps_started(), 3);
    assert_eq!(rig.runtime.sleeps_waiting(), 0);
}

#[test]
fn a_late_arrival_does_not_overtake() {
    let rig = Rig::new(tenth().burst(3));
    rig.take(3);
    let mut heavy = rig.waiter_with("heavy", cost(3));
    rig.pass(ms(150));
    // There is a unit, and it is reserved.
    assert_eq!(rig.available(), 0);
    assert_eq!(rig.lacks(1), ms(250));
    let mut light = rig.waiter("light");
    rig.pass(ms(150));
    assert!(heavy.is_woken() && !light.is_woken());
    assert_eq!(heavy.poll(), Poll::Ready(Ok(())));
    assert_eq!(light.poll(), Poll::Pending);
    rig.pass(ms(100));
    assert_eq!(light.poll(), Poll::Ready(Ok(())));
}

#[test]
fn one_whose_turn_has_come_keeps_it_though_others_are_polled_first() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut slow = rig.waiter("slow");
    rig.pass(ms(200));
    rig.runs(CallOptions::new());
    assert_eq!(rig.lacks(1), ms(100));
    assert_eq!(slow.poll(), Poll::Ready(Ok(())));
    assert_eq!(rig.lacks(1), ms(100), "its unit was taken at its turn");
}

#[test]
fn what_does_not_fit_the_longest_wait_is_refused_at_once() {
    let rig = Rig::new(tenth().wait(ms(200)));
    rig.take(1);
    let _waits = (rig.waiter("a"), rig.waiter("b"));
    let refused = rig.refused(CallOptions::new());
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    assert_eq!(refused.retry_after(), Some(ms(300)));
    assert_eq!(rig.runtime.elapsed(), ns(0));
    rig.pass(ns(1));
    let shorter = Rig::new(tenth().wait(ms(100) - ns(1)));
    shorter.take(1);
    shorter.refused(CallOptions::new());
}

#[test]
fn what_does_not_fit_its_deadline_is_refused_at_once() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let refused = rig.refused(CallOptions::new().timeout(ms(100)));
    assert_eq!(
        refused.retry_after(),
        Some(ms(100)),
        "nothing begins at its deadline"
    );
    let mut fits = rig.waiter_with("fits", CallOptions::new().timeout(ms(100) + ns(1)));
    rig.pass(ms(100));
    assert_eq!(fits.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_refused_call_leaves_no_trace() {
    let rig = Rig::new(tenth().wait(ms(50)));
    rig.take(1);
    for _ in 0..10 {
        assert_eq!(rig.refused(CallOptions::new()).retry_after(), Some(ms(100)));
    }
    assert_eq!(rig.limit.waiting(), 0);
    assert_eq!(rig.events.borrow().len(), 10, "an event each");
    assert_eq!(rig.runtime.sleeps_started(), 0);
}

#[test]
fn so_many_may_wait_and_the_next_is_refused() {
    let rig = Rig::new(tenth().max_waiting(2));
    rig.take(1);
    let _waits = (rig.waiter("a"), rig.waiter("b"));
    assert_eq!(rig.refused(CallOptions::new()).retry_after(), Some(ms(300)));
    rig.pass(ms(100));
    let _third = rig.waiter("c");
}

#[test]
fn a_cost_above_the_burst_does_not_wait_for_ever() {
    let rig = Rig::new(tenth().burst(2));
    let refused = rig.refused(cost(3));
    let kind = RejectionKind::Other("it costs more than there ever is at once");
    assert_eq!((refused.kind(), refused.retry_after()), (kind, None));
    let message = "rate limit refused the call: it costs more than there ever is at once";
    assert_eq!(refused.to_string(), message);
}

#[test]
fn what_is_inside_begins_when_its_turn_has_come() {
    struct Until;
    impl Policies for Until {}
    impl<'p, O: Operation> Policy<'p, O> for Until {
        type Future = O::Future;
        fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
            let deadline = attempt.now() + secs(60);
            attempt.tighten_deadline(deadline);
            operation.start(attempt)
        }
    }
    let rig = Rig::new(RateLimit::per_minute(2).burst(1).wait(secs(40)));
    let calls = Pipeline::on(rig.runtime.clone(), (Until, &rig.limit));
    let remaining = || {
        let call = calls.call_with(|attempt| ready(Ok::<_, ()>(attempt.remaining)));
        rig.runtime.block_on(call)
    };
    assert_eq!(remaining(), Ok(Some(secs(60))));
    assert_eq!(rig.runtime.clock_reads(), 1, "at once it is one reading");
    assert_eq!(remaining(), Ok(Some(secs(30))), "reckoned anew");
}

#[test]
fn a_clock_that_is_turned_back_prolongs_a_wait_and_breaks_nothing() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let start = rig.now();
    let mut waits = rig.waiter("a");
    rig.runtime.set_now(start.saturating_sub(secs(100)));
    let mut behind = rig.waiter("b");
    rig.pass(secs(100));
    assert!(!waits.is_woken() && !behind.is_woken());
    rig.pass(ms(100));
    assert_eq!(waits.poll(), Poll::Ready(Ok(())));
    assert_eq!(behind.poll(), Poll::Pending);
    rig.pass(ms(100));
    assert_eq!(behind.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_clock_that_jumps_ahead_serves_all_whose_turn_has_come_and_refills_no_more() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut calls: Vec<Call> = ["a", "b", "c"].map(|name| rig.waiter(name)).into();
    rig.runtime.set_now(rig.now() + secs(1_000));
    assert!(calls.iter_mut().all(|call| call.poll().is_ready()));
    rig.take(1);
    assert_eq!(rig.lacks(1), ms(100));
}

#[test]
fn a_call_that_is_polled_without_need_arms_no_second_timer() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut waits = rig.waiter("a");
    for _ in 0..5 {
        assert_eq!(waits.poll(), Poll::Pending);
    }
    assert_eq!(rig.runtime.sleeps_started(), 1);
    assert_eq!(waits.wakes(), 0);
}

#[test]
fn a_thousand_that_wait_by_default_have_their_turns_in_order() {
    let rig = Rig::new(RateLimit::per_second(1_000).burst(1).wait(secs(2)));
    rig.take(1);
    let mut calls: Vec<Call> = (0..1_000).map(|_| rig.waiter("one")).collect();
    assert!(
        refusal(&mut rig.call("more", CallOptions::new()))
            .retry_after()
            .is_some()
    );
    rig.drain(&mut calls);
    let times: Vec<_> = rig.ran.borrow().iter().map(|(_, at)| *at).collect();
    let expected: Vec<_> = (1..=1_000).map(ms).collect();
    assert_eq!(times, expected);
}

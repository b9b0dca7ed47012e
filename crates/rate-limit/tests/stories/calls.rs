//! Calls under the policy.

use std::future::ready;

use steadfast_core::{CallOptions, Pipeline, Policies as _};
use steadfast_rate_limit::RateLimit;

use crate::common::{Rig, cost, ms};

#[test]
fn a_call_is_admitted_by_its_cost() {
    let rig = Rig::new(RateLimit::per_second(10).burst(5));
    rig.runs(cost(3));
    rig.runs(cost(0));
    assert_eq!(rig.available(), 2);
    assert_eq!(rig.refused(cost(3)).retry_after(), Some(ms(100)));
    rig.runs(cost(2));
}

#[test]
fn a_refused_call_says_who_and_when_and_tells_it_once() {
    let rig = Rig::new(RateLimit::per_second(4).burst(1).named("search"));
    rig.runs(CallOptions::new());
    let refused = rig.refused(CallOptions::new());
    let message = "search has no permit left; try again after 250ms";
    assert_eq!(refused.to_string(), message);
    assert!(!refused.verdict().may_have_executed());
    let event = "Rejected { policy: \"search\", kind: RateLimited }";
    assert_eq!(*rig.events.borrow(), [event]);
}

#[test]
fn a_call_that_does_not_wait_reads_the_clock_once_and_starts_no_sleep() {
    for settings in [
        RateLimit::per_second(4).burst(1),
        RateLimit::per_second(1).sliding(),
        RateLimit::per_second(1).fixed(),
    ] {
        let rig = Rig::new(settings);
        rig.runs(CallOptions::new());
        assert_eq!(rig.runtime.clock_reads(), 1);
        rig.refused(CallOptions::new());
        assert_eq!(rig.runtime.clock_reads(), 2);
        assert_eq!(rig.runtime.sleeps_started(), 0);
    }
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let rig = Rig::new(RateLimit::per_second(4).burst(1));
    let calls = rig.limit.on(rig.runtime.clone());
    let call = calls.call(|| ready(Ok::<_, ()>(1)));
    assert_eq!(rig.available(), 1);
    assert_eq!(rig.runtime.block_on(call), Ok(1));
    assert_eq!(rig.available(), 0);
}

#[test]
fn an_event_comes_where_there_is_no_lock() {
    let rig = Rig::new(RateLimit::per_second(4).sliding().wait(ms(1)));
    rig.runs(cost(4));
    let limit = rig.limit.clone();
    let calls = Pipeline::on(rig.runtime.clone(), &rig.limit)
        .observe(move |_: &steadfast_core::Event<'_>| assert_eq!(limit.waiting(), 0));
    assert!(
        rig.runtime
            .block_on(calls.call(|| ready(Ok::<_, ()>(1))))
            .is_err()
    );
}

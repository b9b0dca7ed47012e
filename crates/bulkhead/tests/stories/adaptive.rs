//! A limit that learns.

use steadfast_bulkhead::{AdaptiveLimit, Aimd, Bulkhead, BulkheadBuilder, Permit};
use steadfast_core::{
    CallOptions, Event, Idle, Observed, Ratio, Rejection, RejectionKind, Verdict, VirtualRuntime,
};

use crate::common::{Refuse, Rig, cost, ms, poll_woken, running, secs};

const GOOD: Verdict = Verdict::success();
const OVERLOADED: Verdict = Verdict::overloaded();

/// Steps by one, or to a half, after each ten calls in 100 ms.
fn steps() -> AdaptiveLimit {
    AdaptiveLimit::new(Aimd::new().backoff(Ratio::percent(50)))
        .initial(10)
        .max(100)
        .window_calls(10)
}

fn adaptive() -> BulkheadBuilder {
    Bulkhead::adaptive(steps())
        .max_waiting(1000)
        .max_wait(secs(3600))
}

type Held<'b> = Permit<'b, &'b VirtualRuntime>;

fn take(rig: &Rig, calls: u32) -> Vec<Held<'_>> {
    let take = |_| rig.bulkhead.try_acquire(&rig.runtime, 1).expect("room");
    (0..calls).map(take).collect()
}

/// So many calls at once that all come to this after a millisecond. The first of them completes the window
/// that the calls before have begun, as that has lasted for 100 ms.
fn calls(rig: &Rig, calls: u32, verdict: &Verdict) {
    rig.pass(ms(99));
    let held = take(rig, calls);
    rig.pass(ms(1));
    held.into_iter().for_each(|permit| permit.record(verdict));
}

/// One that has begun a window with ten good calls.
fn begun() -> Rig {
    let rig = Rig::new(adaptive());
    calls(&rig, 10, &GOOD);
    assert_eq!(rig.bulkhead.limit(), 10);
    rig
}

/// Ten calls through a pipeline, which end well together.
fn ten_calls(rig: &Rig) {
    rig.pass(ms(99));
    let calls: Vec<_> = (0..10).map(|_| rig.start()).collect();
    rig.pass(ms(1));
    calls.into_iter().for_each(|call| call.end(Ok(())));
}

#[test]
fn it_begins_where_it_was_told_and_learns_from_windows_of_calls() {
    let rig = begun();
    for grown in 11..=13 {
        calls(&rig, 10, &GOOD);
        assert_eq!(rig.bulkhead.limit(), grown);
    }
    rig.pass(secs(100));
    assert_eq!(rig.bulkhead.limit(), 13, "nothing comes of time alone");
    calls(&rig, 10, &OVERLOADED);
    calls(&rig, 6, &OVERLOADED);
    assert_eq!(
        rig.bulkhead.limit(),
        7,
        "half of what the good ones before made it"
    );
}

#[test]
fn calls_in_a_pipeline_teach_it() {
    let rig = Rig::new(adaptive());
    ten_calls(&rig);
    ten_calls(&rig);
    assert_eq!(rig.bulkhead.limit(), 11);
}

#[test]
fn a_change_of_the_limit_is_told() {
    let rig = begun();
    ten_calls(&rig);
    let told = r#"LimitChanged { policy: "bulkhead", from: 10, to: 11 }"#;
    assert_eq!(*rig.events.borrow(), [told]);
}

#[test]
fn what_a_timeout_inside_cuts_off_is_a_drop_and_other_refusals_are_nothing() {
    let after = |kind| {
        let rig = Rig::new(adaptive());
        for _ in 0..20 {
            let inner = Refuse(Rejection::new("inner", kind));
            let mut call = rig.call_under((rig.bulkhead.clone(), inner), CallOptions::new());
            assert!(call.poll().is_ready());
            rig.pass(ms(20));
        }
        rig.bulkhead.limit()
    };
    assert!(after(RejectionKind::TimedOut { after: ms(20) }) < 10);
    assert_eq!(after(RejectionKind::CircuitOpen), 10);
    assert_eq!(after(RejectionKind::Other("not today")), 10);
}

#[test]
fn calls_that_are_dropped_or_fail_teach_it_nothing() {
    let rig = begun();
    for _ in 0..3 {
        drop(take(&rig, 10));
        let running: Vec<_> = (0..5).map(|_| rig.start()).collect();
        rig.pass(ms(1));
        drop(running);
        calls(&rig, 10, &Verdict::transient());
        calls(&rig, 10, &Verdict::permanent());
        calls(&rig, 10, &Verdict::caller());
    }
    assert_eq!(rig.bulkhead.limit(), 10);
    calls(&rig, 10, &GOOD);
    assert_eq!(rig.bulkhead.limit(), 11);
}

#[test]
fn a_wait_for_a_turn_is_no_part_of_the_round_trip() {
    // What takes longer than 250 ms is overload.
    let limit = AdaptiveLimit::new(Aimd::new().timeout(ms(250)));
    let limit = limit.initial(10).window_calls(10);
    let rig = Rig::new(
        Bulkhead::adaptive(limit)
            .max_waiting(100)
            .max_wait(secs(60)),
    );
    let mut calls: Vec<_> = (0..40)
        .map(|_| rig.start_with(CallOptions::new()))
        .collect();
    while !calls.is_empty() {
        rig.pass(ms(200));
        for at in running(&calls).into_iter().rev() {
            calls.remove(at).end(Ok(()));
        }
        poll_woken(&mut calls);
    }
    assert!(rig.bulkhead.limit() > 10, "the last waited for 600 ms");
}

#[test]
fn those_who_wait_have_their_turn_when_it_grows() {
    let rig = begun();
    let mut held = take(&rig, 10);
    let mut waiting: Vec<_> = (0..3).map(|_| rig.waiter()).collect();
    rig.pass(ms(100));
    held.remove(0).record(&GOOD);
    assert_eq!((rig.bulkhead.limit(), rig.counts()), (11, (11, 1)));
    assert_eq!(poll_woken(&mut waiting), [0, 1]);
}

#[test]
fn nothing_is_taken_from_those_who_run_when_it_shrinks() {
    let rig = begun();
    let mut held = take(&rig, 10);
    rig.pass(ms(100));
    held.remove(0).record(&OVERLOADED);
    assert_eq!((rig.bulkhead.limit(), rig.bulkhead.in_flight()), (5, 9));
    assert!(rig.bulkhead.try_acquire(&rig.runtime, 1).is_err());
    held.truncate(4);
    assert!(rig.bulkhead.try_acquire(&rig.runtime, 1).is_ok());
}

#[test]
fn its_limit_is_not_set_by_hand() {
    let rig = Rig::new(adaptive());
    let error = rig.bulkhead.resize(20).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`limit` is 20; allowed: only where it does not adapt: set `min` and `max` instead"
    );
    assert_eq!(rig.bulkhead.limit(), 10);
}

#[test]
fn settings_out_of_range_cannot_be_built() {
    let error = Bulkhead::adaptive(steps().min(0)).build().unwrap_err();
    assert_eq!(error.field(), "min");
    let error = Bulkhead::adaptive(steps().min(20)).build().unwrap_err();
    assert_eq!(error.field(), "initial");
    let error = Bulkhead::adaptive(steps().min(5).max(4))
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "min");
}

#[test]
fn a_fresh_one_has_learnt_nothing() {
    let rig = begun();
    calls(&rig, 10, &GOOD);
    let fresh = rig.bulkhead.fresh();
    assert_eq!((rig.bulkhead.limit(), fresh.limit()), (11, 10));
}

#[test]
fn with_a_limit_that_it_has_learnt_it_is_dispensable_and_not_idle() {
    let rig = begun();
    let asked = || {
        let now = rig.now();
        (
            rig.bulkhead.is_idle_at(now),
            rig.bulkhead.is_dispensable_at(now),
        )
    };
    assert_eq!(asked(), (true, true));
    let held = take(&rig, 1);
    assert_eq!(asked(), (false, false));
    drop(held);
    calls(&rig, 10, &GOOD);
    assert_eq!(asked(), (false, true));
    let handle = rig.bulkhead.clone();
    assert_eq!(asked(), (false, false));
    drop(handle);
    let fixed = Rig::new(Bulkhead::max_concurrent(10));
    fixed.bulkhead.resize(11).unwrap();
    assert!(!fixed.bulkhead.is_idle_at(fixed.now()));
    assert!(!fixed.bulkhead.is_dispensable_at(fixed.now()));
}

#[test]
fn the_clock_is_read_at_both_ends_of_a_call_and_only_where_it_learns() {
    for (settings, reads) in [(adaptive(), 2), (Bulkhead::max_concurrent(10), 0)] {
        let rig = Rig::new(settings);
        let before = rig.runtime.clock_reads();
        rig.start().end(Ok(()));
        assert_eq!(rig.runtime.clock_reads() - before, reads);
    }
}

#[test]
fn a_clock_that_was_turned_back_does_not_stop_it() {
    let rig = Rig::new(adaptive());
    rig.pass(secs(1000));
    calls(&rig, 10, &GOOD);
    calls(&rig, 10, &GOOD);
    assert_eq!(rig.bulkhead.limit(), 11);
    rig.runtime.set_now(rig.now().saturating_sub(secs(900)));
    for _ in 0..4 {
        calls(&rig, 10, &GOOD);
    }
    assert!(rig.bulkhead.limit() >= 13, "{}", rig.bulkhead.limit());
}

#[test]
fn a_call_that_costs_nothing_teaches_nothing() {
    let rig = Rig::new(adaptive());
    for _ in 0..100 {
        rig.start_with(cost(0)).end(Ok(()));
        rig.pass(ms(20));
    }
    assert_eq!(rig.bulkhead.limit(), 10);
}

#[test]
fn an_observer_may_use_the_bulkhead() {
    let rig = begun();
    let bulkhead = rig.bulkhead.clone();
    let runtime = rig.runtime.clone();
    let observed = Observed::new(rig.runtime.clone(), move |_: &Event<'_>| {
        let permit = bulkhead.try_acquire(&runtime, 1).unwrap();
        permit.record(&GOOD);
    });
    let held: Vec<_> = (0..10)
        .map(|_| rig.bulkhead.try_acquire(&observed, 1).unwrap())
        .collect();
    rig.pass(ms(100));
    held.into_iter().for_each(|permit| permit.record(&GOOD));
    assert_eq!((rig.bulkhead.limit(), rig.bulkhead.in_flight()), (11, 0));
}

#[test]
fn a_call_that_costs_more_than_the_limit_takes_all_of_it() {
    let rig = Rig::new(adaptive());
    let heavy = rig.start_with(cost(25));
    assert!(heavy.runs(), "nobody else does");
    assert_eq!(rig.counts(), (10, 0));
    let mut light = rig.waiter();
    heavy.end(Ok(()));
    assert!(light.poll().is_pending() && light.runs());
    let permit = rig.bulkhead.try_acquire(&rig.runtime, 25);
    assert!(permit.is_err(), "there is not all of it");
    light.end(Ok(()));
    let permit = rig.bulkhead.try_acquire(&rig.runtime, 25).unwrap();
    assert_eq!((permit.cost(), rig.bulkhead.in_flight()), (10, 10));
}

#[test]
fn heavy_calls_are_served_after_an_outage_too() {
    let rig = Rig::new(adaptive());
    for _ in 0..20 {
        rig.pass(ms(150));
        let permit = rig.bulkhead.try_acquire(&rig.runtime, 5).unwrap();
        rig.pass(ms(1));
        permit.record(&OVERLOADED);
    }
    assert_eq!(rig.bulkhead.limit(), 1);
    for _ in 0..600 {
        rig.pass(ms(200));
        let permit = rig.bulkhead.try_acquire(&rig.runtime, 5).unwrap();
        rig.pass(ms(1));
        permit.record(&GOOD);
    }
    assert!(rig.bulkhead.limit() > 5, "{}", rig.bulkhead.limit());
}

#[test]
fn who_waits_for_more_than_a_limit_that_shrinks_waits_for_all_of_it() {
    let rig = begun();
    let mut held = take(&rig, 10);
    let mut heavy = rig.waiter_with(cost(8));
    rig.pass(ms(100));
    held.drain(..6)
        .for_each(|permit| permit.record(&OVERLOADED));
    assert_eq!((rig.bulkhead.limit(), rig.counts()), (5, (4, 1)));
    drop(held);
    assert!(heavy.poll().is_pending() && heavy.runs());
    assert_eq!(rig.counts(), (5, 0));
    heavy.end(Ok(()));
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_call_whose_time_is_up_is_a_drop_when_it_is_cut_off_from_outside() {
    let rig = Rig::new(adaptive());
    let cut_off = |after| {
        let calls: Vec<_> = (0..5)
            .map(|_| rig.start_with(CallOptions::new().deadline(rig.now() + ms(150))))
            .collect();
        rig.pass(after);
        drop(calls);
        rig.bulkhead.limit()
    };
    for _ in 0..3 {
        assert_eq!(cut_off(ms(149)), 10, "its caller lost interest");
    }
    cut_off(ms(150));
    assert!(cut_off(ms(150)) < 10);
}

#[test]
fn one_call_that_is_dropped_is_no_outage() {
    let limit = steps().tolerated_drops(Ratio::percent(20));
    let rig = Rig::new(Bulkhead::adaptive(limit));
    for _ in 0..100 {
        for number in 0..20 {
            rig.pass(ms(1000));
            let permit = rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap();
            rig.pass(ms(1));
            permit.record(if number == 0 { &OVERLOADED } else { &GOOD });
        }
    }
    assert_eq!(rig.bulkhead.limit(), 10, "5 % of them");
}

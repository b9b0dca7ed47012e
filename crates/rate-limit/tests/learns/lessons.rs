//! What the rate learns from, and what it does not.

use std::future::{Ready, pending, ready};

use steadfast_core::{
    Attempt, CallOptions, Event, Observed, Operation, Outcome, Pipeline, Policies, Policy,
    Rejection, RejectionKind, Runtime, Verdict,
};

use crate::common::{Answer, GOOD, Rig, THROTTLED, adaptive, ms, secs};

#[test]
fn a_throttled_call_leaves_seven_tenths_and_good_ones_let_it_grow_along_the_curve() {
    let rig = Rig::throttled(adaptive().burst(1));
    // A plateau of a hundred is reached again after the cube root of 75 seconds.
    for (seconds, rate) in [
        (1, 86.7),
        (2, 95.6),
        (3, 99.3),
        (4, 100.0),
        (5, 100.2),
        (6, 102.3),
    ] {
        for _ in 0..20 {
            rig.send_for(50);
            rig.record(&Verdict::success());
        }
        let of_it = rig.rate() / rate;
        assert!(
            (of_it - 1.0).abs() < 0.015,
            "after {seconds} s {}, not {rate}",
            rig.rate()
        );
    }
}

#[test]
fn it_is_told_when_the_rate_changes_by_a_whole_unit() {
    let rig = Rig::new(adaptive());
    rig.steady(GOOD, ms(10), 2000);
    rig.one(THROTTLED);
    let told = "LimitChanged { policy: \"rate limit\", from: 4294967295, to: 70 }";
    assert_eq!(*rig.events.borrow(), [told]);
    rig.events.borrow_mut().clear();
    rig.send_for(500);
    rig.pass(ms(100));
    rig.one(GOOD);
    let told = "LimitChanged { policy: \"rate limit\", from: 70, to: 82 }";
    assert_eq!(*rig.events.borrow(), [told]);
}

#[test]
fn a_rise_of_less_than_one_percent_waits_for_more() {
    let rig = Rig::throttled(adaptive());
    let mut rates = vec![rig.rate()];
    for _ in 0..120 {
        rig.send_for(50);
        rig.record(&Verdict::success());
        rates.push(rig.rate());
    }
    for rises in rates.windows(2) {
        let rise = rises[1] / rises[0] - 1.0;
        assert!(rise == 0.0 || rise >= 0.0099, "{rises:?}");
    }
    rates.dedup();
    assert!(rates.len() > 20 && rates.len() < 50, "{rates:?}");
}

#[test]
fn it_grows_at_most_every_fifty_milliseconds() {
    let rig = Rig::throttled(adaptive());
    rig.send_for(500);
    rig.record(&Verdict::success());
    let grown = rig.rate();
    for _ in 0..49 {
        rig.send_for(1);
        rig.record(&Verdict::success());
        assert_eq!(rig.rate(), grown);
    }
    rig.send_for(1);
    rig.record(&Verdict::success());
    assert!(rig.rate() > grown);
}

#[test]
fn it_does_not_grow_while_nothing_is_sent_nor_beyond_twice_of_what_is() {
    let rig = Rig::throttled(adaptive());
    rig.pass(secs(3600));
    rig.assert_rate(70.0);
    rig.steady(GOOD, secs(1), 60);
    let rate = rig.rate();
    assert!((1.9..2.1).contains(&rate), "{rate}");
}

#[test]
fn a_pause_after_which_a_call_is_throttled_is_not_measured_before_it_is_over() {
    let rig = Rig::new(adaptive());
    rig.steady(GOOD, ms(10), 2000);
    let mut call = rig.start(THROTTLED, secs(60));
    rig.pass(secs(60));
    assert!(call.poll().is_ready());
    rig.assert_rate(70.0);
}

#[test]
fn calls_that_were_on_their_way_together_lower_it_once() {
    let rig = Rig::new(adaptive());
    rig.steady(GOOD, ms(10), 2000);
    let mut calls: Vec<_> = (0..50).map(|_| rig.start(THROTTLED, ms(100))).collect();
    rig.pass(ms(100));
    let lowered: Vec<_> = calls
        .iter_mut()
        .map(|call| {
            assert!(call.poll().is_ready());
            rig.rate()
        })
        .collect();
    assert!(lowered.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn own_refusals_teach_it_nothing() {
    let rig = Rig::throttled(adaptive());
    for _ in 0..1000 {
        assert!(rig.call_of(GOOD, ms(1)).poll().is_ready(), "refused");
    }
    rig.assert_rate(70.0);
    rig.pass(secs(10));
    rig.one(GOOD);
    let rate = rig.rate();
    assert!(rate < 200.0, "they count as sent: {rate}");
}

/// A policy that refuses everything.
struct Refuse(Rejection);

impl Policies for Refuse {}

impl<'p, O: Operation> Policy<'p, O> for Refuse {
    type Future = Ready<Outcome<O::Ok, O::Err>>;

    fn run(&'p self, _operation: O, _attempt: Attempt<O::Runtime>) -> Self::Future {
        ready(Outcome::rejected(self.0))
    }
}

#[test]
fn what_another_policy_refuses_or_cuts_off_teaches_it_nothing() {
    for kind in [
        RejectionKind::RateLimited,
        RejectionKind::BulkheadFull {
            running: 1,
            waiting: 0,
        },
        RejectionKind::TimedOut { after: ms(20) },
        RejectionKind::CircuitOpen,
    ] {
        let rig = Rig::throttled(adaptive());
        let refuse = Refuse(Rejection::new("inner", kind));
        let calls = Pipeline::on(rig.runtime.clone(), (&rig.limit, refuse));
        rig.pass(secs(1));
        let refused = rig.runtime.block_on(calls.call(|| ready(Ok::<(), ()>(()))));
        assert_eq!(refused.unwrap_err().rejection().unwrap().policy(), "inner");
        rig.assert_rate(70.0);
    }
}

#[test]
fn calls_that_fail_otherwise_or_are_dropped_teach_it_nothing() {
    let rig = Rig::throttled(adaptive());
    for verdict in [
        Verdict::transient(),
        Verdict::permanent(),
        Verdict::caller(),
    ] {
        rig.pass(secs(1));
        rig.one(Err(verdict));
        rig.record(&verdict);
    }
    rig.pass(secs(1));
    let mut cut_off = rig.call(CallOptions::new(), pending());
    assert!(cut_off.poll().is_pending());
    rig.pass(secs(1));
    drop(cut_off);
    rig.assert_rate(70.0);
}

#[test]
fn a_call_that_panics_teaches_it_nothing() {
    let rig = Rig::throttled(adaptive());
    rig.pass(secs(1));
    let mut call = rig.call(CallOptions::new(), async { panic!("on purpose") });
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.poll()));
    assert!(panicked.is_err());
    rig.assert_rate(70.0);
    assert!(rig.admits());
}

#[test]
fn a_call_that_costs_nothing_passes_and_teaches_nothing() {
    let free = CallOptions::new().cost(0);
    let rig = Rig::throttled(adaptive());
    for answer in [GOOD, THROTTLED] {
        let mut call = rig.call(free, ready(answer));
        assert!(call.poll().is_ready());
    }
    rig.assert_rate(70.0);
}

#[test]
fn a_call_that_costs_more_counts_for_more() {
    let rig = Rig::new(adaptive());
    for _ in 0..200 {
        let mut call = rig.call(CallOptions::new().cost(10), ready(GOOD));
        assert!(call.poll().is_ready());
        rig.pass(ms(100));
    }
    let mut call = rig.call(CallOptions::new().cost(10), ready(THROTTLED));
    assert!(call.poll().is_ready());
    rig.assert_rate(70.0);
}

#[test]
fn an_observer_may_use_the_limit() {
    let rig = Rig::new(adaptive());
    let (limit, runtime) = (rig.limit.clone(), rig.runtime.clone());
    let observed = Observed::new(rig.runtime.clone(), move |_: &Event<'_>| {
        limit.record(&runtime, runtime.now(), &Verdict::success());
        let _ = limit.try_acquire(&runtime, 1);
    });
    let calls = Pipeline::on(observed, &rig.limit).classify(|_: &Answer| Verdict::overloaded());
    rig.runtime.block_on(calls.call(|| ready(GOOD))).unwrap();
    assert!(rig.limit.rate_per_second().is_some());
}

#[test]
fn the_clock_is_read_once_for_a_call_and_once_more_where_it_learns() {
    let reads = |rig: &Rig, answer| {
        rig.pass(secs(10));
        let before = rig.runtime.clock_reads();
        rig.one(answer);
        rig.runtime.clock_reads() - before
    };
    let rig = Rig::new(adaptive());
    assert_eq!(reads(&rig, GOOD), 1);
    assert_eq!(reads(&rig, Err(Verdict::transient())), 1);
    assert_eq!(reads(&rig, THROTTLED), 2);
    assert_eq!(reads(&rig, GOOD), 2);
    assert_eq!(reads(&rig, Err(Verdict::transient())), 1);
}

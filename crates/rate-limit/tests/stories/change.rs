//! Another rate while it runs.

use std::task::Poll;

use steadfast_core::RejectionKind;
use steadfast_rate_limit::{RateLimit, RateLimitBuilder};

use crate::common::{Call, DAY, Rig, cost, ms, ns, refusal, secs, tenth};

#[test]
fn what_is_taken_stays_taken_unit_by_unit() {
    let rig = Rig::new(RateLimit::per_second(10).burst(5));
    rig.take(4);
    rig.limit.set_rate(&rig.runtime, 2, secs(1)).unwrap();
    assert_eq!(rig.available(), 1);
    rig.take(1);
    rig.comes_after(ms(500), 1);
    rig.limit.set_rate(&rig.runtime, 3, secs(1)).unwrap();
    rig.comes_after(ns(333_333_334), 1);
}

#[test]
fn half_a_unit_that_was_refilled_stays_refilled() {
    let rig = Rig::new(RateLimit::per_second(1).burst(1));
    rig.take(1);
    rig.pass(ms(500));
    rig.limit.set_rate(&rig.runtime, 1, secs(10)).unwrap();
    rig.comes_after(secs(5), 1);
}

#[test]
fn what_is_left_of_a_unit_is_rounded_up() {
    let rig = Rig::new(RateLimit::new(1, ns(10)).burst(1));
    rig.take(1);
    rig.pass(ns(9));
    rig.limit.set_rate(&rig.runtime, 1, ns(1)).unwrap();
    rig.comes_after(ns(1), 1);
}

#[test]
fn to_and_fro_grants_nothing() {
    let rig = Rig::new(RateLimit::per_second(7).burst(3));
    rig.take(3);
    for round in 0..1_000 {
        let rates = [(1, DAY), (7_919, secs(1)), (u32::MAX, ns(7)), (7, secs(1))];
        for (n, per) in rates {
            rig.limit.set_rate(&rig.runtime, n, per).unwrap();
        }
        assert_eq!(rig.available(), 0, "{round}");
        // Each time it is rounded up, to far less than a nanosecond.
        let lacks = rig.lacks(1);
        assert!(
            lacks >= ns(142_857_143) && lacks < ns(142_860_000),
            "{lacks:?}"
        );
    }
}

#[test]
fn changes_between_the_ends_of_the_range_neither_overflow_nor_forget() {
    let rig = Rig::new(RateLimit::new(u32::MAX, ns(1)).burst(u32::MAX));
    rig.take(u32::MAX);
    rig.limit.set_burst(&rig.runtime, 1).unwrap();
    for _ in 0..3 {
        rig.limit.set_rate(&rig.runtime, 1, DAY * 36_500).unwrap();
        assert_eq!(rig.available(), 0);
        let refused = rig.limit.try_acquire(&rig.runtime, 1).unwrap_err();
        assert_eq!(refused.retry_after(), None, "not within this clock");
        rig.limit.set_rate(&rig.runtime, 1, ns(1)).unwrap();
        assert_eq!(rig.lacks(1), ns(u64::from(u32::MAX)));
    }
    rig.comes_after(ns(u64::from(u32::MAX)), 1);
}

#[test]
fn a_smaller_burst_keeps_the_debt_and_a_larger_one_adds_room() {
    let rig = Rig::new(RateLimit::per_second(10).burst(5));
    rig.take(5);
    rig.limit.set_burst(&rig.runtime, 2).unwrap();
    assert_eq!(rig.limit.burst(), 2);
    assert_eq!(rig.lacks(1), ms(400));
    rig.limit.set_burst(&rig.runtime, 8).unwrap();
    assert_eq!(rig.available(), 3);
    rig.take(3);
    assert_eq!(rig.lacks(1), ms(100));
}

#[test]
fn a_change_that_cannot_be_changes_nothing() {
    let rig = Rig::new(RateLimit::new(1, secs(1)).burst(200_000));
    rig.take(100_000);
    let refused = rig.limit.set_rate(&rig.runtime, 1, DAY).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`burst` is 200000; allowed: 1 to 103415"
    );
    let refused = rig.limit.set_burst(&rig.runtime, 0).unwrap_err();
    assert_eq!(refused.field(), "burst");
    assert_eq!(rig.available(), 100_000);
    assert_eq!(rig.lacks(200_000), secs(100_000));
}

#[test]
fn who_waits_has_its_turn_at_the_new_rate() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let mut calls: Vec<Call> = ["a", "b"].map(|name| rig.waiter(name)).into();
    rig.pass(ms(50));
    rig.limit.set_rate(&rig.runtime, 1, secs(1)).unwrap();
    assert!(calls.iter().all(Call::is_woken));
    rig.drain(&mut calls);
    assert_eq!(*rig.ran.borrow(), [("a", ms(550)), ("b", ms(1_550))]);

    let rig = Rig::new(tenth());
    rig.take(1);
    let mut calls: Vec<Call> = ["a", "b"].map(|name| rig.waiter(name)).into();
    rig.limit.set_rate(&rig.runtime, 1_000, secs(1)).unwrap();
    rig.drain(&mut calls);
    assert_eq!(*rig.ran.borrow(), [("a", ms(1)), ("b", ms(2))]);
}

#[test]
fn who_would_wait_too_long_at_the_new_rate_is_refused_and_lets_the_others_up() {
    let rig = Rig::new(tenth().wait(ms(500)).burst(2));
    rig.take(2);
    let mut heavy = rig.waiter_with("heavy", cost(2));
    let mut light = rig.waiter("light");
    rig.pass(ms(50));
    rig.limit.set_rate(&rig.runtime, 10, secs(4)).unwrap();
    assert!(heavy.is_woken());
    let refused = refusal(&mut heavy);
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    assert_eq!(refused.retry_after(), Some(ms(600)));
    assert_eq!(light.poll(), Poll::Pending);
    rig.pass(ms(200));
    assert_eq!(light.poll(), Poll::Ready(Ok(())));
    assert_eq!(rig.events.borrow().len(), 1);
}

#[test]
fn who_waits_for_more_than_the_new_burst_is_refused_by_name() {
    let rig = Rig::new(tenth().burst(3));
    rig.take(3);
    let mut heavy = rig.waiter_with("heavy", cost(3));
    let mut light = rig.waiter_with("light", cost(2));
    rig.limit.set_burst(&rig.runtime, 2).unwrap();
    let kind = RejectionKind::Other("it costs more than there ever is at once");
    assert!(heavy.is_woken());
    assert_eq!(refusal(&mut heavy).kind(), kind);
    assert_eq!(light.poll(), Poll::Pending);
    rig.pass(ms(300));
    assert_eq!(light.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_refund_lets_those_who_wait_up() {
    let rig = Rig::new(tenth().burst(3));
    rig.take(3);
    let mut waits = rig.waiter("a");
    rig.limit.refund(&rig.runtime, 1);
    assert!(waits.is_woken());
    assert_eq!(waits.poll(), Poll::Ready(Ok(())));
    assert_eq!(rig.lacks(1), ms(100));
}

#[test]
fn a_fixed_window_of_another_length_keeps_what_is_taken_and_the_next_is_new() {
    let rig = Rig::new(RateLimit::new(10, secs(1)).fixed());
    rig.pass(ms(500));
    rig.take(6);
    for per in [secs(7), ms(300), secs(1)] {
        rig.limit.set_rate(&rig.runtime, 10, per).unwrap();
        assert_eq!(rig.available(), 4, "{per:?}");
    }
    rig.limit.set_rate(&rig.runtime, 4, secs(1)).unwrap();
    assert_eq!(rig.available(), 0);
    rig.comes_after(ms(500), 4);
}

#[test]
fn a_sliding_window_counts_what_it_remembers() {
    let rig = Rig::new(RateLimit::per_second(4).sliding());
    rig.take(4);
    rig.limit.set_rate(&rig.runtime, 6, secs(1)).unwrap();
    assert_eq!(rig.available(), 2);
    rig.limit.set_rate(&rig.runtime, 3, secs(2)).unwrap();
    assert_eq!(rig.available(), 0);
    rig.comes_after(secs(2), 3);
}

#[test]
fn a_window_that_has_less_for_a_while_forgets_nothing_of_what_was_taken() {
    for shape in [RateLimitBuilder::sliding, RateLimitBuilder::fixed] {
        let rig = Rig::new(shape(RateLimit::per_second(10)));
        rig.take(10);
        for n in [2, 1, 10] {
            rig.limit.set_rate(&rig.runtime, n, secs(1)).unwrap();
            assert_eq!(rig.available(), 0, "{n}");
            assert_eq!(rig.lacks(1), secs(1), "{n}");
        }
        rig.limit.set_rate(&rig.runtime, 12, secs(1)).unwrap();
        assert_eq!(rig.available(), 2);
        rig.comes_after(secs(1), 12);
    }
}

#[test]
fn a_window_that_has_less_for_a_while_gets_back_what_is_given_back_and_no_more() {
    for shape in [RateLimitBuilder::sliding, RateLimitBuilder::fixed] {
        let rig = Rig::new(shape(RateLimit::per_second(10)));
        rig.take(10);
        rig.limit.set_rate(&rig.runtime, 4, secs(1)).unwrap();
        rig.limit.refund(&rig.runtime, 5);
        assert_eq!(rig.available(), 0);
        rig.limit.refund(&rig.runtime, 2);
        assert_eq!(rig.available(), 1);
        rig.limit.set_rate(&rig.runtime, 10, secs(1)).unwrap();
        assert_eq!(rig.available(), 7);
        rig.pass(secs(1));
        rig.take(10);
    }
}

#[test]
fn a_fixed_window_that_is_shorter_than_what_was_taken_has_nothing_and_the_next_has_all() {
    let rig = Rig::new(RateLimit::per_second(1_000).fixed());
    rig.take(1_000);
    rig.limit.set_rate(&rig.runtime, 3, ns(8)).unwrap();
    assert_eq!(rig.available(), 0);
    rig.comes_after(ns(8), 3);
}

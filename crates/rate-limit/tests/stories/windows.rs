//! Sliding and fixed windows.

use steadfast_core::Instant;
use steadfast_rate_limit::RateLimit;

use crate::common::{Rig, ms, ns, secs};

#[test]
fn a_sliding_window_never_has_more_wherever_it_begins() {
    let rig = Rig::new(RateLimit::per_second(3).sliding());
    rig.take(1);
    rig.pass(ms(900));
    rig.take(2);
    // A second after the first there is room for one, and not for two.
    assert_eq!(rig.lacks(1), ms(100));
    assert_eq!(rig.lacks(2), secs(1));
    rig.comes_after(ms(100), 1);
    rig.comes_after(ms(900), 2);
}

#[test]
fn a_unit_of_a_sliding_window_is_over_after_exactly_its_length() {
    let rig = Rig::new(RateLimit::new(2, ms(7)).sliding());
    rig.take(2);
    assert_eq!(rig.available(), 0);
    rig.comes_after(ms(7), 2);
}

#[test]
fn a_sliding_window_after_a_pause_is_empty() {
    let rig = Rig::new(RateLimit::per_second(65_536).sliding());
    for _ in 0..3 {
        rig.take(65_536);
        assert_eq!(rig.lacks(1), secs(1));
        rig.pass(secs(3600));
        assert_eq!(rig.available(), 65_536);
    }
}

#[test]
fn a_refund_of_a_sliding_window_is_of_the_oldest_that_counts() {
    let rig = Rig::new(RateLimit::per_second(2).sliding());
    rig.take(1);
    rig.pass(ms(600));
    rig.take(1);
    rig.limit.refund(&rig.runtime, 1);
    assert_eq!(rig.available(), 1);
    rig.take(1);
    // What is left was taken at 600 ms, so nothing is over before that.
    assert_eq!(rig.lacks(1), secs(1));
    rig.limit.refund(&rig.runtime, 100);
    assert_eq!(rig.available(), 2);
}

#[test]
fn a_refund_of_what_is_over_gives_nothing() {
    let rig = Rig::new(RateLimit::per_second(2).sliding());
    rig.take(2);
    rig.pass(secs(1));
    rig.take(1);
    rig.limit.refund(&rig.runtime, 1);
    assert_eq!(rig.available(), 2);
    rig.take(2);
    assert_eq!(rig.lacks(1), secs(1));
}

#[test]
fn a_sliding_window_on_a_clock_that_is_turned_back_grants_nothing() {
    let rig = Rig::new(RateLimit::per_second(2).sliding());
    let start = rig.now();
    rig.take(2);
    rig.runtime.set_now(start.saturating_sub(secs(10)));
    assert_eq!(rig.available(), 0);
    assert_eq!(rig.lacks(1), secs(11));
    rig.runtime.set_now(start);
    rig.comes_after(secs(1), 1);
}

#[test]
fn a_fixed_window_has_all_its_units_at_its_beginning() {
    let limit = RateLimit::new(5, ns(1_000)).fixed().build().unwrap();
    let at = Instant::from_nanos;
    limit.try_acquire_at(at(1_999), 5).unwrap();
    let refused = limit.try_acquire_at(at(1_999), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ns(1)));
    limit.try_acquire_at(at(2_000), 5).unwrap();
    let refused = limit.try_acquire_at(at(2_000), 5).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ns(1_000)));
}

#[test]
fn a_fixed_window_does_not_refill_within() {
    let limit = RateLimit::new(7, ns(1_000)).fixed().build().unwrap();
    let at = Instant::from_nanos;
    limit.try_acquire_at(at(3_000), 4).unwrap();
    for now in [3_001, 3_500, 3_999] {
        assert_eq!(limit.available_at(at(now)), 3);
        let refused = limit.try_acquire_at(at(now), 4).unwrap_err();
        assert_eq!(refused.retry_after(), Some(ns(4_000 - now)));
    }
    assert_eq!(limit.available_at(at(4_000)), 7);
}

#[test]
fn a_fixed_window_after_a_pause_however_long_has_what_it_has() {
    let limit = RateLimit::new(3, ns(7)).fixed().build().unwrap();
    let mut now = 0_u64;
    for pause in [1_u64 << 20, 1 << 40, 1 << 60, (1 << 62) + 5] {
        for more in 0..3 {
            now += pause + more;
            let at = Instant::from_nanos(now - now % 7);
            limit.try_acquire_at(at, 3).unwrap();
            let refused = limit.try_acquire_at(at, 1).unwrap_err();
            assert_eq!(refused.retry_after(), Some(ns(7)));
            now += 7;
        }
    }
}

#[test]
fn who_waits_for_a_fixed_window_takes_of_that_window_only() {
    let rig = Rig::new(RateLimit::new(10, secs(1)).fixed().wait(secs(60)));
    rig.take(8);
    let mut calls = vec![rig.waiter_with("five", crate::common::cost(5))];
    rig.drain(&mut calls);
    assert_eq!(rig.available(), 5, "two were left over");
    rig.take(5);
    assert_eq!(rig.lacks(1), secs(1));
}

//! Exact to the nanosecond, at any rate, for any time.

use steadfast_core::{Instant, RejectionKind, Runtime as _};
use steadfast_rate_limit::{RateLimit, RateLimitBuilder};

use crate::common::{DAY, Rig, ms, ns, secs};

#[test]
fn the_burst_is_there_at_once_and_not_a_unit_more() {
    let rig = Rig::new(RateLimit::per_second(10).burst(5));
    (0..5).for_each(|_| rig.take(1));
    assert_eq!(rig.available(), 0);
    assert_eq!(rig.lacks(1), ms(100));
}

#[test]
fn without_a_burst_a_period_is_there_at_once() {
    let rig = Rig::new(RateLimit::per_minute(60));
    rig.take(60);
    assert_eq!(rig.lacks(1), secs(1));
}

#[test]
fn a_refused_call_is_refused_a_nanosecond_before_its_time_and_admitted_at_it() {
    for n in [1, 3, 7, 10, 999, 7_919, 1_000_003] {
        let rig = Rig::new(RateLimit::per_second(n).burst(2));
        rig.take(2);
        let unit = ns(1_000_000_000_u64.div_ceil(n.into()));
        rig.comes_after(unit, 1);
    }
}

#[test]
fn three_a_second_are_three_in_exactly_a_second() {
    let rig = Rig::new(RateLimit::per_second(3));
    let start = rig.now();
    rig.take(3);
    for (third, nanos) in [(1, 333_333_334), (2, 666_666_667), (3, 1_000_000_000_u64)] {
        rig.runtime.set_now(start + ns(nanos - 1));
        assert_eq!(rig.lacks(1), ns(1), "{third}");
        rig.runtime.set_now(start + ns(nanos));
        rig.take(1);
    }
}

#[test]
fn with_a_burst_of_one_units_are_as_far_apart_as_any_window_asks() {
    // A third and a third of a second later would be two in less than a third.
    let rig = Rig::new(RateLimit::per_second(3).burst(1));
    let start = rig.now();
    rig.take(1);
    for third in 1..=3 {
        rig.comes_after(ns(333_333_334), 1);
        assert_eq!(rig.now() - start, ns(333_333_334 * third));
    }
}

#[test]
fn a_million_units_of_an_odd_rate_take_exactly_their_time() {
    let rig = Rig::new(RateLimit::per_second(7).burst(2));
    let start = rig.now();
    rig.take(1);
    let mut now = start;
    for _ in 0..1_000_000 {
        if let Err(refused) = rig.limit.try_acquire_at(now, 1) {
            now = now + refused.retry_after().unwrap();
            rig.limit.try_acquire_at(now, 1).unwrap();
        }
    }
    let exact = (999_999 * 1_000_000_000_u64).div_ceil(7);
    assert_eq!(now - start, ns(exact));
}

#[test]
fn a_burst_of_100_000_at_one_a_day_is_honoured_exactly() {
    let rig = Rig::new(RateLimit::new(1, DAY).burst(100_000));
    for _ in 0..100_000 {
        rig.take(1);
    }
    rig.comes_after(DAY, 1);
    rig.pass(DAY * 99_999);
    assert_eq!(rig.available(), 99_999);
    rig.pass(DAY);
    rig.take(100_000);
    assert_eq!(rig.lacks(100_000), DAY * 100_000);
}

#[test]
fn a_burst_that_the_arithmetic_does_not_hold_is_refused_and_the_largest_is_exact() {
    let refused = RateLimit::new(1, DAY).burst(300_000).build().unwrap_err();
    let message = "`burst` is 300000; allowed: 1 to 103415";
    assert_eq!(refused.to_string(), message);
    let largest = Rig::new(RateLimit::new(1, DAY).burst(103_415));
    largest.take(103_415);
    largest.comes_after(DAY, 1);
    assert_eq!(largest.lacks(103_415), DAY * 103_415);
}

#[test]
fn a_pause_however_long_fills_the_bucket_and_no_more() {
    // For 7919 a second the word comes round after 13 days and a half.
    let rig = Rig::new(RateLimit::per_second(7_919).burst(4));
    let span = ns((1_u64 << 63) / 7_919);
    for pause in [span / 2, span, span * 2, span * 3, DAY * 365 * 30] {
        for more in [ns(0), ns(1), ns(126_277), ns(505_114), ms(1)] {
            for pause in [pause + more, pause - more] {
                rig.pass(pause);
                assert_eq!(rig.available(), 4, "{pause:?}");
                rig.take(4);
                assert_eq!(rig.lacks(1), ns(126_279), "{pause:?}");
                rig.pass(ns(505_115));
            }
        }
    }
}

#[test]
fn a_clock_that_has_run_for_centuries_is_as_good_as_a_new_one() {
    let limit = RateLimit::per_second(3).burst(2).build().unwrap();
    for years in [0, 1, 146, 292, 293, 584] {
        let now = Instant::from_nanos(years * 31_536_000_000_000_000);
        limit.try_acquire_at(now, 2).unwrap();
        let refused = limit.try_acquire_at(now, 1).unwrap_err();
        assert_eq!(refused.retry_after(), Some(ns(333_333_334)), "{years}");
    }
}

#[test]
fn what_comes_after_the_end_of_the_clock_comes_never() {
    let limit = RateLimit::new(1, DAY * 36_500).build().unwrap();
    let now = Instant::from_nanos(u64::MAX - 1_000);
    limit.try_acquire_at(now, 1).unwrap();
    let refused = limit.try_acquire_at(now, 1).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    assert_eq!(refused.retry_after(), None);
    assert_eq!(limit.retry_after_at(now, 1), None);
}

#[test]
fn a_clock_that_is_turned_back_grants_nothing() {
    let rig = Rig::new(RateLimit::per_second(10).burst(3));
    let start = rig.now();
    rig.pass(secs(50));
    rig.take(3);
    for back in [ns(1), ms(1), secs(1), secs(50), secs(1000)] {
        rig.runtime.set_now((start + secs(50)).saturating_sub(back));
        assert_eq!(rig.available(), 0, "{back:?}");
        assert_eq!(rig.lacks(1), back + ms(100));
    }
    rig.runtime.set_now(start + secs(50));
    rig.comes_after(ms(100), 1);
}

#[test]
fn a_clock_that_is_turned_back_before_anything_was_taken_takes_nothing_away() {
    let limit = RateLimit::per_second(7_919).burst(3).build().unwrap();
    let late = Instant::from_nanos(1_u64 << 62);
    limit.try_acquire_at(late, 1).unwrap();
    limit.try_acquire_at(Instant::from_nanos(5), 2).unwrap();
    assert!(limit.try_acquire_at(Instant::from_nanos(5), 1).is_err());
}

#[test]
fn a_clock_that_is_turned_back_by_centuries_grants_nothing() {
    for shape in [RateLimitBuilder::fixed, |bucket| bucket] {
        let limit = shape(RateLimit::per_second(5)).build().unwrap();
        let late = Instant::from_nanos(u64::MAX / 50 * 49);
        limit.try_acquire_at(late, 5).unwrap();
        for part in 1..50 {
            let early = Instant::from_nanos(u64::MAX / 50 * part);
            assert!(limit.try_acquire_at(early, 1).is_err(), "{early:?}");
        }
    }
}

#[test]
fn what_is_asked_on_a_clock_that_is_turned_back_is_what_is_done() {
    for settings in [
        RateLimit::per_second(7_919).burst(3),
        RateLimit::per_second(3).sliding(),
        RateLimit::per_second(3).fixed(),
    ] {
        let limit = settings.build().unwrap();
        let (late, early) = (Instant::from_nanos(1 << 62), Instant::from_nanos(1_000));
        // It looks at a time, and takes nothing.
        assert!(limit.try_acquire_at(late, 4).is_err());
        for cost in [1, 2] {
            assert_eq!(limit.retry_after_at(early, cost), Some(ns(0)));
            limit.try_acquire_at(early, cost).unwrap();
        }
        assert!(limit.retry_after_at(early, 1).unwrap() > ns(1 << 60));
        assert!(limit.try_acquire_at(early, 1).is_err());
    }
}

#[test]
fn a_clock_that_stands_still_refills_nothing() {
    let rig = Rig::new(RateLimit::per_second(1_000_000).burst(3));
    rig.take(3);
    for _ in 0..100 {
        assert_eq!(rig.lacks(1), ns(1_000));
    }
}

#[test]
fn a_cost_is_so_many_units_and_its_wait_is_as_exact() {
    let rig = Rig::new(RateLimit::per_second(3).burst(10));
    rig.take(8);
    assert_eq!(rig.available(), 2);
    rig.take(2);
    rig.comes_after(ns(2_333_333_334), 7);
}

#[test]
fn nothing_costs_nothing_also_of_an_empty_bucket() {
    let rig = Rig::new(RateLimit::per_second(1));
    rig.take(1);
    rig.take(0);
    assert_eq!(rig.limit.retry_after(&rig.runtime, 0), Some(ns(0)));
    rig.limit.set_burst(&rig.runtime, 1).unwrap();
    rig.take(0);
    assert_eq!(rig.lacks(1), secs(1));
}

#[test]
fn a_cost_above_the_burst_has_a_name_and_no_time() {
    let rig = Rig::new(RateLimit::per_second(3).burst(10));
    let refused = rig.limit.try_acquire(&rig.runtime, 11).unwrap_err();
    let kind = RejectionKind::Other("it costs more than there ever is at once");
    assert_eq!((refused.kind(), refused.retry_after()), (kind, None));
    assert_eq!(rig.limit.retry_after(&rig.runtime, 11), None);
    assert_eq!(rig.available(), 10, "it took nothing");
}

#[test]
fn a_refund_comes_back_and_a_full_bucket_stays_full() {
    let rig = Rig::new(RateLimit::per_second(10).burst(5));
    rig.take(5);
    rig.limit.refund(&rig.runtime, 2);
    assert_eq!(rig.available(), 2);
    rig.limit.refund(&rig.runtime, 100);
    rig.limit.refund(&rig.runtime, 100);
    assert_eq!(rig.available(), 5);
    rig.take(5);
    assert_eq!(rig.lacks(1), ms(100));
}

#[test]
fn asking_of_the_future_brings_it_no_nearer() {
    let settings = [
        RateLimit::per_second(1).burst(1),
        RateLimit::per_second(1).sliding(),
        RateLimit::per_second(1).fixed(),
        RateLimit::per_second(1).burst(1).wait(secs(10)),
    ];
    for (number, settings) in settings.into_iter().enumerate() {
        let rig = Rig::new(settings);
        rig.take(1);
        let waits = (number == 3).then(|| rig.waiter("waits"));
        let turn = secs(1 + u64::from(waits.is_some()));
        for days in 0..3 {
            let later = rig.now() + DAY * days + secs(2);
            assert_eq!(rig.limit.available_at(later), 1);
            assert_eq!(rig.limit.retry_after_at(later, 1), Some(ns(0)));
            assert_eq!(rig.lacks(1), turn);
        }
    }
}

#[test]
fn asking_takes_nothing() {
    let rig = Rig::new(RateLimit::per_second(10).burst(5));
    rig.take(3);
    for _ in 0..10 {
        assert_eq!(rig.available(), 2);
        assert_eq!(rig.limit.retry_after(&rig.runtime, 2), Some(ns(0)));
        assert_eq!(rig.limit.retry_after(&rig.runtime, 3), Some(ms(100)));
    }
    assert_eq!(rig.limit.available_at(rig.runtime.now() + ms(199)), 3);
    assert_eq!(rig.limit.available_at(rig.runtime.now() + ms(200)), 4);
}

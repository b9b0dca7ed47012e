//! The units of a key: its own, exact, and never more than they are.

use steadfast_core::{Instant, RejectionKind, VirtualRuntime};
use steadfast_rate_limit::{IpPrefix, KeyedRateLimit, RateLimit};

use crate::common::{at, by_name, full, ms};

#[test]
fn each_key_has_its_own() {
    let runtime = VirtualRuntime::new(1);
    let limits = by_name(100);
    limits.try_acquire(&runtime, "a", 3).unwrap();
    let refused = limits.try_acquire(&runtime, "a", 1).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    assert_eq!(refused.retry_after(), Some(ms(100)));
    assert_eq!(limits.available(&runtime, "b"), 3);
    limits.try_acquire(&runtime, "b", 2).unwrap();
    assert_eq!(limits.available(&runtime, "a"), 0);
    assert_eq!(limits.available(&runtime, "b"), 1);
    assert_eq!((limits.len(), limits.capacity()), (2, 100));
    runtime.advance(ms(100));
    assert_eq!(limits.retry_after(&runtime, "a", 2), Some(ms(100)));
    limits.try_acquire(&runtime, "a", 1).unwrap();
}

#[test]
fn a_cost_above_the_burst_is_refused_by_name_whether_or_not_the_key_is_known() {
    let limits = by_name(10);
    for _ in 0..2 {
        let refused = limits.try_acquire_at("a", at(0), 4).unwrap_err();
        let kind = RejectionKind::Other("it costs more than there ever is at once");
        assert_eq!((refused.kind(), refused.retry_after()), (kind, None));
        assert_eq!(limits.retry_after_at("a", at(0), 4), None);
        assert_eq!(limits.retry_after_at("a", at(0), 0), Some(ms(0)));
        limits.try_acquire_at("a", at(0), 1).unwrap();
    }
    assert_eq!(limits.available_at("a", at(0)), 1);
}

#[test]
fn what_is_given_back_is_there_and_never_more_than_all() {
    let limits = by_name(10);
    limits.try_acquire_at("a", at(0), 3).unwrap();
    limits.refund("a", 2);
    assert_eq!(limits.available_at("a", at(0)), 2);
    limits.refund("a", u32::MAX);
    assert_eq!(limits.available_at("a", at(50)), 3);
    limits.try_acquire_at("a", at(50), 3).unwrap();
    assert!(limits.try_acquire_at("a", at(149), 1).is_err());
}

#[test]
fn a_clock_that_is_turned_back_grants_nothing() {
    let limits = by_name(1);
    limits.try_acquire_at("a", at(1000), 3).unwrap();
    let refused = limits.try_acquire_at("a", at(500), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ms(600)));
    // Given up at 1300 ms, `a` has not been full at 1200: it comes back as of 1300, and has a burst and no more.
    limits.try_acquire_at("b", at(1300), 1).unwrap();
    assert_eq!(
        limits.try_acquire_at("a", at(1200), 1).unwrap_err().kind(),
        full()
    );
    limits.try_acquire_at("b", at(1200), 2).unwrap();
    let refused = limits.try_acquire_at("b", at(1200), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ms(200)));
    assert_eq!(limits.retry_after_at("b", at(1200), 1), Some(ms(200)));
    assert!(limits.try_acquire_at("b", at(1399), 1).is_err());
    limits.try_acquire_at("b", at(1400), 1).unwrap();
}

#[test]
fn no_pause_and_no_uptime_is_taken_for_another() {
    // A word of these reaches a fraction of a second, so that its mark is moved all the time.
    let settings = || RateLimit::per_second(4_294_967_291).burst(4_294_967_295);
    let (keyed, alone) = (
        KeyedRateLimit::new(100, settings()).unwrap(),
        settings().build().unwrap(),
    );
    let mut now = 0_u64;
    for step in 0..2000_u64 {
        now += 1 << (step * 7 % 55);
        let cost = u32::try_from(step * 2_654_435_761 % 4_294_967_296).unwrap();
        let now = Instant::from_nanos(now);
        let answer = keyed.try_acquire_at(&7, now, cost);
        assert_eq!(answer, alone.try_acquire_at(now, cost));
        assert_eq!(keyed.available_at(&7, now), alone.available_at(now));
        let _ = keyed.try_acquire_at(&(100 + step % 50), now, 1);
    }
    let end = Instant::from_nanos(u64::MAX - 1);
    assert_eq!(keyed.available_at(&7, end), 4_294_967_295);
    keyed.try_acquire_at(&7, end, 4_294_967_295).unwrap();
    assert!(keyed.try_acquire_at(&7, end, 1).is_err());
}

#[test]
fn a_fixed_window_is_kept_for_each_key_and_gives_way_at_its_end() {
    let limits = KeyedRateLimit::new(1, RateLimit::new(2, ms(100)).fixed()).unwrap();
    limits.try_acquire_at("a", at(50), 2).unwrap();
    let refused = limits.try_acquire_at("a", at(99), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ms(1)));
    assert_eq!(
        limits.try_acquire_at("b", at(99), 1).unwrap_err().kind(),
        full()
    );
    limits.try_acquire_at("b", at(100), 2).unwrap();
}

#[test]
fn prefixes_are_keys() {
    let runtime = VirtualRuntime::new(1);
    let per_ip = KeyedRateLimit::new(100, RateLimit::per_second(1).burst(1)).unwrap();
    let of = |address: &str| IpPrefix::of(address.parse().unwrap());
    per_ip.try_acquire(&runtime, &of("2001:db8::1"), 1).unwrap();
    assert!(
        per_ip
            .try_acquire(&runtime, &of("2001:db8::ffff:2"), 1)
            .is_err()
    );
    per_ip.try_acquire(&runtime, &of("203.0.113.7"), 1).unwrap();
    assert!(
        per_ip
            .try_acquire(&runtime, &of("::ffff:203.0.113.7"), 1)
            .is_err()
    );
    assert_eq!(per_ip.len(), 2);
}

//! What AIMD does with a window.

use std::time::Duration;

use steadfast_core::Ratio;

use crate::{
    adaptive::{AdaptiveLimit, Aimd, Window},
    answered, control, dropped, ms,
};

#[test]
fn a_good_window_in_which_half_was_in_use_adds_one() {
    let mut limit = control(Aimd::new());
    assert_eq!(limit.limit(), 20);
    assert_eq!(limit.update(answered(10, 10), 0), 21);
    assert_eq!(
        limit.update(answered(10, 10), 0),
        21,
        "less than half of 21"
    );
    assert_eq!(limit.update(answered(10, 11), 0), 22);
}

#[test]
fn drops_leave_nine_tenths() {
    let mut limit = control(AdaptiveLimit::new(Aimd::new()).initial(100));
    assert_eq!(limit.update(dropped(100), 0), 90);
    assert_eq!(
        limit.update(dropped(1), 0),
        81,
        "however few were in flight"
    );
    assert_eq!(limit.update(dropped(100), 0), 72, "72.9");
    assert_eq!(
        limit.update(dropped(100), 0),
        65,
        "65.61: the fraction was kept"
    );
}

#[test]
fn a_mean_above_the_timeout_is_a_drop_and_one_at_it_is_not() {
    let limit = AdaptiveLimit::new(Aimd::new().timeout(ms(50))).initial(100);
    assert_eq!(control(limit.clone()).update(answered(50, 100), 0), 101);
    let slow = Window {
        rtt_nanos: Some(50_000_001),
        ..answered(50, 100)
    };
    assert_eq!(control(limit).update(slow, 0), 90);
}

#[test]
fn by_default_five_seconds_are_too_long() {
    let limit = AdaptiveLimit::new(Aimd::new()).initial(100);
    assert_eq!(control(limit.clone()).update(answered(5000, 100), 0), 101);
    assert_eq!(control(limit).update(answered(5001, 100), 0), 90);
}

#[test]
fn without_a_timeout_nothing_is_too_long() {
    let limit = AdaptiveLimit::new(Aimd::new().timeout(Duration::MAX)).initial(100);
    let slowest = Window {
        rtt_nanos: Some(u64::MAX),
        ..answered(1, 100)
    };
    assert_eq!(control(limit).update(slowest, 0), 101);
}

#[test]
fn what_remains_can_be_set() {
    let limit = Aimd::new().backoff(Ratio::percent(50));
    assert_eq!(control(limit).update(dropped(20), 0), 10);
}

#[test]
fn it_stays_between_floor_and_ceiling() {
    let bounded = AdaptiveLimit::new(Aimd::new()).initial(20).min(18).max(21);
    let mut limit = control(bounded);
    let grown: Vec<_> = (0..3).map(|_| limit.update(answered(1, 99), 0)).collect();
    assert_eq!(grown, [21, 21, 21]);
    let shrunk: Vec<_> = (0..3).map(|_| limit.update(dropped(99), 0)).collect();
    assert_eq!(shrunk, [18, 18, 18]);
    assert_eq!(
        limit.update(answered(1, 99), 0),
        19,
        "no debt below the floor"
    );
}

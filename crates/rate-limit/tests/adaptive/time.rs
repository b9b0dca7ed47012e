//! Time may do what it likes.

use crate::{adaptive::AdaptiveRate, assert_rate, at, control, send, throttled_at_a_hundred};
use steadfast_core::Instant;

#[test]
fn while_the_clock_stands_still_the_rate_only_goes_down() {
    let mut control = throttled_at_a_hundred();
    control.succeeded_at(at(20_000));
    assert_rate(&control, 70.0);
    control.sent_at(at(20_000), u64::MAX);
    control.succeeded_at(at(20_000));
    assert_rate(&control, 70.0);
    control.throttled_at(at(20_000), at(20_000));
    assert_rate(&control, 49.0);
}

#[test]
fn a_clock_that_is_turned_back_begins_the_curve_anew() {
    let mut control = throttled_at_a_hundred();
    send(&mut control, 20_010, 28_001, 10);
    control.succeeded_at(at(28_000));
    let grown = control.rate_micros().unwrap();
    assert!(grown > 100_000_000, "{grown}");
    control.succeeded_at(at(1000));
    assert_rate(&control, 70.0);
    control.succeeded_at(at(9000));
    assert_eq!(control.rate_micros(), Some(grown), "as far again");
}

#[test]
fn a_clock_that_is_turned_back_does_not_hold_the_measurement_up() {
    let mut control = throttled_at_a_hundred();
    send(&mut control, 1000, 11_001, 5);
    control.succeeded_at(at(11_000));
    control.succeeded_at(at(60_000));
    assert_rate(&control, 400.0);
}

#[test]
fn after_a_clock_was_turned_back_a_throttled_call_counts() {
    let mut control = throttled_at_a_hundred();
    control.throttled_at(at(1000), at(1000));
    assert_rate(&control, 49.0);
}

#[test]
fn at_the_end_of_time_it_is_a_rate_still() {
    let mut control = throttled_at_a_hundred();
    control.sent_at(Instant::MAX, u32::MAX.into());
    control.succeeded_at(Instant::MAX);
    // Nothing was sent for 584 years, and 100 a second before.
    let rate = control.rate_micros().unwrap();
    assert!((39_000_000..41_000_000).contains(&rate), "{rate}");
    control.throttled_at(Instant::MAX, Instant::MAX);
    assert!(control.rate_micros().unwrap() < rate);
}

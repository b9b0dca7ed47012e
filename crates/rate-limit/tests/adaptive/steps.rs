//! The rate goes down and up as the page says.

use crate::{
    SECOND,
    adaptive::{AdaptiveRate, Control},
    assert_rate, at, control, send, throttled_at_a_hundred, units_per,
};

/// After so many seconds a plateau of a hundred is reached again.
fn returns_secs() -> f64 {
    (100.0f64 * 0.3 / 0.4).cbrt()
}

#[test]
fn nothing_is_limited_until_a_call_is_throttled() {
    let mut control = control(&AdaptiveRate::new().max(10, SECOND));
    send(&mut control, 0, 5000, 1);
    control.succeeded_at(at(5000));
    assert_eq!(control.rate_micros(), None);
    assert_eq!(units_per(&control), None);
    control.throttled_at(at(5000), at(5000));
    assert_rate(&control, 10.0);
}

#[test]
fn the_first_throttled_call_leaves_seven_tenths_of_what_was_sent() {
    assert_rate(&throttled_at_a_hundred(), 70.0);
}

#[test]
fn the_next_one_leaves_seven_tenths_of_the_rate() {
    let mut control = throttled_at_a_hundred();
    control.throttled_at(at(20_050), at(20_010));
    assert_rate(&control, 49.0);
}

#[test]
fn or_of_what_was_sent_where_that_was_less() {
    let mut control = throttled_at_a_hundred();
    send(&mut control, 20_020, 40_001, 20);
    control.succeeded_at(at(40_000));
    assert_rate(&control, 100.0); // twice of what was sent
    control.throttled_at(at(40_000), at(40_000));
    assert_rate(&control, 35.0);
}

#[test]
fn calls_that_were_on_their_way_together_are_answered_once() {
    let mut control = throttled_at_a_hundred();
    for ms in 19_900..20_000 {
        control.throttled_at(at(20_100), at(ms));
    }
    assert_rate(&control, 70.0);
    control.succeeded_at(at(20_000));
    assert_rate(&control, 70.0);
}

#[test]
fn it_is_back_at_the_plateau_in_the_time_of_the_curve() {
    let mut control = throttled_at_a_hundred();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some seconds"
    )]
    let back = 20_000 + (returns_secs() * 1000.0) as u64;
    send(&mut control, 20_010, back, 10);
    control.succeeded_at(at(back));
    assert_rate(&control, 100.0);
}

#[test]
fn halfway_there_an_eighth_of_the_loss_is_left_and_past_it_that_is_gained() {
    let mut control = throttled_at_a_hundred();
    send(&mut control, 20_010, 30_000, 10);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some seconds"
    )]
    let part = |share: f64| at(20_000 + (returns_secs() * 1000.0 * share) as u64);
    let assert_near = |control: &Control, rate: f64| {
        let micros = control.rate_micros().unwrap() as f64;
        assert!((micros / 1e6 - rate).abs() < 0.01, "{micros}, not {rate}");
    };
    control.succeeded_at(part(0.5));
    assert_near(&control, 96.25);
    control.succeeded_at(part(1.5));
    assert_near(&control, 103.75);
    control.succeeded_at(part(2.0));
    assert_near(&control, 130.0);
}

#[test]
fn it_is_never_more_than_twice_of_what_is_sent() {
    let mut control = throttled_at_a_hundred();
    send(&mut control, 20_010, 60_000, 10);
    control.succeeded_at(at(60_000));
    assert_rate(&control, 200.0);
}

#[test]
fn however_much_is_throttled_half_a_call_a_second_is_left() {
    let mut control = throttled_at_a_hundred();
    for ms in 20_001..20_100 {
        control.throttled_at(at(ms), at(ms));
    }
    assert_rate(&control, 0.5);
    assert_eq!(units_per(&control), Some((1000, 2000 * SECOND)));
}

#[test]
fn a_call_that_is_throttled_at_once_is_measured_by_the_half_second_so_far() {
    let mut control = control(&AdaptiveRate::new());
    send(&mut control, 0, 200, 10);
    control.throttled_at(at(200), at(0));
    assert_rate(&control, 28.0); // of 20 in half a second
    control.succeeded_at(at(300));
    assert!(
        control.rate_micros().unwrap() > 28_000_000,
        "not held down by what is not measured yet"
    );
}

#[test]
fn where_nothing_was_sent_the_floor_is_left() {
    let mut control = control(&AdaptiveRate::new());
    control.throttled_at(at(0), at(0));
    assert_rate(&control, 0.5);
}

#[test]
fn it_is_measured_in_half_seconds_of_which_the_last_counts_four_fifths() {
    let mut control = control(&AdaptiveRate::new());
    send(&mut control, 0, 501, 10); // 51, so 102 a second, of which 0.8 count
    let mut first = control.clone();
    first.throttled_at(at(500), at(500));
    assert_rate(&first, 0.7 * 81.6);
    send(&mut control, 520, 1001, 20); // 25, so 50 a second
    control.throttled_at(at(1000), at(1000));
    assert_rate(&control, 0.7 * (0.8 * 50.0 + 0.2 * 81.6));
}

#[test]
fn what_is_not_over_yet_does_not_count() {
    let mut control = throttled_at_a_hundred();
    send(&mut control, 20_001, 20_500, 1);
    control.succeeded_at(at(60_000));
    assert_rate(&control, 200.0);
}

#[test]
fn a_pause_is_measured_as_the_one_bucket_that_it_is() {
    let mut control = throttled_at_a_hundred();
    control.sent_at(at(30_000), 1);
    control.succeeded_at(at(30_000));
    assert_rate(&control, 2.0 * (0.8 * 0.1 + 0.2 * 100.0));
}

#[test]
fn a_call_that_costs_more_counts_for_more() {
    let mut control = control(&AdaptiveRate::new());
    for ms in (0..=20_000).step_by(100) {
        control.sent_at(at(ms), 100_000);
    }
    control.throttled_at(at(20_000), at(20_000));
    assert_rate(&control, 700_000.0);
}

#[test]
fn an_initial_rate_holds_from_the_first_call_and_grows_from_there() {
    let mut control = control(&AdaptiveRate::new().initial(100, SECOND));
    assert_rate(&control, 100.0);
    control.sent_at(at(7000), 1);
    control.succeeded_at(at(7000));
    assert_rate(&control, 100.0);
    control.succeeded_at(at(9000));
    assert_rate(&control, 103.2); // 0.4 * 2^3 more
    send(&mut control, 7010, 27_001, 10);
    control.throttled_at(at(27_000), at(7000));
    assert_rate(&control, 70.0);
}

#[test]
fn a_limit_is_told_a_thousand_units_in_their_time() {
    let told = |n, per| {
        let rate = AdaptiveRate::new().min(1, 1000 * SECOND).initial(n, per);
        units_per(&control(&rate)).unwrap()
    };
    assert_eq!(told(100, SECOND), (1000, 10 * SECOND));
    assert_eq!(told(3, SECOND), (1000, SECOND * 1000 / 3));
    assert_eq!(told(1_000_000_000, SECOND), (1000, SECOND / 1_000_000));
    assert_eq!(told(1, 1000 * SECOND), (1000, 1_000_000 * SECOND));
    assert_eq!(told(5, SECOND * 5 / 2), (1000, 500 * SECOND));
}

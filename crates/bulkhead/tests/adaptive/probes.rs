//! How the round trip of a dependency at rest is measured anew.

use steadfast_core::Ratio;

use crate::{
    adaptive::{AdaptiveLimit, Control, Gradient2, Vegas, Window},
    answered, control, dropped,
};

/// A window in full use that changes nothing: 5 of 50 calls wait, where the base is 100 ms.
fn steady() -> Window {
    Window {
        calls: 50,
        max_in_flight: 50,
        rtt_nanos: Some(111_111_111),
    }
}

fn vegas() -> Control {
    let mut vegas = control(AdaptiveLimit::new(Vegas::new()).initial(50));
    vegas.update(
        Window {
            calls: 0,
            ..answered(100, 0)
        },
        u64::MAX,
    );
    vegas
}

/// After how many windows of 50 calls, each bringing this chance, it is lowered.
fn windows_until_lowered(random: u64) -> u32 {
    let mut vegas = control(AdaptiveLimit::new(Vegas::new()).initial(50));
    vegas.update(
        Window {
            calls: 0,
            ..answered(100, 0)
        },
        random,
    );
    (1..100)
        .find(|_| vegas.update(steady(), random) == 25)
        .unwrap()
}

#[test]
fn it_is_due_after_15_to_30_times_the_limits_calls() {
    assert_eq!(windows_until_lowered(0), 15);
    assert_eq!(windows_until_lowered(u64::MAX / 2), 23);
    assert_eq!(windows_until_lowered(u64::MAX), 30);
}

#[test]
fn a_window_counts_for_the_limits_calls_at_most() {
    let mut vegas = vegas();
    let window = Window {
        calls: 100_000,
        ..steady()
    };
    for _ in 0..29 {
        assert_eq!(vegas.update(window, 0), 50);
    }
    assert_eq!(vegas.update(window, 0), 25);
}

/// One that was lowered just now, whose base is 100 ms.
fn lowered() -> Control {
    let mut vegas = vegas();
    for _ in 0..30 {
        vegas.update(steady(), 0);
    }
    assert_eq!(vegas.limit(), 25);
    vegas
}

fn at_half(rtt_ms: u64) -> Window {
    Window {
        calls: 25,
        ..answered(rtt_ms, 25)
    }
}

#[test]
fn the_queue_drains_for_a_window_and_the_next_is_the_measure() {
    let mut vegas = lowered();
    assert_eq!(vegas.update(at_half(500), 0), 25);
    assert_eq!(vegas.update(at_half(200), 0), 50);
    // The base is 200 ms, so nothing waits.
    assert_eq!(vegas.update(answered(200, 50), 0), 56);
}

#[test]
fn what_was_measured_and_is_close_moves_the_base_half_of_the_way() {
    let mut vegas = lowered();
    vegas.update(at_half(110), 0);
    assert_eq!(vegas.update(at_half(110), 0), 50);
    // The base is 105 ms: of 50 calls 6 wait at 119 ms, and 7 at 122 ms.
    assert_eq!(vegas.clone().update(answered(119, 50), 0), 50);
    assert_eq!(vegas.update(answered(122, 50), 0), 49);
}

#[test]
fn chance_is_drawn_anew_each_time() {
    let mut vegas = lowered();
    vegas.update(at_half(100), 0);
    vegas.update(at_half(100), 0);
    // Drawn above: half of 1500 calls.
    for _ in 0..14 {
        assert_eq!(vegas.update(steady(), u64::MAX), 50);
    }
    assert_eq!(vegas.update(steady(), u64::MAX), 25);
}

#[test]
fn drops_meanwhile_lower_the_limit_and_do_not_end_it() {
    let mut vegas = lowered();
    assert_eq!(vegas.update(dropped(25), 0), 24, "half of 48");
    assert_eq!(vegas.update(at_half(100), 0), 24);
    assert_eq!(vegas.update(dropped(25), 0), 23, "half of 46");
    assert_eq!(vegas.update(at_half(100), 0), 46);
}

#[test]
fn where_half_is_not_in_use_nothing_is_lowered() {
    let mut vegas = vegas();
    let limits: Vec<_> = (0..60)
        .map(|_| vegas.update(answered(200, 24), 0))
        .collect();
    assert_eq!(limits, [50; 60]);
    assert_eq!(
        vegas.update(answered(200, 50), 0),
        56,
        "it learnt that 200 ms are the rule"
    );
}

#[test]
fn it_is_not_lowered_below_the_floor() {
    let mut vegas = control(AdaptiveLimit::new(Vegas::new()).initial(50).min(40).max(50));
    let limits: Vec<_> = (0..31).map(|_| vegas.update(steady(), 0)).collect();
    assert_eq!(*limits.iter().min().unwrap(), 40);
}

/// One that follows at once, with a long average of ten windows, lowered just now by windows of 100 ms.
fn lowered_gradient(probe_multiplier: u32) -> Control {
    let gradient = Gradient2::new()
        .tolerance(Ratio::percent(100))
        .smoothing(Ratio::percent(100))
        .long_window(9)
        .queue_size(1)
        .probe_multiplier(probe_multiplier);
    let mut limit = control(AdaptiveLimit::new(gradient).initial(100).max(100));
    let lowered = (0..100).find(|_| limit.update(answered(100, 100), 0) == 50);
    lowered.unwrap();
    limit
}

#[test]
fn gradient2_sets_its_long_average_half_of_the_way() {
    let mut limit = lowered_gradient(30);
    let draining = limit.update(answered(700, 50), 0);
    assert_eq!(draining, 50, "and it is no part of the average");
    assert_eq!(limit.update(answered(140, 50), 0), 100);
    // 120 ms; with a fifth of the way to 150 ms it is 126 ms.
    assert_eq!(limit.clone().update(answered(120, 100), 0), 100);
    assert_eq!(limit.update(answered(150, 100), 0), 85);
}

#[test]
fn what_gradient2_has_measured_is_no_longer_an_average_of_few() {
    // Measured after the first window; a second one of 200 ms would be half of the average.
    let mut limit = lowered_gradient(1);
    limit.update(answered(100, 50), 0);
    assert_eq!(limit.update(answered(100, 50), 0), 100);
    // A fifth of the way, 120 ms, makes for 61, of which it is lowered to half again.
    assert_eq!(limit.clone().update(answered(200, 49), 0), 100);
    assert_eq!(limit.update(answered(200, 100), 0), 31);
}

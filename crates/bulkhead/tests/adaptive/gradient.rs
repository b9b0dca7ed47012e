//! What Gradient2 does with a window, before it first measures anew.

use steadfast_core::Ratio;

use crate::{
    adaptive::{AdaptiveLimit, Control, Gradient2},
    answered, control, dropped,
};

fn unmeasured() -> Gradient2 {
    Gradient2::new().probe_multiplier(1_000_000)
}

/// One that has seen ten windows of 100 ms with hardly a call.
fn at(limit: u32, gradient: Gradient2) -> Control {
    let mut control = control(AdaptiveLimit::new(gradient).initial(limit));
    for _ in 0..10 {
        control.update(answered(100, 0), 0);
    }
    assert_eq!(control.limit(), limit);
    control
}

#[test]
fn while_calls_take_as_long_as_ever_it_grows_by_the_queue_size() {
    let mut limit = at(100, unmeasured());
    let grown: Vec<_> = (0..5)
        .map(|_| limit.update(answered(100, 100), 0))
        .collect();
    assert_eq!(grown, [100, 101, 102, 103, 104], "0.8 each");
    // Half as long as ever is no reason to grow faster.
    assert_eq!(
        at(100, unmeasured().smoothing(Ratio::percent(100))).update(answered(60, 100), 0),
        104
    );
}

#[test]
fn calls_that_take_longer_than_tolerated_make_it_shrink() {
    let at_once = || {
        unmeasured()
            .smoothing(Ratio::percent(100))
            .long_window(1_000_000)
    };
    assert_eq!(at(100, at_once()).update(answered(149, 100), 0), 104);
    assert_eq!(
        at(100, at_once()).update(answered(200, 100), 0),
        79,
        "a gradient of 0.75"
    );
    assert_eq!(
        at(100, at_once()).update(answered(301, 100), 0),
        54,
        "0.5 at the least"
    );
    assert_eq!(at(100, at_once()).update(answered(3000, 100), 0), 54);
    let strict = at_once().tolerance(Ratio::percent(100));
    assert_eq!(
        at(100, strict).update(answered(125, 100), 0),
        84,
        "a gradient of 0.8"
    );
    let no_queue = at_once().queue_size(10);
    assert_eq!(at(100, no_queue).update(answered(200, 100), 0), 85);
}

#[test]
fn a_fifth_of_a_change_is_made_at_once() {
    let mut limit = at(100, unmeasured());
    assert_eq!(
        limit.update(answered(3000, 100), 0),
        90,
        "0.8 * 100 + 0.2 * 54"
    );
}

#[test]
fn the_long_average_takes_ten_windows_alike_and_then_a_600th() {
    let strict = || {
        let strict = unmeasured().tolerance(Ratio::percent(100));
        strict.smoothing(Ratio::percent(100)).queue_size(1)
    };
    let mut limit = control(AdaptiveLimit::new(strict()).initial(1000));
    for rtt in [100, 200].repeat(5) {
        limit.update(answered(rtt, 0), 0);
    }
    // 150 ms, of which a window of 165 ms makes 150.05.
    assert_eq!(limit.update(answered(165, 1000), 0), 910);
    let mut warm = control(AdaptiveLimit::new(strict()).initial(1000));
    for rtt in [100; 9] {
        warm.update(answered(rtt, 0), 0);
    }
    // The tenth: (900 + 200) / 10 = 110 ms.
    assert_eq!(warm.update(answered(200, 1000), 0), 551);
    // The eleventh: 110 + 2 / 601 * (145 - 110) = 110.116 ms.
    assert_eq!(warm.update(answered(145, 1000), 0), 419);
}

#[test]
fn a_long_average_of_more_than_twice_the_latest_is_let_down() {
    let mut limit = at(
        100,
        unmeasured()
            .smoothing(Ratio::percent(100))
            .tolerance(Ratio::percent(100)),
    );
    // 100 ms: of each of these windows the average keeps 599 / 601, and 0.95 of that while above 80 ms.
    for _ in 0..5 {
        limit.update(answered(40, 0), 0);
    }
    // 100 -> 94.81 -> 89.90 -> 85.25 -> 80.85 -> 76.67; and 76.75 with this one.
    assert_eq!(limit.update(answered(100, 100), 0), 80);
}

#[test]
fn drops_leave_nine_tenths_and_no_round_trip() {
    let mut limit = at(100, unmeasured());
    assert_eq!(limit.update(dropped(0), 0), 90);
    assert_eq!(limit.update(dropped(0), 0), 81);
    let half = unmeasured().smoothing(Ratio::percent(100));
    assert_eq!(at(100, half).update(dropped(0), 0), 50);
}

#[test]
fn it_neither_grows_nor_shrinks_unless_half_of_it_is_in_use() {
    for rtt in [100, 400] {
        let whole = || unmeasured().smoothing(Ratio::percent(100));
        assert_eq!(at(50, whole()).update(answered(rtt, 24), 0), 50);
        assert_ne!(at(50, whole()).update(answered(rtt, 25), 0), 50);
    }
}

#[test]
fn it_stays_between_floor_and_ceiling() {
    let limit = AdaptiveLimit::new(Gradient2::new())
        .initial(20)
        .min(19)
        .max(21);
    let mut limit = control(limit);
    for _ in 0..5 {
        limit.update(answered(10, 20), 0);
    }
    assert_eq!(limit.limit(), 21);
    for _ in 0..5 {
        limit.update(dropped(20), 0);
    }
    assert_eq!(limit.limit(), 19);
    limit.update(answered(10, 20), 0);
    assert_eq!(
        limit.update(answered(10, 20), 0),
        20,
        "no debt below the floor"
    );
}

//! What Vegas does with a window, before it first measures anew.

use crate::{
    adaptive::{AdaptiveLimit, Control, Vegas, Window},
    answered, control, dropped,
};

/// One whose base is 100 ms.
fn at(limit: u32) -> Control {
    let vegas = Vegas::new().probe_multiplier(1_000_000);
    let mut control = control(AdaptiveLimit::new(vegas).initial(limit).max(100_000));
    control.update(answered(100, 0), 0);
    assert_eq!(control.limit(), limit);
    control
}

/// The limit after a window with so many calls, whose round trip says that so many of them wait.
fn after(limit: u32, queue: u32, calls: u32) -> u32 {
    let window = Window {
        calls,
        max_in_flight: limit,
        rtt_nanos: Some(100_000_000 * u64::from(limit) / u64::from(limit - queue)),
    };
    at(limit).update(window, 0)
}

#[test]
fn without_a_queue_it_grows_by_beta() {
    assert_eq!(after(50, 0, 50), 56);
    assert_eq!(after(50, 1, 50), 56);
    assert_eq!(after(99, 0, 99), 105);
    assert_eq!(after(100, 0, 100), 112, "a step is 2 from 100 on");
    assert_eq!(after(100, 2, 100), 112);
    assert_eq!(after(1000, 3, 1000), 1018, "and 3 from 1000 on");
}

#[test]
fn with_a_queue_shorter_than_alpha_it_grows_by_a_step() {
    assert_eq!(after(50, 2, 50), 51);
    assert_eq!(after(100, 3, 100), 102);
    assert_eq!(after(100, 5, 100), 102);
}

#[test]
fn with_a_queue_of_alpha_to_beta_it_stays() {
    for queue in 3..=6 {
        assert_eq!(after(50, queue, 50), 50);
    }
    for queue in 6..=12 {
        assert_eq!(after(100, queue, 100), 100);
    }
}

#[test]
fn with_a_queue_longer_than_beta_it_shrinks_by_a_step_for_each_round_trip() {
    assert_eq!(after(50, 7, 50), 49);
    assert_eq!(after(50, 20, 1), 49);
    assert_eq!(after(50, 20, 99), 49);
    assert_eq!(after(50, 20, 100), 48);
    assert_eq!(after(100, 40, 500), 90);
}

#[test]
fn it_does_not_shrink_beyond_the_queue_of_beta() {
    assert_eq!(after(50, 20, 100_000), 36);
    assert_eq!(after(100, 40, 100_000), 72);
    assert_eq!(after(100, 13, 100), 98, "but by a whole step");
}

#[test]
fn part_of_a_call_that_waits_is_a_call_that_waits() {
    let window = |nanos| Window {
        calls: 50,
        max_in_flight: 50,
        rtt_nanos: Some(nanos),
    };
    // 6 wait of 50 at 100 / (1 - 0.12) ms, and a part of the seventh a nanosecond later.
    assert_eq!(at(50).update(window(113_636_363), 0), 50);
    assert_eq!(at(50).update(window(113_636_364), 0), 49);
}

#[test]
fn a_drop_takes_a_step_for_each_round_trip_up_to_a_tenth() {
    let drop = |limit, calls| {
        let window = Window {
            calls,
            ..dropped(limit)
        };
        at(limit).update(window, 0)
    };
    assert_eq!(drop(50, 1), 49);
    assert_eq!(drop(50, 150), 47);
    assert_eq!(drop(50, 100_000), 45);
    assert_eq!(drop(200, 200), 198);
    assert_eq!(drop(200, 100_000), 180);
    assert_eq!(drop(5, 100_000), 4, "and always a step");
}

#[test]
fn it_neither_grows_nor_shrinks_unless_half_of_it_is_in_use() {
    for rtt in [100, 101, 500] {
        assert_eq!(at(50).update(answered(rtt, 24), 0), 50);
        assert_ne!(at(50).update(answered(rtt, 25), 0), 50);
    }
}

#[test]
fn a_somewhat_lower_round_trip_moves_the_base_by_an_eighth() {
    let mut vegas = at(1000);
    vegas.update(answered(92, 0), 0);
    // The base is 99 ms: 1000 * (1 - 99 / 100) calls wait, more than alpha of 9.
    assert_eq!(vegas.clone().update(answered(100, 1000), 0), 1000);
    vegas.update(answered(91, 0), 0);
    // 98 ms.
    assert_eq!(vegas.clone().update(answered(100, 1000), 0), 997);
}

#[test]
fn one_that_is_lower_by_more_than_a_quarter_is_the_base() {
    let mut vegas = at(50);
    vegas.update(answered(74, 0), 0);
    assert_eq!(vegas.update(answered(75, 50), 0), 56);
    let mut vegas = at(50);
    vegas.update(answered(74, 0), 0);
    assert_eq!(vegas.update(answered(88, 50), 0), 48, "8 of 50 wait");
}

#[test]
fn alpha_and_beta_can_be_set() {
    let vegas = Vegas::new().alpha(1).beta(2);
    let mut limit = control(AdaptiveLimit::new(vegas).initial(50));
    assert_eq!(limit.update(answered(100, 50), 0), 52);
    assert_eq!(limit.update(answered(104, 52), 0), 52, "2 of 52 wait");
    assert_eq!(limit.update(answered(106, 52), 0), 51, "3 of 52 wait");
}

#[test]
fn it_stays_between_floor_and_ceiling() {
    let bounded = AdaptiveLimit::new(Vegas::new()).initial(20).min(19).max(22);
    let mut limit = control(bounded);
    assert_eq!(limit.update(answered(10, 20), 0), 22);
    let shrunk: Vec<_> = (0..5).map(|_| limit.update(dropped(20), 0)).collect();
    assert_eq!(shrunk, [20, 19, 19, 19, 19]);
}

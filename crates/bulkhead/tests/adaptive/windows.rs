//! How calls make up windows.

use steadfast_core::{Class, Instant, Ratio};

use crate::{
    MS,
    adaptive::{AdaptiveLimit, Aimd, Control, Sample, Tally},
    control, ms, secs,
};

/// One with windows of 50 calls, 100 ms and 1 s, whose limit says what it made of a window: 101 is a good
/// one, 90 a dropped one.
fn of(settings: impl FnOnce(AdaptiveLimit) -> AdaptiveLimit) -> Control {
    let limit = AdaptiveLimit::new(Aimd::new()).initial(100);
    control(settings(limit.window_calls(50).max_window(secs(1))))
}

fn good(calls: u32, rtt_ms: u64) -> Tally {
    Tally {
        answered: calls,
        dropped: 0,
        rtt_nanos: u64::from(calls) * rtt_ms * MS,
        max_in_flight: 100,
    }
}

fn bad(calls: u32) -> Tally {
    Tally {
        answered: 0,
        dropped: calls,
        rtt_nanos: 0,
        max_in_flight: 100,
    }
}

fn both(answered: u32, dropped: u32) -> Tally {
    let mut tally = good(answered, 1);
    tally.add(bad(dropped));
    tally
}

/// What becomes of these calls, each at its time in milliseconds.
fn absorb(control: &mut Control, calls: &[(u64, Tally)]) -> Vec<Option<u32>> {
    let absorb =
        |&(at, tally): &(u64, Tally)| control.absorb_at(tally, Instant::from_nanos(at * MS), 0);
    calls.iter().map(absorb).collect()
}

#[test]
fn a_window_lasts_100_ms_and_50_calls_at_least() {
    let calls = [(1000, good(49, 1)), (1101, good(1, 1))];
    assert_eq!(absorb(&mut of(|it| it), &calls), [None, Some(101)]);
    let too_short = [(1000, good(500, 1)), (1099, good(1, 1)), (1100, good(1, 1))];
    let made = absorb(&mut of(|it| it), &too_short);
    assert_eq!(made, [None, None, Some(101)]);
    let too_few = [(1000, good(48, 1)), (1500, good(1, 1)), (1501, good(1, 1))];
    let made = absorb(&mut of(|it| it), &too_few);
    assert_eq!(made, [None, None, Some(101)]);
}

#[test]
fn it_lasts_two_round_trips() {
    let calls = [
        (1000, good(50, 300)),
        (1599, good(50, 300)),
        (1600, good(50, 300)),
    ];
    let made = absorb(&mut of(|it| it), &calls);
    assert_eq!(made, [None, None, Some(101)]);
}

#[test]
fn after_a_second_it_is_judged_with_what_it_has_and_without_what_came_then() {
    let calls = [(1000, good(1, 1)), (1999, good(1, 1)), (2000, bad(1))];
    assert_eq!(absorb(&mut of(|it| it), &calls), [None, None, Some(101)]);
}

#[test]
fn what_came_before_a_pause_is_not_judged_with_what_comes_after() {
    let hour = 3_600_000;
    // One in a hundred is dropped after the pause; with the 40 before it would be less.
    let calls = [
        (1000, good(400, 1)),
        (hour, good(1, 1)),
        (hour + 50, both(98, 2)),
        (hour + 100, good(1, 1)),
    ];
    let made = absorb(&mut of(|it| it), &calls);
    assert_eq!(made, [None, Some(101), None, Some(90)], "90.9");
}

#[test]
fn a_window_begins_with_its_first_call() {
    let calls = [
        (50_000, good(500, 1)),
        (50_099, good(1, 1)),
        (50_100, good(1, 1)),
    ];
    let made = absorb(&mut of(|it| it), &calls);
    assert_eq!(made, [None, None, Some(101)]);
}

#[test]
fn five_drops_are_enough_and_then_each_lowers_the_limit_once_in_100_ms() {
    let calls = [
        (1000, bad(4)),
        (1001, bad(1)),
        (1100, bad(1)),
        (1101, bad(1)),
        (9000, bad(1)),
        (9001, bad(7)),
    ];
    let made = absorb(&mut of(|it| it), &calls);
    let limits = [None, Some(90), None, Some(81), Some(72), None];
    assert_eq!(made, limits);
}

#[test]
fn a_few_drops_alone_wait_for_the_rest_of_their_window() {
    let calls = [
        (1000, bad(2)),
        (1500, good(3, 1)),
        (1999, good(1, 1)),
        (2000, good(1, 1)),
    ];
    let many = |it: AdaptiveLimit| it.window_calls(1000);
    let made = absorb(&mut of(many), &calls);
    assert_eq!(made, [None, None, None, Some(90)], "after a second");
    let tolerant = |it: AdaptiveLimit| many(it).tolerated_drops(Ratio::percent(50));
    let made = absorb(&mut of(tolerant), &calls);
    assert!(made.iter().flatten().all(|limit| *limit >= 100), "{made:?}");
}

#[test]
fn one_drop_in_a_hundred_is_tolerated_and_two_are_not() {
    let calls = |dropped| {
        [
            (1000, both(100 - dropped, dropped)),
            (1100, Tally::default()),
        ]
    };
    for (dropped, limit) in [(0, 101), (1, 101), (2, 90), (100, 90)] {
        let made = absorb(&mut of(|it| it), &calls(dropped));
        assert_eq!(made.into_iter().flatten().last(), Some(limit), "{dropped}");
    }
    let tolerant = |it: AdaptiveLimit| it.tolerated_drops(Ratio::percent(20));
    assert_eq!(absorb(&mut of(tolerant), &calls(20)), [None, Some(101)]);
    assert_eq!(absorb(&mut of(tolerant), &calls(21)), [None, Some(90)]);
    let strict = |it: AdaptiveLimit| it.tolerated_drops(Ratio::percent(0));
    let one = [(1000, both(100_000, 1)), (1100, Tally::default())];
    assert_eq!(absorb(&mut of(strict), &one), [None, Some(90)]);
}

#[test]
fn the_round_trip_is_the_mean_of_those_answered() {
    let limit = || {
        let aimd = Aimd::new().timeout(ms(20));
        of(|_| AdaptiveLimit::new(aimd).initial(100).window_calls(50))
    };
    // 20 ms on average; the drop makes it neither more nor less.
    let calls = [(1000, good(50, 10)), (1001, good(50, 30)), (1100, bad(1))];
    assert_eq!(absorb(&mut limit(), &calls), [None, None, Some(101)]);
    let calls = [(1000, good(50, 10)), (1001, good(51, 30)), (1100, bad(1))];
    assert_eq!(absorb(&mut limit(), &calls), [None, None, Some(90)]);
}

#[test]
fn the_calls_in_flight_are_the_most_that_there_were() {
    let seen = |in_flight| Tally {
        max_in_flight: in_flight,
        ..good(50, 1)
    };
    let calls = [(1000, seen(3)), (1050, seen(50)), (1100, seen(2))];
    assert_eq!(absorb(&mut of(|it| it), &calls), [None, None, Some(101)]);
    // The next window has its own.
    let calls = [(1200, seen(49)), (1300, seen(2))];
    let mut limit = of(|it| it);
    assert_eq!(absorb(&mut limit, &calls), [None, Some(100)]);
}

#[test]
fn a_clock_that_is_turned_back_loses_nothing_and_stops_nothing() {
    let calls = [
        (5000, good(50, 1)),
        (1000, good(50, 1)),
        (1100, good(1, 1)),
        (500, bad(5)),
        (600, bad(1)),
    ];
    let made = absorb(&mut of(|it| it), &calls);
    assert_eq!(made, [None, None, Some(101), None, Some(90)]);
}

#[test]
fn a_clock_that_stands_still_completes_no_window() {
    let calls = [(1000, good(50, 1)); 100];
    let made = absorb(&mut of(|it| it), &calls);
    assert_eq!(made, [None; 100]);
}

#[test]
fn windows_can_be_made_longer() {
    let longer = |it: AdaptiveLimit| it.window(secs(1)).max_window(secs(3)).window_calls(10);
    let calls = [(1000, good(9, 1)), (1999, good(1, 1)), (2000, good(1, 1))];
    assert_eq!(absorb(&mut of(longer), &calls), [None, None, Some(101)]);
    let calls = [(1000, good(1, 1)), (3999, good(1, 1)), (4000, good(1, 1))];
    assert_eq!(absorb(&mut of(longer), &calls), [None, None, Some(101)]);
}

#[test]
fn a_window_may_last_as_long_at_most_as_it_has_to_at_least() {
    let mut limit = control(AdaptiveLimit::new(Aimd::new()).initial(100).window(secs(7)));
    let calls = [(1000, good(1, 1)), (7999, good(1, 1)), (8000, good(1, 1))];
    assert_eq!(absorb(&mut limit, &calls), [None, None, Some(101)]);
}

#[test]
fn by_default_it_takes_250_calls_or_5_seconds() {
    let limit = || control(AdaptiveLimit::new(Aimd::new()).initial(100));
    let calls = [(1000, good(248, 1)), (1200, good(1, 1)), (1201, good(1, 1))];
    assert_eq!(absorb(&mut limit(), &calls), [None, None, Some(101)]);
    let calls = [(1000, good(1, 1)), (5999, good(1, 1)), (6000, good(1, 1))];
    assert_eq!(absorb(&mut limit(), &calls), [None, None, Some(101)]);
}

#[test]
fn a_window_of_few_slow_calls_lasts_two_round_trips_too() {
    let calls = [
        (1000, good(1, 3000)),
        (6999, good(1, 3000)),
        (7000, good(1, 3000)),
    ];
    assert_eq!(absorb(&mut of(|it| it), &calls), [None, None, Some(101)]);
}

#[test]
fn it_does_not_wait_for_calls_of_more_than_ten_seconds() {
    let no_timeout = |it: AdaptiveLimit| it;
    let hour = 3_600_000;
    let calls = [
        (1000, good(1, hour)),
        (20_999, good(1, hour)),
        (21_000, good(1, hour)),
    ];
    // An hour is longer than the timeout of 5 s.
    assert_eq!(absorb(&mut of(no_timeout), &calls), [None, None, Some(90)]);
}

#[test]
fn most_of_a_window_dropped_is_enough_after_100_ms() {
    let calls = [(1000, good(10, 1)), (1100, bad(10)), (1101, bad(1))];
    assert_eq!(absorb(&mut of(|it| it), &calls), [None, None, Some(90)]);
    let calls = [
        (1000, good(60, 1)),
        (1100, bad(1)),
        (1101, bad(10)),
        (1200, both(9, 2)),
    ];
    assert_eq!(
        absorb(&mut of(|it| it), &calls),
        [None, Some(90), None, Some(81)]
    );
}

#[test]
fn only_good_answers_have_a_round_trip() {
    let at = Instant::from_nanos;
    let sample = |class| Sample::of(class, at(100), at(130));
    assert_eq!(
        sample(Class::Success),
        Some(Sample::Answered { rtt_nanos: 30 })
    );
    assert_eq!(sample(Class::Overloaded), Some(Sample::Dropped));
    for class in [Class::Transient, Class::Permanent, Class::Caller] {
        assert_eq!(sample(class), None);
    }
    // The clock is too coarse for it, or was turned back.
    assert_eq!(Sample::of(Class::Success, at(100), at(100)), None);
    assert_eq!(Sample::of(Class::Success, at(100), at(90)), None);
}

#[test]
fn what_a_timeout_inside_cut_off_is_a_drop_and_other_refusals_say_nothing() {
    use steadfast_core::{Outcome, Rejection, RejectionKind, Verdict};
    let at = Instant::from_nanos;
    let sample = |kind| {
        let rejection = Rejection::new("inside", kind);
        let outcome: Outcome<(), ()> = Outcome::rejected(rejection);
        Sample::of(Sample::class_of(&outcome), at(100), at(130))
    };
    let timed_out = RejectionKind::TimedOut { after: ms(30) };
    assert_eq!(sample(timed_out), Some(Sample::Dropped));
    let full = RejectionKind::BulkheadFull {
        running: 1,
        waiting: 0,
    };
    for kind in [
        RejectionKind::CircuitOpen,
        RejectionKind::RateLimited,
        RejectionKind::Throttled,
        full,
    ] {
        assert_eq!(sample(kind), None);
    }
    let own = |verdict| {
        let outcome: Outcome<(), ()> = Outcome::new(Err(()), verdict);
        Sample::of(Sample::class_of(&outcome), at(100), at(130))
    };
    assert_eq!(own(Verdict::overloaded()), Some(Sample::Dropped));
    assert_eq!(own(Verdict::transient()), None);
    // "Not found" is an answer.
    assert_eq!(
        own(Verdict::success()),
        Some(Sample::Answered { rtt_nanos: 30 })
    );
}

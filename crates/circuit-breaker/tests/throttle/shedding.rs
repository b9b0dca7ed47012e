//! How much is shed, of whose calls, and what is always let through.

use std::time::Duration;

use steadfast_circuit_breaker::Throttle;
use steadfast_core::{Priority, Runtime, Verdict};

use crate::{Answer, Answer::Good, Client, DOWN, Fate};

const WINDOW: Duration = Duration::from_secs(100);

/// An answer that counts for nothing.
const NEUTRAL: Answer = Answer::Bad(Verdict::caller());

#[test]
fn nothing_is_shed_while_half_of_the_calls_are_answered() {
    let client = Client::over(WINDOW);
    for _ in 0..5000 {
        assert_eq!(client.call(Good), Fate::Answered);
        assert_eq!(client.call(DOWN), Fate::Failed);
    }
}

#[test]
fn the_probability_is_that_of_the_formula() {
    let client = Client::over(WINDOW);
    client.calls(30, Good);
    client.calls(30, DOWN);
    assert!(client.shedding().abs() < 1e-9);
    // 61 requests, 30 accepts: one above what they pay for.
    client.call(DOWN);
    assert!((client.shedding() - 1.0 / 62.0).abs() < 1e-9);
}

#[test]
fn a_larger_multiplier_sheds_later() {
    let shedding = |multiplier| {
        let throttle = Throttle::over(WINDOW)
            .multiplier(multiplier)
            .build()
            .unwrap();
        let client = Client {
            throttle,
            ..Client::over(WINDOW)
        };
        client.calls(10, Good);
        client.calls(20, DOWN);
        client.shedding()
    };
    // 30 requests, refused ones included, and 10 accepts.
    assert!((shedding(1.0) - 20.0 / 31.0).abs() < 1e-9);
    assert!((shedding(2.0) - 10.0 / 31.0).abs() < 1e-9);
    assert!(shedding(3.0).abs() < 1e-9);
}

#[test]
fn a_dead_dependency_gets_one_call_a_second() {
    let client = Client::over(WINDOW);
    client.calls(2000, DOWN);
    let mut reached = 0;
    for _ in 0..60 {
        for _ in 0..100 {
            reached += u32::from(client.call(DOWN) == Fate::Failed);
            client.runtime.advance(Duration::from_millis(10));
        }
    }
    assert!((55..=75).contains(&reached), "{reached} in a minute");
}

#[test]
fn a_call_passes_when_none_did_for_a_second() {
    let client = Client::over(WINDOW);
    client.calls(100_000, DOWN);
    client.runtime.advance(Duration::from_secs(1));
    assert_eq!(client.call(DOWN), Fate::Failed);
    client.runtime.advance(Duration::from_nanos(999_999_999));
    assert_eq!(client.call(DOWN), Fate::Shed);
    client.runtime.advance(Duration::from_nanos(1));
    assert_eq!(client.call(DOWN), Fate::Failed);
}

#[test]
fn what_has_left_the_window_sheds_nothing() {
    let client = Client::over(WINDOW);
    client.calls(1000, DOWN);
    assert!(client.shedding() > 0.9);
    client.runtime.advance(WINDOW);
    assert!(client.shedding().abs() < 1e-9);
    for _ in 0..10 {
        assert_eq!(client.call(Good), Fate::Answered);
    }
}

/// 20 calls of the usual priority are answered; of 80 more, so many of low priority, none is.
fn of_low_priority(low: u32) -> Client {
    let client = Client::over(WINDOW);
    client.calls(20, Good);
    for call in 0..80 {
        let is_low = call < low;
        let priority = if is_low {
            Priority::LOW
        } else {
            Priority::NORMAL
        };
        client.call_of(priority, DOWN);
    }
    client
}

#[test]
fn calls_of_a_higher_priority_are_shed_last() {
    // 100 requests, of which the accepts pay for 40: 60 are too many. 70 low ones bear them all.
    assert!(of_low_priority(70).shedding().abs() < 1e-9);
    // 40 low ones bear 40 of them, and 60 usual ones the other 20.
    assert!((of_low_priority(40).shedding() - 20.0 / 61.0).abs() < 1e-9);
    // Alone, the usual ones bear all.
    assert!((of_low_priority(0).shedding() - 60.0 / 101.0).abs() < 1e-9);
}

#[test]
fn calls_of_a_lower_priority_are_all_shed_before_others_are() {
    let client = of_low_priority(40);
    client.call(NEUTRAL); // The pass that is due each second.
    let mut shed = [0, 0];
    for _ in 0..500 {
        shed[0] += u32::from(client.call_of(Priority::LOW, NEUTRAL) == Fate::Shed);
        shed[1] += u32::from(client.call_of(Priority::HIGH, NEUTRAL) == Fate::Shed);
    }
    assert!(shed[0] >= 480, "{} of 500 low ones", shed[0]);
    assert_eq!(shed[1], 0, "high ones");
}

#[test]
fn a_clock_that_was_turned_back_neither_stops_nor_blinds_it() {
    use steadfast_core::Instant;
    let client = Client::over(WINDOW);
    client.runtime.advance(Duration::from_secs(500));
    client.calls(1000, DOWN);
    let back = client.runtime.now().as_nanos() - 400_000_000_000;
    client.runtime.set_now(Instant::from_nanos(back));
    assert_eq!(client.call(Good), Fate::Answered);
    client.calls(1000, DOWN);
    assert!(client.shedding() > 0.9);
}

#[test]
fn settings_out_of_range_are_named() {
    let error = Throttle::over(Duration::from_millis(999))
        .build()
        .unwrap_err();
    assert_eq!(error.to_string(), "`over` is 999ms; allowed: 1s to 3600s");
    assert_eq!(
        Throttle::over(Duration::from_secs(3601))
            .build()
            .unwrap_err()
            .field(),
        "over"
    );
    for multiplier in [0.9, 101.0, f64::NAN, -1.0, f64::INFINITY] {
        let error = Throttle::over(WINDOW)
            .multiplier(multiplier)
            .build()
            .unwrap_err();
        assert_eq!(error.field(), "multiplier");
        assert_eq!(error.allowed(), "1 to 100");
    }
}

/// Threads read the clock before they come: one may come with a time that is a little older than that of
/// the last pass.
#[test]
fn the_pass_each_second_does_not_leak_where_clock_reads_cross() {
    let client = Client::over(WINDOW);
    client.runtime.advance(Duration::from_secs(1000));
    client.calls(100_000, DOWN);
    client.runtime.advance(Duration::from_secs(1));
    assert_eq!(client.call(DOWN), Fate::Failed, "the pass that is due");
    let tick = Duration::from_nanos(1);
    for _ in 0..100 {
        client
            .runtime
            .set_now(client.runtime.now().saturating_sub(tick));
        assert_eq!(client.call(DOWN), Fate::Shed);
    }
}

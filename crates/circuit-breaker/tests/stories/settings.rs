//! Settings: what is refused, and in which words; and that the extremes work.

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Instant, Ratio};

use crate::common::{BAD, Rig, ms, ns, panics, secs};

fn rate() -> CircuitBreakerBuilder {
    CircuitBreaker::failure_rate(Ratio::percent(50))
}

fn row(failures: u32) -> CircuitBreakerBuilder {
    CircuitBreaker::consecutive_failures(failures)
}

fn slow(share: u32, after: Duration) -> CircuitBreakerBuilder {
    CircuitBreaker::slow_calls(Ratio::percent(share), after)
}

fn ramp<const N: usize>(shares: [u32; N], step: Duration) -> CircuitBreakerBuilder {
    rate().ramp(shares.map(Ratio::percent), step)
}

#[track_caller]
fn assert_refused(settings: CircuitBreakerBuilder, words: &str) {
    let error = settings.build().unwrap_err();
    assert_eq!(error.to_string(), words);
}

const DAY: Duration = secs(24 * 60 * 60);
const TICK: Duration = ns(1);

#[test]
fn rates_out_of_range_are_refused_in_words() {
    for (share, value) in [(0, "0 %"), (101, "101 %"), (400, "400 %")] {
        let allowed = "allowed: more than 0 % to 100 %";
        assert_refused(
            CircuitBreaker::failure_rate(Ratio::percent(share)),
            &format!("`failure_rate` is {value}; {allowed}"),
        );
        assert_refused(
            slow(share, ms(1)),
            &format!("`slow_calls` is {value}; {allowed}"),
        );
    }
    assert_refused(
        slow(50, Duration::ZERO),
        "`slow_calls` is 0ns; allowed: 1ns or more",
    );
    assert_refused(
        row(0),
        "`consecutive_failures` is 0; allowed: 1 to 4294967295",
    );
}

#[test]
fn windows_out_of_range_are_refused_in_words() {
    assert_refused(
        rate().over_last(0),
        "`over_last` is 0; allowed: 1 to 1000000",
    );
    assert_refused(
        rate().over_last(1_000_001),
        "`over_last` is 1000001; allowed: 1 to 1000000",
    );
    let allowed = "allowed: 100ms to 86400s";
    for (length, value) in [
        (Duration::ZERO, "0ns"),
        (ms(100) - TICK, "99.999999ms"),
        (DAY + TICK, "86400.000000001s"),
        (Duration::MAX, "18446744073709551615.999999999s"),
    ] {
        assert_refused(
            rate().over(length),
            &format!("`over` is {value}; {allowed}"),
        );
    }
    for buckets in [0, 1, 17, u32::MAX] {
        assert_refused(
            rate().over(secs(1)).buckets(buckets),
            &format!("`buckets` is {buckets}; allowed: 2 to 16"),
        );
    }
    let words = "`buckets` is 5; allowed: only set for a window of time, `over(..)`";
    assert_refused(rate().buckets(5), words);
    assert_refused(rate().over(secs(1)).buckets(5).over_last(10), words);
}

#[test]
fn min_calls_beyond_the_window_are_refused_in_words() {
    assert_refused(rate().min_calls(0), "`min_calls` is 0; allowed: 1 to 100");
    assert_refused(
        rate().over_last(50).min_calls(51),
        "`min_calls` is 51; allowed: 1 to 50",
    );
    assert_refused(
        rate().over(secs(1)).min_calls(0),
        "`min_calls` is 0; allowed: 1 to 4294967295",
    );
}

#[test]
fn probes_out_of_range_are_refused_in_words() {
    for probes in [0, 1_000_001, u32::MAX] {
        assert_refused(
            rate().probes(probes),
            &format!("`probes` is {probes}; allowed: 1 to 1000000"),
        );
    }
}

#[test]
fn open_times_out_of_range_are_refused_in_words() {
    for (length, value) in [
        (Duration::ZERO, "0ns"),
        (ms(1) - TICK, "999.999µs"),
        (DAY + TICK, "86400.000000001s"),
    ] {
        assert_refused(
            rate().open_for(length),
            &format!("`open_for` is {value}; allowed: 1ms to 86400s"),
        );
    }
    assert_refused(
        rate().max_open_for(secs(5) - TICK),
        "`max_open_for` is 4.999999999s; allowed: 5s or more",
    );
    assert_refused(
        rate().half_open_for(Duration::ZERO),
        "`half_open_for` is 0ns; allowed: 1ns or more",
    );
}

#[test]
fn growth_out_of_range_is_refused_in_words() {
    for (factor, value) in [
        (0.0, "0"),
        (0.999, "0.999"),
        (-2.0, "-2"),
        (1000.5, "1000.5"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        assert_refused(
            rate().factor(factor),
            &format!("`factor` is {value}; allowed: 1 to 1000"),
        );
    }
    assert_refused(
        rate().jitter(Ratio::percent(101)),
        "`jitter` is 101 %; allowed: 0 % to 100 %",
    );
}

#[test]
fn ramps_out_of_range_are_refused_in_words() {
    let allowed = "allowed: shares of more than 0 % and less than 100 %";
    for (share, value) in [(0, "0 %"), (100, "100 %"), (150, "150 %")] {
        assert_refused(
            ramp([50, share], secs(1)),
            &format!("`ramp` is {value}; {allowed}"),
        );
    }
    assert_refused(
        ramp([50; 101], secs(1)),
        "`ramp` is longer; allowed: at most 100 shares",
    );
    let endless = rate().ramp(std::iter::repeat(Ratio::percent(1)), secs(1));
    assert_refused(endless, "`ramp` is longer; allowed: at most 100 shares");
    let error = ramp([50], Duration::ZERO).build().unwrap_err();
    assert_eq!((error.value(), error.allowed()), ("0ns", "1ns or more"));
}

#[test]
fn a_refusal_names_the_field_the_value_and_what_is_allowed() {
    let error = rate().over_last(0).build().unwrap_err();
    assert_eq!(error.field(), "over_last");
    assert_eq!(error.value(), "0");
    assert_eq!(error.allowed(), "1 to 1000000");
}

/// Settings at the ends of their ranges.
fn extremes() -> Vec<CircuitBreakerBuilder> {
    vec![
        CircuitBreaker::failure_rate(Ratio::new(1, u32::MAX).unwrap()),
        CircuitBreaker::failure_rate(Ratio::percent(100)),
        slow(100, TICK),
        slow(1, Duration::MAX),
        row(1),
        row(u32::MAX),
        rate().over_last(1),
        rate().over_last(1_000_000).min_calls(1_000_000),
        rate().over(ms(100)).buckets(2),
        rate().over(ms(100)).buckets(16),
        rate().over(DAY).buckets(16),
        rate().over(secs(1)).min_calls(1),
        rate().over(secs(1)).min_calls(u32::MAX),
        rate().probes(1),
        rate().probes(1_000_000),
        rate().open_for(ms(1)),
        rate().open_for(DAY),
        rate().max_open_for(secs(5)),
        rate().max_open_for(Duration::MAX),
        rate().factor(1.0),
        rate().factor(1000.0),
        rate().jitter(Ratio::percent(0)),
        rate().jitter(Ratio::percent(100)),
        rate().max_retry_after(Duration::ZERO),
        rate().max_retry_after(Duration::MAX),
        rate().half_open_for(TICK),
        rate().half_open_for(Duration::MAX),
        ramp([1], TICK),
        ramp([99; 100], Duration::MAX),
        rate().named(""),
    ]
}

#[test]
fn the_ends_of_the_ranges_are_allowed_and_work() {
    for settings in extremes() {
        let text = format!("{settings:?}");
        let breaker = settings.build();
        assert!(breaker.is_ok(), "{text}: {breaker:?}");
        let rig = Rig::of(steadfast_core::VirtualRuntime::new(1), breaker.unwrap());
        for round in 0..3 {
            for _ in 0..150 {
                let _ = rig.call(Err(BAD.with_retry_after(Duration::MAX)));
                let _ = rig.call(Ok(()));
                rig.pass(ms(3));
            }
            rig.pass(secs(60) * round);
        }
        rig.pass(Duration::MAX);
        let _ = rig.call(Err(BAD));
        rig.runtime.set_now(Instant::from_nanos(0));
        let _ = rig.call(Err(BAD));
        rig.breaker.reset();
        rig.good(1);
        assert_eq!(rig.state(), State::Closed, "{text}");
    }
}

#[test]
fn the_last_word_about_the_window_holds() {
    let calls = Rig::new(rate().over(secs(1)).over_last(20).min_calls(20));
    calls.bad(19);
    calls.pass(secs(3600));
    calls.bad(1);
    assert_eq!(calls.state(), State::Open, "twenty calls, however old");
    let time = Rig::new(rate().over_last(20).over(secs(1)).min_calls(20));
    time.bad(19);
    time.pass(secs(3600));
    time.bad(1);
    assert_eq!(
        time.state(),
        State::Closed,
        "of the last second there is one"
    );
}

#[test]
fn the_default_of_min_calls_is_never_more_than_the_window() {
    for size in 1..=12 {
        let rig = Rig::new(rate().over_last(size));
        rig.bad(size.min(10) - 1);
        assert_eq!(rig.state(), State::Closed, "a window of {size}");
        rig.bad(1);
        assert_eq!(rig.state(), State::Open, "a window of {size}");
    }
}

#[test]
fn a_builder_can_be_kept_and_used_twice() {
    let settings = rate();
    let (one, two) = (settings.clone().build().unwrap(), settings.build().unwrap());
    assert!(!one.is_shared_with(&two));
    panics(|| rate().over_last(0).build().unwrap());
}

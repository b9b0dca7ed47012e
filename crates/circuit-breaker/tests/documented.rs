//! What the documentation states of defaults is what is built.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Ratio, Rejection, Verdict, VirtualRuntime};

const BAD: Verdict = Verdict::transient();

struct Bench {
    runtime: VirtualRuntime,
    breaker: CircuitBreaker,
}

impl Bench {
    fn new(breaker: CircuitBreaker) -> Bench {
        let runtime = VirtualRuntime::new(5);
        Bench { runtime, breaker }
    }

    fn of(settings: CircuitBreakerBuilder) -> Bench {
        Bench::new(settings.build().unwrap())
    }

    fn answer(&self, calls: u32, verdict: Verdict) {
        for _ in 0..calls {
            let permit = self.breaker.try_acquire(&self.runtime);
            permit.expect("let through").record(&verdict);
        }
    }

    fn refused(&self) -> Rejection {
        self.breaker.try_acquire(&self.runtime).unwrap_err()
    }

    fn open_time(&self) -> Duration {
        self.refused().retry_after().unwrap()
    }

    /// Lets the open time pass, fails the probe, and says how long it is open then.
    fn reopen(&self) -> Duration {
        self.runtime.advance(self.open_time());
        self.answer(1, BAD);
        self.open_time()
    }

    /// How many probes it lends.
    fn probes(&self) -> usize {
        use steadfast_core::Runtime;
        self.breaker.open_for_at(self.runtime.now(), Duration::ZERO);
        let permits = std::iter::from_fn(|| self.breaker.try_acquire(&self.runtime).ok());
        permits.take(1000).collect::<Vec<_>>().len()
    }

    /// After how many failures in a row it opens.
    fn failures_to_open(&self) -> u32 {
        for failures in 1..=1000 {
            self.answer(1, BAD);
            if self.breaker.state() == State::Open {
                return failures;
            }
        }
        panic!("it does not open");
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn rate() -> CircuitBreakerBuilder {
    CircuitBreaker::failure_rate(Ratio::percent(50))
}

fn one_failure() -> CircuitBreakerBuilder {
    CircuitBreaker::consecutive_failures(1)
}

#[track_caller]
fn assert_stated(row: &str) {
    let page = include_str!("../src/lib.rs");
    assert!(page.contains(row), "the page lacks {row:?}");
}

#[test]
fn the_window_is_the_last_100_calls() {
    assert_stated("| window of the rates | the last 100 calls |");
    let bench = Bench::of(CircuitBreaker::failure_rate(Ratio::percent(100)).min_calls(100));
    bench.answer(1, Verdict::success());
    assert!((97..=100).contains(&bench.failures_to_open()));
    let allowed = rate().min_calls(101).build().unwrap_err();
    assert_eq!(allowed.allowed(), "1 to 100");
}

#[test]
fn min_calls_is_10_or_the_whole_window() {
    assert_stated("| `min_calls` | 10, or the whole window where that is smaller |");
    assert_eq!(Bench::of(rate()).failures_to_open(), 10);
    assert_eq!(Bench::of(rate().over(secs(10))).failures_to_open(), 10);
    assert_eq!(Bench::of(rate().over_last(6)).failures_to_open(), 6);
}

#[test]
fn a_window_of_time_has_10_slots() {
    let page = include_str!("../src/builder.rs");
    assert!(page.contains("In how many slots a window of time moves on; 2 to 16, default 10."));
    let bench = Bench::of(rate().over(secs(10)));
    bench.answer(1, BAD);
    bench.runtime.advance(secs(1));
    bench.answer(1, BAD);
    let counted = |at: u64| {
        use steadfast_core::Runtime;
        let now = bench.runtime.now() + Duration::from_millis(at);
        bench.breaker.snapshot_at(now).calls()
    };
    assert_eq!((counted(8_999), counted(9_000)), (2, 1));
    assert_eq!((counted(9_999), counted(10_000)), (1, 0));
}

#[test]
fn the_open_time_is_5_seconds_and_doubles_up_to_60() {
    assert_stated("| `open_for`, at first | 5s |");
    assert_stated("| `factor`, each time it opens again | 2 |");
    assert_stated("| `max_open_for` | 60s, or `open_for` where that is longer |");
    let bench = Bench::of(one_failure().jitter(Ratio::percent(0)));
    bench.answer(1, BAD);
    assert_eq!(bench.open_time(), secs(5));
    for grown in [10, 20, 40, 60, 60] {
        assert_eq!(bench.reopen(), secs(grown));
    }
    let longer = Bench::of(one_failure().jitter(Ratio::percent(0)).open_for(secs(90)));
    longer.answer(1, BAD);
    assert_eq!((longer.open_time(), longer.reopen()), (secs(90), secs(90)));
}

#[test]
fn jitter_is_20_percent_downwards() {
    assert_stated("| `jitter` of that, downwards | 20 % |");
    let bench = Bench::of(one_failure().max_open_for(secs(5)));
    bench.answer(1, BAD);
    assert_eq!(bench.open_time(), secs(5));
    let times: Vec<_> = (0..300).map(|_| bench.reopen()).collect();
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(
        *least > secs(4) && *least < Duration::from_millis(4050),
        "{least:?}"
    );
    assert!(
        *most <= secs(5) && *most > Duration::from_millis(4950),
        "{most:?}"
    );
}

#[test]
fn a_hint_may_keep_it_open_for_60_seconds() {
    assert_stated("| `max_retry_after`: how far a server's hint may lengthen it | 60s |");
    let bench = Bench::of(one_failure());
    bench.answer(1, BAD.with_retry_after(secs(100)));
    assert_eq!(bench.open_time(), secs(60));
}

#[test]
fn probes_are_a_tenth() {
    assert_stated("| `probes` | a tenth of the window or of `min_calls`, 1 at least |");
    for (settings, probes) in [
        (rate(), 10),
        (rate().over_last(64), 6),
        (rate().over_last(19), 1),
        (rate().over_last(5), 1),
        (rate().over_last(5000), 500),
        (rate().over(secs(10)), 1),
        (rate().over(secs(10)).min_calls(50), 5),
        (rate().over(secs(10)).min_calls(3), 1),
        (CircuitBreaker::slow_calls(Ratio::percent(50), secs(1)), 10),
        (CircuitBreaker::consecutive_failures(50), 1),
    ] {
        let text = format!("{settings:?}");
        assert_eq!(Bench::of(settings).probes(), probes, "{text}");
    }
}

#[test]
fn half_open_lasts_as_long_as_the_first_open_time() {
    assert_stated("| `half_open_for` | as `open_for` |");
    for open_for in [secs(5), secs(8)] {
        let bench = Bench::of(one_failure().open_for(open_for));
        bench.answer(1, BAD);
        bench.runtime.advance(open_for);
        let _probe = bench.breaker.try_acquire(&bench.runtime).unwrap();
        bench.runtime.advance(open_for - Duration::from_nanos(1));
        bench.refused();
        assert_eq!(bench.breaker.state(), State::HalfOpen);
        bench.runtime.advance(Duration::from_nanos(1));
        bench.refused();
        assert_eq!(bench.breaker.state(), State::Open);
    }
}

#[test]
fn there_is_no_ramp_and_what_is_cancelled_counts_for_nothing() {
    assert_stated("| `ramp` | none |");
    assert_stated("| `cancelled_as` | Neutral |");
    let bench = Bench::of(one_failure());
    for _ in 0..50 {
        drop(bench.breaker.try_acquire(&bench.runtime));
    }
    assert_eq!(bench.breaker.state(), State::Closed);
    bench.answer(1, BAD);
    bench.runtime.advance(secs(5));
    bench.answer(1, Verdict::success());
    assert_eq!(bench.breaker.state(), State::Closed);
}

#[test]
fn the_default_breaker_opens_at_half_of_at_least_10_calls() {
    let bench = Bench::new(CircuitBreaker::default());
    assert_eq!(bench.breaker.name(), "breaker");
    bench.answer(5, Verdict::success());
    bench.answer(4, BAD);
    assert_eq!(bench.breaker.state(), State::Closed);
    bench.answer(1, BAD);
    assert_eq!(bench.breaker.state(), State::Open);
    assert_eq!(bench.open_time(), secs(5));
}

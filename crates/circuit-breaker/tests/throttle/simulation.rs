//! Clients in virtual time in front of a dependency that fails for a while.

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, State, Throttle};
use steadfast_core::{Error, Policies, Ratio, VirtualRuntime};

/// 100 calls a second.
const EVERY: Duration = Duration::from_millis(10);
const CALLS_A_SECOND: u32 = 100;

/// Numbers below a hundred, the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % 100
    }
}

/// One call, and the time to the next; whether it was answered well.
macro_rules! call {
    ($runtime:expr, $policy:expr, $works:expr) => {{
        let works = $works;
        let on_runtime = $policy.on($runtime.clone());
        let answer = $runtime.block_on(
            on_runtime.call(|| async move { if works { Ok(()) } else { Err("failed") } }),
        );
        $runtime.advance(EVERY);
        matches!(answer, Ok::<(), Error<&str>>(()))
    }};
}

fn breaker_of_ten_percent() -> CircuitBreaker {
    CircuitBreaker::failure_rate(Ratio::percent(10))
        .build()
        .unwrap()
}

#[test]
fn where_a_fifth_fails_the_throttle_keeps_four_times_the_successes_of_a_breaker() {
    let minutes = 10;
    let (mut with_throttle, mut with_breaker) = (0, 0);
    let throttle = Throttle::default();
    let runtime = VirtualRuntime::new(1);
    let mut dice = Dice(99);
    for _ in 0..minutes * 60 * CALLS_A_SECOND {
        with_throttle += u32::from(call!(runtime, throttle, dice.roll() >= 20));
    }
    let breaker = breaker_of_ten_percent();
    let runtime = VirtualRuntime::new(1);
    let mut dice = Dice(99);
    for _ in 0..minutes * 60 * CALLS_A_SECOND {
        with_breaker += u32::from(call!(runtime, breaker, dice.roll() >= 20));
    }
    assert!(with_breaker > 0);
    assert!(
        with_throttle >= 4 * with_breaker,
        "{with_throttle} with the throttle, {with_breaker} with the breaker"
    );
}

#[test]
fn a_breaker_recovers_within_its_longest_open_time_and_its_probes() {
    let breaker = breaker_of_ten_percent();
    let runtime = VirtualRuntime::new(1);
    let mut dice = Dice(99);
    for _ in 0..600 * CALLS_A_SECOND {
        call!(runtime, breaker, dice.roll() >= 20);
    }
    // 60 s open at the longest, and ten probes.
    for _ in 0..60 * CALLS_A_SECOND + 10 {
        call!(runtime, breaker, true);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_throttle_recovers_from_an_outage_within_three_and_a_half_windows() {
    for window in [10, 120] {
        let throttle = Throttle::over(Duration::from_secs(window)).build().unwrap();
        let runtime = VirtualRuntime::new(1);
        for _ in 0..2 * window * u64::from(CALLS_A_SECOND) {
            call!(runtime, throttle, false);
        }
        let mut recovered_after = None;
        for second in 0..4 * window {
            let mut answered = 0;
            for _ in 0..CALLS_A_SECOND {
                answered += u32::from(call!(runtime, throttle, true));
            }
            if answered == CALLS_A_SECOND {
                recovered_after = Some(second);
                break;
            }
        }
        let seconds = recovered_after.unwrap();
        assert!(
            2 * seconds <= 7 * window,
            "{seconds} s with a window of {window} s"
        );
        assert!(seconds >= window, "{seconds} s: it grows, it does not jump");
    }
}

#[test]
fn after_an_outage_of_three_quarters_of_a_window_it_sheds_nothing_after_one_and_a_half() {
    let (throttle, runtime) = (Throttle::default(), VirtualRuntime::new(1));
    for _ in 0..120 * CALLS_A_SECOND {
        call!(runtime, throttle, true);
    }
    for _ in 0..90 * CALLS_A_SECOND {
        call!(runtime, throttle, false);
    }
    let (mut refused, mut refused_late) = (0, 0);
    for second in 0..300 {
        for _ in 0..CALLS_A_SECOND {
            let answered = call!(runtime, throttle, true);
            refused += u32::from(!answered);
            refused_late += u32::from(!answered && second > 180);
        }
    }
    assert!(refused > 0);
    assert_eq!(refused_late, 0);
}

#[test]
fn an_outage_of_less_than_half_a_window_sheds_nothing() {
    let (throttle, runtime) = (Throttle::default(), VirtualRuntime::new(1));
    for _ in 0..120 * CALLS_A_SECOND {
        call!(runtime, throttle, true);
    }
    for _ in 0..48 * CALLS_A_SECOND {
        assert!(!call!(runtime, throttle, false));
    }
    for _ in 0..120 * CALLS_A_SECOND {
        assert!(call!(runtime, throttle, true));
    }
}

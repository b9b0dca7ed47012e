//! Calls that take too long.

use steadfast_circuit_breaker::{Cause, CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::Ratio;

use crate::common::{BAD, Rig, ms, ns, of_each_window, read, secs};

fn half_slow() -> CircuitBreakerBuilder {
    CircuitBreaker::slow_calls(Ratio::percent(50), ms(100)).min_calls(4)
}

#[test]
fn slow_is_what_takes_longer_than_the_limit() {
    let settings = || CircuitBreaker::slow_calls(Ratio::percent(100), ms(100)).over_last(1);
    let rig = Rig::new(settings());
    let mut transitions = rig.breaker.subscribe();
    rig.takes(ms(100), Ok(()));
    assert_eq!(rig.state(), State::Closed, "exactly as long");
    rig.takes(ms(100) + ns(1), Ok(()));
    let opened = (State::Closed, State::Open, Cause::SlowCallRate);
    assert_eq!(read(&mut transitions), [opened]);
}

#[test]
fn good_and_bad_calls_may_both_be_slow() {
    for settings in of_each_window(half_slow) {
        let rig = Rig::new(settings);
        rig.good(1);
        rig.bad(1);
        rig.takes(ms(101), Ok(()));
        assert_eq!(rig.state(), State::Closed);
        assert_eq!(rig.counts(), (3, 1, 1));
        rig.takes(ms(101), Err(BAD));
        assert_eq!(rig.state(), State::Open, "2 of 4 were slow");
    }
}

#[test]
fn failures_that_come_quickly_are_not_slow() {
    for settings in of_each_window(half_slow) {
        let rig = Rig::new(settings);
        for _ in 0..30 {
            rig.bad(1);
            rig.takes(ms(100), Err(BAD));
        }
        assert_eq!(rig.state(), State::Closed, "only slow calls open it");
    }
}

#[test]
fn slow_calls_and_failures_have_a_rate_each() {
    for settings in of_each_window(|| half_slow().failure_rate(Ratio::percent(50))) {
        let rig = Rig::new(settings.min_calls(8));
        rig.good(2);
        rig.bad(3);
        for _ in 0..3 {
            rig.takes(ms(101), Ok(()));
        }
        assert_eq!(rig.state(), State::Closed, "three each of 8");
        let mut transitions = rig.breaker.subscribe();
        rig.takes(ms(101), Ok(()));
        assert_eq!(rig.state(), State::Closed, "4 of 9");
        rig.takes(ms(101), Ok(()));
        let opened = (State::Closed, State::Open, Cause::SlowCallRate);
        assert_eq!(read(&mut transitions), [opened], "5 of 10");
    }
}

#[test]
fn slow_calls_leave_the_window_like_others() {
    for settings in [half_slow().over_last(8), half_slow().over_last(80)] {
        let rig = Rig::new(settings);
        rig.good(4);
        for _ in 0..3 {
            rig.takes(ms(101), Ok(()));
        }
        rig.good(80);
        assert_eq!(rig.counts().2, 0);
        for _ in 0..3 {
            rig.takes(ms(101), Ok(()));
        }
        assert_eq!(rig.state(), State::Closed);
    }
}

#[test]
fn a_limit_of_for_ever_makes_nothing_slow() {
    let forever = std::time::Duration::MAX;
    let rig = Rig::new(CircuitBreaker::slow_calls(Ratio::percent(1), forever).over_last(1));
    rig.takes(secs(100_000_000), Ok(()));
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.counts(), (1, 0, 0));
}

#[test]
fn the_length_of_a_call_begins_with_its_first_poll() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(100), ms(100)).over_last(1);
    let rig = Rig::new(settings);
    let call = rig.calls.call(|| async {
        rig.runtime.sleep(ms(100)).await;
        Ok(())
    });
    rig.pass(secs(60));
    assert_eq!(rig.runtime.block_on(call), Ok(()));
    assert_eq!((rig.state(), rig.counts()), (State::Closed, (1, 0, 0)));
}

#[test]
fn a_permit_measures_from_when_it_was_given() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(100), ms(100)).over_last(1);
    let rig = Rig::new(settings);
    let permit = rig.start();
    rig.pass(ms(100) + ns(1));
    permit.record(&steadfast_core::Verdict::success());
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_call_that_blocks_its_thread_is_slow_too() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(100), ms(100)).min_calls(1);
    for settings in [settings.clone(), settings.clone().over(secs(10))] {
        let rig = Rig::new(settings.over_last(1));
        let blocking = rig.calls.call(|| async {
            rig.pass(ms(100) + ns(1)); // In its first and only poll.
            Ok(())
        });
        assert_eq!(rig.runtime.block_on(blocking), Ok(()));
        assert_eq!(rig.state(), State::Open);
    }
}

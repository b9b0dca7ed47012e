//! The half-open state: how many probes there are, how they are judged, and how long it lasts.

use steadfast_circuit_breaker::{Cause, CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Ratio, Verdict, VirtualRuntime};

use crate::common::{BAD, OVERLOADED, Rig, brittle, half_fail, ms, ns, read, secs};

const GOOD: Verdict = Verdict::success();

fn half_fail_of(probes: u32) -> CircuitBreakerBuilder {
    CircuitBreaker::failure_rate(Ratio::percent(50)).probes(probes)
}

#[test]
fn exactly_so_many_probes_are_lent() {
    for probes in [1, 2, 3, 10, 64] {
        let rig = Rig::half_open(half_fail_of(probes));
        let out: Vec<_> = (0..probes).map(|_| rig.probe()).collect();
        for _ in 0..5 {
            let rest = rig.refused().retry_after();
            assert_eq!(rest, Some(secs(5)), "half-open is over then");
        }
        assert_eq!(rig.state(), State::HalfOpen);
        drop(out);
    }
}

#[test]
fn a_probe_that_was_judged_is_not_lent_again() {
    let rig = Rig::half_open(half_fail_of(3));
    let out = rig.probe();
    rig.good(2);
    rig.refused();
    assert_eq!(rig.state(), State::HalfOpen, "one is out");
    out.record(&GOOD);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn the_call_that_ends_the_open_time_is_a_probe() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(5));
    let probe = rig.start();
    assert!(probe.is_probe());
    rig.refused();
    drop(probe);
    rig.good(1);
    assert!(!rig.start().is_probe(), "closed, calls are no probes");
}

#[test]
fn it_closes_when_all_probes_are_in_and_went_well_enough() {
    let rig = Rig::half_open(half_fail_of(4));
    let mut transitions = rig.breaker.subscribe();
    rig.good(2);
    rig.bad(1);
    assert_eq!(rig.state(), State::HalfOpen);
    rig.good(1);
    let closed = (State::HalfOpen, State::Closed, Cause::ProbesSucceeded);
    assert_eq!(read(&mut transitions), [closed], "1 of 4 failed");
}

#[test]
fn it_opens_again_as_soon_as_the_rate_cannot_be_saved() {
    let rig = Rig::half_open(half_fail_of(4));
    let mut transitions = rig.breaker.subscribe();
    rig.bad(2);
    let opened = (State::HalfOpen, State::Open, Cause::ProbesFailed);
    assert_eq!(
        read(&mut transitions),
        [opened],
        "2 of 4, whatever the others bring"
    );
}

#[test]
fn the_threshold_of_the_probes_is_exact() {
    let settings = || CircuitBreaker::failure_rate(Ratio::percent(30)).probes(10);
    for (failures, state) in [(2, State::Closed), (3, State::Open)] {
        let rig = Rig::half_open(settings());
        rig.good(10 - failures);
        rig.bad(failures);
        assert_eq!(rig.state(), state, "{failures} of 10");
    }
}

#[test]
fn the_probes_are_judged_by_themselves() {
    for settings in half_fail() {
        let rig = Rig::new(settings.probes(4));
        rig.bad(10);
        rig.pass(rig.retry_after());
        rig.bad(1);
        assert_eq!(rig.state(), State::HalfOpen, "1 of 4, whatever was before");
        rig.good(3);
        assert_eq!(rig.state(), State::Closed);
    }
}

#[test]
fn probes_of_one_half_open_state_do_not_count_in_the_next() {
    let rig = Rig::half_open(half_fail_of(4));
    rig.bad(2);
    rig.pass(rig.retry_after());
    rig.bad(1);
    assert_eq!(rig.state(), State::HalfOpen);
    rig.good(3);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_slow_probe_is_a_failed_probe() {
    let settings = || CircuitBreaker::slow_calls(Ratio::percent(50), ms(100)).probes(2);
    for settings in [settings(), settings().failure_rate(Ratio::percent(50))] {
        let rig = Rig::half_open(settings);
        let mut transitions = rig.breaker.subscribe();
        rig.takes(ms(100) + ns(1), Ok(()));
        let opened = (State::HalfOpen, State::Open, Cause::ProbesFailed);
        assert_eq!(read(&mut transitions), [opened]);
    }
    let rig = Rig::half_open(settings());
    rig.takes(ms(100), Ok(()));
    rig.takes(ms(100), Ok(()));
    assert_eq!(
        rig.state(),
        State::Closed,
        "as long as the limit is not slow"
    );
}

#[test]
fn a_probe_that_failed_slowly_fails_once() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(50), ms(100));
    let rig = Rig::half_open(settings.failure_rate(Ratio::percent(50)).probes(4));
    rig.takes(ms(101), Err(BAD));
    rig.good(3);
    assert_eq!(rig.state(), State::Closed, "1 of 4");
}

#[test]
fn a_failed_probe_fails_where_only_slow_calls_have_a_rate() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(50), ms(100)).probes(2);
    let rig = Rig::half_open(settings);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn an_overloaded_probe_is_a_failed_probe() {
    for settings in [brittle(), half_fail_of(1), half_fail_of(2)] {
        let rig = Rig::half_open(settings);
        rig.answer(1, Err(OVERLOADED));
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn one_failure_is_enough_where_there_is_no_rate() {
    let rig = Rig::half_open(CircuitBreaker::consecutive_failures(5).probes(3));
    rig.good(2);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn failures_in_a_row_are_enough_below_the_rate() {
    let settings = || {
        let rate = CircuitBreaker::failure_rate(Ratio::percent(80));
        rate.probes(10).consecutive_failures(3)
    };
    let rig = Rig::half_open(settings());
    rig.bad(2);
    rig.good(1);
    rig.bad(2);
    assert_eq!(rig.state(), State::HalfOpen);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open, "three in a row");

    let rig = Rig::half_open(settings());
    rig.bad(2);
    rig.answer(3, Err(OVERLOADED));
    assert_eq!(
        rig.state(),
        State::HalfOpen,
        "overloaded does not count in the row"
    );
    rig.bad(1);
    assert_eq!(rig.state(), State::Open, "and does not end it");
}

#[test]
fn what_says_nothing_of_the_dependency_gives_the_place_back() {
    let rig = Rig::half_open(half_fail_of(2));
    rig.answer(20, Err(Verdict::caller()));
    assert_eq!((rig.state(), rig.free_probes()), (State::HalfOpen, 2));
}

#[test]
fn it_is_half_open_for_so_long_and_then_opens_again() {
    let rig = Rig::opened(brittle().half_open_for(secs(3)));
    rig.pass(secs(5));
    let _lost = rig.probe();
    let mut transitions = rig.breaker.subscribe();
    rig.pass(secs(3) - ns(1));
    assert_eq!(rig.retry_after(), ns(1));
    assert_eq!(rig.state(), State::HalfOpen);
    rig.pass(ns(1));
    assert_eq!(rig.retry_after(), secs(10), "it grows like any re-opening");
    let opened = (State::HalfOpen, State::Open, Cause::HalfOpenTimeOver);
    assert_eq!(read(&mut transitions), [opened]);
    rig.pass(secs(10));
    rig.good(1);
    assert_eq!(
        rig.state(),
        State::Closed,
        "the lost probe holds nothing up"
    );
}

#[test]
fn results_that_come_at_the_end_of_the_half_open_time_are_too_late() {
    for (after, state) in [(secs(3) - ns(1), State::Closed), (secs(3), State::Open)] {
        let rig = Rig::half_open(brittle().half_open_for(secs(3)));
        let probe = rig.probe();
        rig.pass(after);
        probe.record(&GOOD);
        assert_eq!(rig.state(), state, "after {after:?}");
    }
}

#[test]
fn where_fewer_calls_came_than_there_are_probes_those_decide() {
    let in_the_end = |good, bad| {
        let rig = Rig::half_open(half_fail_of(10).half_open_for(secs(3)));
        rig.bad(bad);
        rig.good(good);
        assert_eq!(rig.state(), State::HalfOpen);
        rig.pass(secs(3));
        let _ = rig.call(Ok(()));
        rig.state()
    };
    assert_eq!(in_the_end(1, 0), State::Closed);
    assert_eq!(in_the_end(2, 1), State::Closed, "1 of 3 failed");
    assert_eq!(in_the_end(2, 2), State::Open, "2 of 4 failed");
    assert_eq!(in_the_end(0, 1), State::Open);
}

#[test]
fn a_probe_that_is_out_in_the_end_has_failed() {
    let in_the_end = |good, out| {
        let rig = Rig::half_open(half_fail_of(10).half_open_for(secs(3)));
        let _out: Vec<_> = (0..out).map(|_| rig.probe()).collect();
        rig.good(good);
        rig.pass(secs(3));
        let _ = rig.call(Ok(()));
        rig.state()
    };
    assert_eq!(in_the_end(3, 1), State::Closed, "1 of 4");
    assert_eq!(in_the_end(2, 2), State::Open, "2 of 4");
    assert_eq!(in_the_end(0, 1), State::Open);
}

#[test]
fn the_call_that_ends_half_open_passes_where_it_closes() {
    let rig = Rig::half_open(half_fail_of(5).half_open_for(secs(3)));
    let mut transitions = rig.breaker.subscribe();
    rig.good(4);
    rig.pass(secs(3));
    assert!(!rig.start().is_probe());
    let closed = (State::HalfOpen, State::Closed, Cause::ProbesSucceeded);
    assert_eq!(read(&mut transitions), [closed]);
}

#[test]
fn a_probe_that_began_late_and_is_quick_counts() {
    let rig = Rig::half_open(half_fail_of(2).half_open_for(secs(3)));
    rig.good(1);
    rig.pass(secs(3) - ns(1));
    let probe = rig.probe();
    rig.pass(secs(3) - ns(1));
    probe.record(&GOOD);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_result_that_comes_after_the_half_open_time_ends_it() {
    let after = |good| {
        let rig = Rig::half_open(half_fail_of(10).half_open_for(secs(3)));
        rig.good(good);
        let probe = rig.probe();
        rig.pass(secs(3));
        probe.record(&GOOD); // It hung for as long as half-open may last.
        rig.state()
    };
    assert_eq!(after(2), State::Closed, "1 of 3 failed");
    assert_eq!(after(1), State::Open, "1 of 2 failed");
}

#[test]
fn it_stays_open_for_no_longer_than_before_where_no_probe_came_to_anything() {
    let rig = Rig::opened(brittle().half_open_for(secs(3)));
    rig.pass(secs(5));
    for _ in 0..10 {
        rig.answer(1, Err(Verdict::caller()));
        assert_eq!(rig.state(), State::HalfOpen);
        rig.pass(secs(3));
        assert_eq!(rig.retry_after(), secs(5));
        assert_eq!(rig.snapshot().reopened, 0);
        rig.pass(secs(5));
    }
}

#[test]
fn a_default_breaker_that_is_called_once_a_second_closes_again() {
    let rig = Rig::of(VirtualRuntime::new(7), CircuitBreaker::default());
    rig.bad(10);
    let mut waited = 0;
    while rig.state() != State::Closed {
        rig.pass(secs(1));
        let _ = rig.call(Ok(()));
        waited += 1;
        assert!(waited <= 10, "open for 5 s, half-open for 5 s");
    }
}

#[test]
fn a_default_breaker_that_is_called_once_a_minute_closes_again() {
    let rig = Rig::of(VirtualRuntime::new(7), CircuitBreaker::default());
    rig.bad(10);
    for _ in 0..2 {
        rig.pass(secs(60));
        rig.good(1);
    }
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn half_open_lasts_as_long_as_open_unless_it_is_said() {
    let rig = Rig::half_open(brittle().open_for(secs(7)));
    let _probe = rig.probe();
    rig.pass(secs(7) - ns(1));
    rig.refused();
    assert_eq!(rig.state(), State::HalfOpen);
    rig.pass(ns(1));
    rig.refused();
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn calls_beyond_the_probes_are_never_made() {
    let rig = Rig::half_open(half_fail_of(3));
    let out: Vec<_> = (0..3).map(|_| rig.probe()).collect();
    for _ in 0..1000 {
        rig.refused(); // Asserts that the operation is not started.
    }
    for probe in out {
        probe.record(&GOOD);
    }
    assert_eq!((rig.state(), rig.snapshot().stale), (State::Closed, 0));
}

#[test]
fn probes_may_run_at_the_same_time() {
    let rig = Rig::half_open(half_fail_of(3));
    let calls = || {
        rig.runtime.drive(rig.calls.call(|| async {
            rig.runtime.sleep(ms(10)).await;
            Ok(())
        }))
    };
    let mut probes = [calls(), calls(), calls()];
    assert!(probes.iter_mut().all(|probe| probe.poll().is_pending()));
    rig.refused();
    rig.pass(ms(10));
    assert!(probes.iter_mut().all(|probe| probe.poll().is_ready()));
    assert_eq!(rig.state(), State::Closed);
}

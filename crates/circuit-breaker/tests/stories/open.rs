//! The open time: how long it is, how it grows, and what refused calls are told.

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Class, Error, Ratio, Rejection, RejectionKind, Verdict};

use crate::common::{BAD, OVERLOADED, Rig, brittle, ms, ns, secs};

/// Lets the open time pass, fails the probe, and says how long it is open then.
fn reopen(rig: &Rig) -> Duration {
    rig.pass(rig.retry_after());
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
    rig.retry_after()
}

fn growing() -> CircuitBreakerBuilder {
    brittle().open_for(secs(1)).max_open_for(secs(10))
}

#[test]
fn it_refuses_one_nanosecond_before_the_end_and_probes_at_it() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(5) - ns(1));
    assert_eq!(rig.retry_after(), ns(1));
    assert_eq!(rig.state(), State::Open);
    rig.pass(ns(1));
    let probe = rig.probe();
    assert_eq!(rig.state(), State::HalfOpen);
    probe.record(&Verdict::success());
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_refusal_says_exactly_when_to_come_back() {
    let rig = Rig::opened(brittle());
    for passed in [0, 1, 999_999_999, 2_500_000_001, 4_999_999_999] {
        rig.pass(ns(passed).saturating_sub(rig.runtime.elapsed()));
        let rejection = rig.refused();
        assert_eq!(rejection.retry_after(), Some(secs(5) - ns(passed)));
        assert_eq!(rig.snapshot().remaining, secs(5) - ns(passed));
    }
}

#[test]
fn a_refusal_names_the_breaker_and_says_that_nothing_was_executed() {
    let rig = Rig::opened(brittle().named("payments"));
    let rejection = rig.refused();
    assert_eq!(
        rejection,
        Rejection::new("payments", RejectionKind::CircuitOpen).with_retry_after(secs(5))
    );
    assert_eq!(
        rejection.to_string(),
        "payments is open; try again after 5s"
    );
    assert_eq!(rig.breaker.name(), "payments");
    let report = rig
        .runtime
        .block_on(rig.calls.call(|| std::future::ready(Ok(()))).reported());
    assert_eq!(report.result, Err(Error::Rejected(rejection)));
    assert_eq!(
        (report.attempts, report.verdict.class()),
        (0, Class::Transient)
    );
    assert!(!report.verdict.may_have_executed());
    assert_eq!(report.verdict.retry_after(), Some(secs(5)));
}

#[test]
fn a_permit_is_refused_with_the_same_words() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(1));
    let rejection = rig.breaker.try_acquire(&rig.runtime).unwrap_err();
    assert_eq!(rejection, rig.refused());
    assert_eq!(rejection.retry_after(), Some(secs(4)));
}

#[test]
fn refused_calls_do_not_lengthen_the_open_time() {
    let rig = Rig::opened(brittle());
    for left in (1..=5).rev() {
        for _ in 0..100 {
            assert_eq!(rig.retry_after(), secs(left));
        }
        rig.pass(secs(1));
    }
    rig.good(1);
}

#[test]
fn it_stays_open_until_a_call_comes() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(500));
    assert_eq!(rig.state(), State::Open);
    assert_eq!(rig.snapshot().remaining, Duration::ZERO);
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn the_open_time_grows_by_the_factor_up_to_the_longest() {
    let rig = Rig::opened(growing());
    assert_eq!(rig.retry_after(), secs(1));
    for (reopened, length) in [2, 4, 8, 10, 10].into_iter().enumerate() {
        assert_eq!(reopen(&rig), secs(length));
        assert_eq!(rig.snapshot().reopened as usize, reopened + 1);
    }
}

#[test]
fn a_fraction_of_the_factor_is_kept() {
    let rig = Rig::opened(growing().factor(1.5));
    for millis in [1500, 2250, 3375] {
        assert_eq!(reopen(&rig), ms(millis));
    }
    assert_eq!(reopen(&rig), ns(5_062_500_000));
}

#[test]
fn a_factor_of_one_keeps_the_open_time() {
    let rig = Rig::opened(growing().factor(1.0));
    for _ in 0..20 {
        assert_eq!(reopen(&rig), secs(1));
    }
}

#[test]
fn an_open_time_above_the_default_maximum_does_not_grow() {
    let rig = Rig::opened(brittle().open_for(secs(90)));
    for _ in 0..5 {
        assert_eq!(reopen(&rig), secs(90));
    }
}

#[test]
fn growth_begins_anew_when_it_has_closed() {
    let rig = Rig::opened(growing());
    assert_eq!(reopen(&rig), secs(2));
    assert_eq!(reopen(&rig), secs(4));
    rig.pass(secs(4));
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.snapshot().reopened, 0);
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(1));
    assert_eq!(reopen(&rig), secs(2));
}

#[test]
fn jitter_shortens_each_reopening_by_up_to_its_share() {
    let settings = growing().jitter(Ratio::percent(20)).max_open_for(secs(1));
    let rig = Rig::opened(settings);
    let times: Vec<_> = (0..500).map(|_| reopen(&rig)).collect();
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(*least > ms(800) && *least < ms(805), "{least:?}");
    assert!(*most <= secs(1) && *most > ms(995), "{most:?}");
    let middle = times.iter().sum::<Duration>() / 500;
    assert!(middle > ms(890) && middle < ms(910), "{middle:?}");
}

#[test]
fn the_whole_open_time_may_be_jittered_and_some_of_it_stays() {
    let settings = growing().jitter(Ratio::percent(100)).max_open_for(secs(1));
    let rig = Rig::opened(settings);
    let times: Vec<_> = (0..500).map(|_| reopen(&rig)).collect();
    assert!(times.iter().all(|time| *time > ns(0) && *time <= secs(1)));
    assert!(times.iter().any(|time| *time < ms(20)));
    assert!(times.iter().any(|time| *time > ms(980)));
}

#[test]
fn the_first_open_time_is_exact() {
    for _ in 0..50 {
        let rig = Rig::opened(growing().jitter(Ratio::percent(100)));
        reopen(&rig);
        rig.breaker.reset();
        rig.bad(1);
        assert_eq!(rig.retry_after(), secs(1));
    }
}

#[test]
fn two_breakers_are_jittered_differently() {
    let settings = || growing().jitter(Ratio::percent(50));
    let one = Rig::opened(settings());
    let other = Rig::of(one.runtime.clone(), settings().build().unwrap());
    other.bad(1);
    one.pass(secs(1));
    one.bad(1);
    other.bad(1);
    assert_ne!(one.retry_after(), other.retry_after());
}

#[test]
fn what_the_failure_asked_for_lengthens_the_open_time() {
    for (asked, length) in [(0, 5), (4, 5), (5, 5), (6, 6), (60, 60)] {
        for verdict in [BAD, Verdict::permanent()] {
            let rig = Rig::new(brittle());
            let hinted = verdict.with_retry_after(secs(asked));
            rig.answer(1, Err(hinted));
            assert_eq!(rig.retry_after(), secs(length), "asked for {asked} s");
            rig.pass(secs(length) - ns(1));
            assert_eq!(rig.retry_after(), ns(1));
            rig.pass(ns(1));
            rig.good(1);
        }
    }
}

#[test]
fn what_the_failure_asked_for_is_capped() {
    let opened_by = |settings: CircuitBreakerBuilder, asked| {
        let rig = Rig::new(settings);
        rig.answer(1, Err(BAD.with_retry_after(asked)));
        rig.retry_after()
    };
    assert_eq!(opened_by(brittle(), secs(61)), secs(60), "the default");
    assert_eq!(opened_by(brittle(), secs(1 << 33)), secs(60));
    let quarter = || brittle().max_retry_after(secs(15));
    assert_eq!(opened_by(quarter(), secs(3600)), secs(15));
    assert_eq!(
        opened_by(brittle().max_retry_after(secs(0)), secs(3600)),
        secs(5)
    );
    let longest = brittle().max_open_for(secs(7));
    assert_eq!(
        opened_by(longest, secs(30)),
        secs(30),
        "it has a cap of its own"
    );
}

#[test]
fn only_the_failure_that_opens_it_is_asked() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(2).open_for(secs(5)));
    rig.answer(1, Err(BAD.with_retry_after(secs(50))));
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(5));
}

#[test]
fn what_a_failed_probe_asked_for_lengthens_the_open_time() {
    let rig = Rig::opened(growing());
    rig.pass(secs(1));
    rig.answer(1, Err(OVERLOADED.with_retry_after(secs(30))));
    assert_eq!(rig.retry_after(), secs(30));
    assert_eq!(reopen(&rig), secs(4), "it grows from what is configured");
}

#[test]
fn what_was_asked_for_is_not_jittered() {
    let rig = Rig::opened(growing().jitter(Ratio::percent(100)));
    for _ in 0..50 {
        rig.pass(rig.retry_after());
        rig.answer(1, Err(BAD.with_retry_after(secs(30))));
        assert_eq!(rig.retry_after(), secs(30));
    }
}

#[test]
fn the_longest_settings_do_not_overflow() {
    let day = secs(24 * 60 * 60);
    let settings = brittle()
        .open_for(day)
        .factor(1000.0)
        .max_open_for(Duration::MAX)
        .max_retry_after(Duration::MAX)
        .half_open_for(Duration::MAX);
    let rig = Rig::opened(settings);
    assert_eq!(rig.retry_after(), day);
    assert_eq!(reopen(&rig), day * 1000);
    let end = Duration::from_nanos(u64::MAX) - Duration::from_secs(1000);
    rig.pass(day * 1000);
    rig.bad(1);
    assert_eq!(
        rig.retry_after(),
        end - rig.runtime.elapsed(),
        "the end of the clock"
    );
}

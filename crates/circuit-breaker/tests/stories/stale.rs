//! Results that come in another state than the one in which their call was let through.

use steadfast_circuit_breaker::{Cancelled, CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{BAD, OVERLOADED, Rig, brittle, half_fail, read, secs};

const GOOD: Verdict = Verdict::success();

/// Opens at the second failure in a row, and at the tenth call of which half failed.
fn settings() -> [CircuitBreakerBuilder; 3] {
    half_fail().map(|settings| {
        settings
            .consecutive_failures(2)
            .probes(1)
            .open_for(secs(5))
            .jitter(Ratio::percent(0))
    })
}

#[test]
fn a_late_result_of_an_earlier_cycle_changes_nothing() {
    for settings in settings() {
        let rig = Rig::new(settings);
        let late: Vec<_> = (0..40).map(|_| rig.start()).collect();
        rig.bad(2);
        rig.pass(secs(5));
        rig.close();
        rig.bad(1);
        let before = rig.snapshot();
        for (number, permit) in late.into_iter().enumerate() {
            permit.record([&BAD, &GOOD, &OVERLOADED][number % 3]);
        }
        let mut after = rig.snapshot();
        assert_eq!(after.stale, 40);
        after.stale = 0;
        assert_eq!(after, before);
    }
}

#[test]
fn a_late_result_after_many_cycles_changes_nothing() {
    for settings in settings() {
        let rig = Rig::new(settings);
        // A permit of each of twenty closed periods, reported one, two, three .. periods late.
        let mut late = Vec::new();
        for _ in 0..20 {
            late.push((rig.start(), rig.start()));
            rig.bad(2);
            rig.pass(rig.retry_after());
            rig.close();
        }
        for (one, two) in late {
            one.record(&BAD);
            two.record(&BAD);
            assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
            assert_eq!(rig.snapshot().consecutive_failures, 0);
        }
        assert_eq!(rig.snapshot().stale, 40);
    }
}

#[test]
fn a_late_failure_while_it_is_open_neither_lengthens_nor_repeats_it() {
    for settings in settings() {
        let rig = Rig::new(settings);
        let late: Vec<_> = (0..10).map(|_| rig.start()).collect();
        let mut transitions = rig.breaker.subscribe();
        rig.bad(2);
        rig.pass(secs(3));
        for permit in late {
            permit.record(&BAD.with_retry_after(secs(50)));
        }
        assert_eq!(rig.retry_after(), secs(2));
        assert_eq!(read(&mut transitions).len(), 1, "one trip for one cause");
        assert_eq!(rig.snapshot().stale, 10);
    }
}

#[test]
fn a_late_result_does_not_decide_for_the_probes() {
    for verdict in [BAD, GOOD] {
        for settings in settings() {
            let rig = Rig::new(settings);
            let late: Vec<_> = (0..10).map(|_| rig.start()).collect();
            rig.bad(2);
            rig.pass(secs(5));
            let probe = rig.probe();
            for permit in late {
                permit.record(&verdict);
            }
            assert_eq!(rig.state(), State::HalfOpen, "{verdict:?}");
            rig.refused();
            probe.record(&GOOD);
            assert_eq!(rig.state(), State::Closed);
        }
    }
}

#[test]
fn a_late_probe_does_not_decide_in_a_later_half_open_state() {
    for verdict in [BAD, GOOD] {
        let rig = Rig::half_open(brittle().half_open_for(secs(1)));
        let late = rig.probe();
        rig.pass(secs(1));
        rig.pass(rig.retry_after());
        let probe = rig.probe();
        late.record(&verdict);
        assert_eq!(rig.state(), State::HalfOpen, "{verdict:?}");
        rig.refused();
        assert_eq!(rig.snapshot().stale, 1);
        drop(probe);
    }
}

#[test]
fn a_late_probe_does_not_count_when_it_is_closed_or_open() {
    let rig = Rig::half_open(brittle().half_open_for(secs(1)));
    let late = rig.probe();
    rig.pass(secs(1));
    rig.refused();
    late.record(&GOOD);
    assert_eq!(rig.state(), State::Open, "it is not closed by it");

    let rig = Rig::half_open(brittle().half_open_for(secs(1)));
    let late = rig.probe();
    rig.pass(secs(1));
    rig.pass(rig.retry_after());
    rig.good(1);
    late.record(&BAD);
    assert_eq!(rig.state(), State::Closed, "it is not opened by it");
    assert_eq!(rig.snapshot().stale, 1);
}

#[test]
fn probes_that_come_back_after_the_verdict_change_nothing() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).probes(4);
    let rig = Rig::half_open(settings.open_for(secs(5)).jitter(Ratio::percent(0)));
    let [one, two, three, four] = [rig.probe(), rig.probe(), rig.probe(), rig.probe()];
    one.record(&BAD);
    two.record(&BAD);
    assert_eq!(rig.retry_after(), secs(10));
    rig.pass(secs(1));
    three.record(&BAD);
    four.record(&GOOD);
    assert_eq!(rig.retry_after(), secs(9));
    assert_eq!((rig.snapshot().reopened, rig.snapshot().stale), (1, 2));
}

#[test]
fn what_is_done_by_hand_begins_another_state() {
    let by_hand: [fn(&Rig); 4] = [
        |rig| rig.breaker.isolate(),
        |rig| rig.breaker.force_closed(),
        |rig| rig.breaker.reset(),
        |rig| rig.breaker.open_for_at(rig.now(), secs(1)),
    ];
    for change in by_hand {
        for settings in settings() {
            let rig = Rig::new(settings);
            let late: Vec<_> = (0..20).map(|_| rig.start()).collect();
            change(&rig);
            let state = rig.state();
            for permit in late {
                permit.record(&BAD);
            }
            assert_eq!((rig.state(), rig.snapshot().stale), (state, 20));
            rig.breaker.reset();
            assert_eq!(rig.counts(), (0, 0, 0));
        }
    }
}

#[test]
fn a_late_cancellation_changes_nothing() {
    for settings in settings() {
        let rig = Rig::new(settings.cancelled_as(Cancelled::Failure));
        let late: Vec<_> = (0..20).map(|_| rig.start()).collect();
        rig.breaker.reset();
        drop(late);
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
        assert_eq!(rig.snapshot().stale, 20);
    }
}

#[test]
fn what_would_not_have_counted_is_not_counted_as_late() {
    let rig = Rig::new(brittle());
    let late: Vec<_> = (0..20).map(|_| rig.start()).collect();
    rig.breaker.reset();
    for (number, permit) in late.into_iter().enumerate() {
        if number % 2 == 0 {
            permit.record(&Verdict::caller());
        }
    }
    assert_eq!(rig.snapshot().stale, 0);
}

#[test]
fn calls_of_the_forced_closed_state_are_never_counted() {
    for settings in settings() {
        let rig = Rig::new(settings);
        rig.breaker.force_closed();
        let late: Vec<_> = (0..20).map(|_| rig.start()).collect();
        rig.breaker.reset();
        for permit in late {
            permit.record(&BAD);
        }
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
        assert_eq!(rig.snapshot().stale, 0);
    }
}

#[test]
fn results_in_time_are_never_counted_as_late() {
    for settings in settings() {
        let rig = Rig::new(settings);
        for _ in 0..3 {
            rig.good(5);
            rig.bad(2);
            rig.pass(rig.retry_after());
            rig.bad(1);
            rig.pass(rig.retry_after());
            rig.close();
        }
        assert_eq!(rig.snapshot().stale, 0);
    }
}

//! Results that were taken for those of another state: resilience4j, Polly, failsafe-go, tower-resilience
//! and recloser do not remember in which state a call was let through.

use steadfast_circuit_breaker::{CircuitBreaker, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{BAD, Rig, brittle, half_fail, secs};

const GOOD: Verdict = Verdict::success();

/// A call that began when it was closed and ends when it is half-open was taken for a probe: its success
/// closed it, its failure opened it.
#[test]
fn a_call_from_before_the_outage_is_not_taken_for_a_probe() {
    for verdict in [GOOD, BAD] {
        let rig = Rig::new(brittle());
        let old = rig.start();
        rig.bad(1);
        rig.pass(secs(5));
        let probe = rig.probe();
        old.record(&verdict);
        assert_eq!(rig.state(), State::HalfOpen, "{verdict:?}");
        rig.refused();
        probe.record(&GOOD);
        assert_eq!(rig.state(), State::Closed);
    }
}

/// What a call from before the outage came to was counted in the new closed state, so slow failures of the
/// outage opened it again.
#[test]
fn failures_of_the_outage_that_end_after_it_do_not_open_it_again() {
    for settings in half_fail() {
        let rig = Rig::new(settings.probes(1));
        let slow: Vec<_> = (0..100).map(|_| rig.start()).collect();
        rig.bad(10);
        rig.pass(rig.retry_after());
        rig.close();
        for call in slow {
            call.record(&BAD);
        }
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
        assert_eq!(rig.snapshot().stale, 100);
    }
}

/// A permit of an earlier half-open state was given back into the next, which then lent more probes than
/// it had.
#[test]
fn a_permit_of_an_earlier_half_open_state_adds_none_to_the_next() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(100)).probes(2);
    let rig = Rig::half_open(settings.half_open_for(secs(1)));
    let old = [rig.probe(), rig.probe()];
    rig.pass(secs(1));
    rig.pass(rig.retry_after());
    let current = [rig.probe(), rig.probe()];
    let [one, two] = old;
    drop(one);
    two.record(&GOOD);
    rig.refused();
    assert_eq!(rig.state(), State::HalfOpen);
    drop(current);
    assert_eq!(rig.free_probes(), 2);
}

/// Failures that ended while it was open began its open time anew, so a backlog of slow failures kept it
/// open for as long as there was one.
#[test]
fn a_backlog_of_failures_does_not_keep_it_open() {
    let rig = Rig::new(brittle());
    let mut backlog: Vec<_> = (0..50).map(|_| rig.start()).collect();
    rig.bad(1);
    for left in (1..=5).rev() {
        assert_eq!(rig.retry_after(), secs(left));
        for call in backlog.drain(..10) {
            call.record(&BAD);
        }
        rig.pass(secs(1));
    }
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

/// Callers that met the threshold at once opened it several times, and each time for longer.
#[test]
fn many_failures_at_once_open_it_once() {
    for settings in half_fail() {
        let rig = Rig::new(settings.open_for(secs(5)));
        let mut transitions = rig.breaker.subscribe();
        let calls: Vec<_> = (0..100).map(|_| rig.start()).collect();
        for call in calls {
            call.record(&BAD);
        }
        assert!(transitions.try_recv().is_some());
        assert_eq!(transitions.try_recv(), None);
        assert_eq!((rig.retry_after(), rig.snapshot().reopened), (secs(5), 0));
    }
}

//! Half-open states that never ended, or admitted everyone.

use std::{future::pending, sync::Mutex};

use steadfast_circuit_breaker::{CircuitBreaker, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{Answer, Rig, brittle, panics, secs};

/// resilience4j: `maxWaitDurationInHalfOpenState` is 0 by default, so a probe that never reports keeps it
/// half-open, and refusing, for ever.
#[test]
fn probes_that_never_report_do_not_keep_it_half_open() {
    let rig = Rig::opened(brittle().probes(3));
    rig.pass(secs(5));
    let lost: Vec<_> = (0..3).map(|_| rig.probe()).collect();
    let mut refused = 0;
    while rig.breaker.try_acquire(&rig.runtime).is_err() {
        rig.pass(secs(1));
        refused += 1;
        assert!(refused <= 15, "half-open for 5 s, then open for 10 s");
    }
    rig.good(3);
    assert_eq!(rig.state(), State::Closed);
    drop(lost);
}

/// resilience4j: as little came back of a probe whose caller gave up.
#[test]
fn probes_whose_callers_gave_up_do_not_use_up_the_permits() {
    let rig = Rig::half_open(brittle().probes(2).half_open_for(secs(3600)));
    for _ in 0..100 {
        let mut call = rig.runtime.drive(rig.calls.call(pending::<Answer>));
        assert!(call.poll().is_pending());
    }
    for _ in 0..100 {
        panics(|| {
            rig.runtime
                .block_on(rig.calls.call(|| async { panic!("oh") }))
        });
    }
    rig.good(2);
    assert_eq!(rig.state(), State::Closed);
}

/// recloser and failsafe: half-open, every call is let through, so the dependency that is just getting up
/// is hit by all that has piled up.
#[test]
fn of_a_thousand_callers_that_wait_only_the_probes_reach_the_dependency() {
    for probes in [1, 3] {
        let rig = Rig::opened(brittle().probes(probes));
        rig.pass(secs(5));
        let reached = Mutex::new(0);
        let mut calls: Vec<_> = (0..1000)
            .map(|_| {
                rig.runtime.drive(rig.calls.call(|| async {
                    *reached.lock().unwrap() += 1;
                    pending::<Answer>().await
                }))
            })
            .collect();
        let waiting = calls.iter_mut().filter_map(|call| match call.poll() {
            std::task::Poll::Pending => Some(()),
            std::task::Poll::Ready(result) => {
                assert!(result.unwrap_err().rejection().is_some());
                None
            }
        });
        assert_eq!(waiting.count(), probes as usize);
        assert_eq!(*reached.lock().unwrap(), probes);
    }
}

/// One good probe closed it, whatever the rest came to.
#[test]
fn one_good_probe_does_not_speak_for_the_rest() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).probes(4);
    let rig = Rig::half_open(settings);
    rig.good(1);
    assert_eq!(rig.state(), State::HalfOpen);
    rig.bad(2);
    assert_eq!(rig.state(), State::Open);
}

/// A probe that hung and then answered after an hour was a good probe.
#[test]
fn a_probe_that_hangs_does_not_close_it() {
    let rig = Rig::half_open(brittle());
    let hanging = rig.probe();
    rig.pass(secs(3600));
    hanging.record(&Verdict::success());
    assert_eq!(rig.state(), State::Open);
    assert_eq!(rig.retry_after(), secs(10));
}

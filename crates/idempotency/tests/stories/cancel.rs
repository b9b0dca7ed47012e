//! Calls that are dropped, panic or are cut off: nothing that was started is ever released.

use std::{
    cell::Cell,
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
};

use steadfast_core::{CallOptions, Policies};
use steadfast_idempotency::{Fingerprint, Idempotency, Refusal, State};

use crate::support::{Act, Fault, Rig, claim, id, ms, secs};

type Failed = &'static str;

#[test]
fn dropped_at_any_point_it_is_released_before_it_was_started_and_never_after() {
    for detached in [true, false] {
        let rig = Rig::new();
        let started = Cell::new(false);
        let (points, mut seen) = (Cell::new(0), Vec::new());
        let key = || points.get().to_string();
        let background = rig.detached().build().unwrap();
        let inline = Idempotency::builder(rig.store.clone()).build().unwrap();
        rig.store.always(Act::Claim, Fault::Slow(ms(10)));
        rig.store.always(Act::Finish, Fault::Slow(ms(10)));
        let make = || {
            points.set(points.get() + 1);
            started.set(false);
            let (background, inline) = (background.clone(), inline.clone());
            let (key, clock, runtime) = (key(), rig.clock.clone(), rig.runtime.clone());
            let started = &started;
            async move {
                let operation = || async {
                    started.set(true);
                    runtime.sleep(secs(15)).await;
                    Ok::<_, Failed>("paid".to_owned())
                };
                if detached {
                    let claim = claim(&background, &key);
                    claim.on(clock).call(operation).await
                } else {
                    let claim = claim(&inline, &key);
                    claim.on(clock).call(operation).await
                }
            }
        };
        rig.runtime.cancel_at_every_await(make, |polls| {
            rig.pass(ms(500)); // for the background
            seen.push((polls, started.get(), rig.state(&key())));
        });
        let expected: &[_] = if detached {
            &[
                (0, false, None),
                (1, false, Some(State::Released)),
                (2, true, Some(State::Indeterminate)),
                (3, true, Some(State::Indeterminate)),
                // It had ended, and its end was being written.
                (4, true, Some(State::Completed)),
                (5, true, Some(State::Completed)),
            ]
        } else {
            &[
                (0, false, None),
                (1, false, None), // what the store was about to do it did not
                (2, true, Some(State::InFlight)),
                (3, true, Some(State::InFlight)),
                (4, true, Some(State::InFlight)),
                (5, true, Some(State::Completed)),
            ]
        };
        assert_eq!(seen, expected);
        assert_eq!(rig.runtime.sleeps_waiting(), 0);
        assert_eq!(rig.runtime.tasks_alive(), 0);
    }
}

#[test]
fn a_panic_of_the_operation_is_unknown_at_once() {
    let rig = Rig::new();
    for (key, in_future) in [("start", false), ("poll", true)] {
        let claim = rig.claim(key);
        let calls = claim.on(rig.clock.clone());
        let call = calls.call(move || {
            assert!(in_future, "at the start");
            async move {
                if in_future {
                    panic!("in the future");
                }
                Ok::<String, Failed>(String::new())
            }
        });
        let panics = catch_unwind(AssertUnwindSafe(|| rig.runtime.block_on(call)));
        assert!(panics.is_err());
        rig.runtime.run_ready();
        assert_eq!(rig.state(key), Some(State::Indeterminate));
    }
}

#[test]
fn a_timeout_around_a_claim_is_unknown() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    let call = calls.call(|| async {
        rig.runtime.sleep(secs(60)).await;
        Ok::<_, Failed>("paid".to_owned())
    });
    let cut_off = rig
        .runtime
        .block_on(call.options(CallOptions::new().timeout(secs(2))));
    assert!(cut_off.unwrap_err().is_timed_out());
    rig.runtime.run_ready();
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
    assert_eq!(rig.notes.take(), "ended_in_background");
}

#[test]
fn without_a_background_a_dropped_call_blocks_the_key_when_its_lease_is_over() {
    let rig = Rig::new();
    let inline = Idempotency::builder(rig.store.clone()).build().unwrap();
    let first = claim(&inline, "k");
    let calls = first.on(rig.clock.clone());
    let mut dropped = rig
        .runtime
        .drive(calls.call(std::future::pending::<Result<String, Failed>>));
    assert!(dropped.poll().is_pending());
    drop(dropped);
    assert_eq!(rig.state("k"), Some(State::InFlight));
    rig.pass(secs(30));
    let again = rig
        .runtime
        .block_on(calls.call(|| async { Ok::<_, Failed>(String::new()) }));
    assert!(again.is_err());
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn a_call_that_took_over_and_is_dropped_while_asked_releases_nothing() {
    let rig = Rig::new();
    // Somebody of whom nobody knows.
    let first = rig.claim("k");
    let lost = first.run_inline(|_| async { Err::<String, _>("lost") });
    assert!(rig.runtime.block_on(lost).is_err());
    let retakes = claim(&rig.detached().retake().build().unwrap(), "k");
    rig.store.next(Act::Claim, Fault::SlowAnswer(ms(10)));
    let calls = retakes.on(rig.clock.clone());
    let mut dropped = rig
        .runtime
        .drive(calls.call(|| async { Ok::<_, Failed>(String::new()) }));
    assert!(dropped.poll().is_pending());
    assert_eq!(rig.store.record(&id("k")).unwrap().attempts, 2);
    drop(dropped);
    rig.pass(secs(1));
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn dropped_before_its_start_a_call_leaves_the_key_to_the_same_request() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::Hangs);
    let idempotency = rig.detached().build().unwrap();
    let claimed = claim(&idempotency, "k");
    let mut asks = rig
        .runtime
        .drive(claimed.run_inline(|_| pending::<Result<String, Failed>>()));
    assert!(asks.poll().is_pending());
    drop(asks);
    rig.runtime.run_ready();
    assert_eq!(rig.state("k"), Some(State::Released));
    let key = claimed.id().clone();
    let other = idempotency.id(key, Fingerprint::of(b"amount=11"));
    let run = other.run_inline(|_| async { Ok::<_, Failed>("paid".to_owned()) });
    let refused = *rig.runtime.block_on(run).unwrap_err().rejection().unwrap();
    assert_eq!(Refusal::of(&refused), Some(Refusal::Mismatch));
    let run = claimed.run_inline(|_| async { Ok::<_, Failed>("paid".to_owned()) });
    assert!(rig.runtime.block_on(run).is_ok());
}

//! One test for each defect found in another library.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "support/mod.rs"]
mod support;

use std::{cell::Cell, future::pending, task::Poll};

use steadfast_core::{Error, Policies};
use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fence, Fingerprint, Key, Lapsed, Lease, Owner, Refusal, Scope,
    State, Store, Stored, Written,
};

use support::{Act, Fault, Rig, claim, id, ms, print, secs};

type Failed = &'static str;

/// Powertools, idempotency4j, diom: an owner whose time was over writes over the result of who took over.
#[test]
fn a_second_completion_by_a_timed_out_owner_changes_nothing() {
    let rig = Rig::new();
    let slow = rig.claim("k");
    let calls = slow.on(rig.clock.clone());
    let done = Cell::new(false);
    let mut slow = rig.runtime.drive(calls.call(|| {
        std::future::poll_fn(|_| {
            if done.get() {
                Poll::Ready(Ok::<_, Failed>("slow".to_owned()))
            } else {
                Poll::Pending
            }
        })
    }));
    assert!(slow.poll().is_pending());
    rig.pass(secs(31));
    let second = claim(&rig.detached().retake().build().unwrap(), "k");
    let run = second.run_inline(|_| async { Ok::<_, Failed>("second".to_owned()) });
    assert_eq!(rig.runtime.block_on(run).unwrap().value, "second");
    done.set(true);
    assert_eq!(
        slow.poll(),
        Poll::Ready(Ok("second".into())),
        "its own result is discarded"
    );
    let run = second.run_inline(|_| async { Ok::<_, Failed>("never".to_owned()) });
    assert_eq!(rig.runtime.block_on(run).unwrap().value, "second");
}

/// idempotent 0.3: the claim is released when the future is dropped, and the effect happens twice.
#[test]
fn a_claim_is_not_released_when_the_future_is_dropped() {
    let rig = Rig::new();
    let effects = Cell::new(0);
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    let mut dropped = rig.runtime.drive(calls.call(|| {
        effects.set(effects.get() + 1);
        pending::<Result<String, Failed>>()
    }));
    assert!(dropped.poll().is_pending());
    drop(dropped);
    rig.pass(secs(3600));
    let again = rig.runtime.block_on(calls.call(|| {
        effects.set(effects.get() + 1);
        async { Ok::<_, Failed>(String::new()) }
    }));
    assert_eq!(
        Refusal::of(again.unwrap_err().rejection().unwrap()),
        Some(Refusal::Indeterminate)
    );
    assert_eq!(effects.get(), 1);
}

/// nestarc, hono: the lease is as long as the record is kept, so a crash blocks the key for a day.
#[test]
fn a_lease_is_not_as_long_as_the_record_is_kept() {
    let rig = Rig::new();
    let inline = steadfast_idempotency::Idempotency::builder(rig.store.clone())
        .build()
        .unwrap();
    let crashed = claim(&inline, "k");
    let calls = crashed.on(rig.clock.clone());
    let mut crash = rig
        .runtime
        .drive(calls.call(pending::<Result<String, Failed>>));
    assert!(crash.poll().is_pending());
    drop(crash);
    rig.pass(secs(30));
    let next = claim(&rig.detached().retake().build().unwrap(), "k");
    let run = next.run_inline(|_| async { Ok::<_, Failed>("paid".to_owned()) });
    assert_eq!(rig.runtime.block_on(run).unwrap().value, "paid");
}

/// arun0009: a call that waited removes the row of the one that runs.
#[test]
fn a_waiter_that_gives_up_leaves_the_owner_its_row() {
    let rig = Rig::new();
    let owner = rig.claim("k");
    let calls = owner.on(rig.clock.clone());
    let done = Cell::new(false);
    let mut running = rig.runtime.drive(calls.call(|| {
        std::future::poll_fn(|_| {
            if done.get() {
                Poll::Ready(Ok::<_, Failed>("paid".to_owned()))
            } else {
                Poll::Pending
            }
        })
    }));
    assert!(running.poll().is_pending());
    let waiter = claim(
        &rig.detached().wait_in_flight(secs(2)).build().unwrap(),
        "k",
    );
    let waits = waiter.on(rig.clock.clone());
    for polls in 0..4 {
        let mut waiting = rig
            .runtime
            .drive(waits.call(|| async { Ok::<_, Failed>(String::new()) }));
        for _ in 0..polls {
            let _ = waiting.poll();
            rig.pass(ms(30));
        }
        drop(waiting);
    }
    assert!(
        rig.runtime
            .block_on(waits.call(|| async { Ok::<_, Failed>(String::new()) }))
            .is_err()
    );
    assert_eq!(rig.state("k"), Some(State::InFlight));
    done.set(true);
    assert!(running.poll().is_ready());
    assert_eq!(rig.state("k"), Some(State::Completed));
}

/// axum-idempotent: two that come at once both run.
#[test]
fn of_duplicates_that_come_at_once_one_runs_whatever_the_store_takes() {
    for fault in [Fault::None, Fault::Slow(ms(5)), Fault::SlowAnswer(ms(5))] {
        let rig = Rig::new();
        rig.store.always(Act::Claim, fault);
        let runs = std::sync::Arc::new(std::sync::Mutex::new(0));
        // As many processes.
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (claim, clock) = (rig.claim("k"), rig.clock.clone());
                let (runtime, runs) = (rig.runtime.clone(), runs.clone());
                rig.runtime.spawn(async move {
                    let calls = claim.on(clock);
                    let call = calls.call(|| async {
                        *runs.lock().unwrap() += 1;
                        runtime.sleep(ms(50)).await;
                        Ok::<_, Failed>("paid".to_owned())
                    });
                    call.await.is_ok()
                })
            })
            .collect();
        let ends = rig.runtime.block_on(futures::future::join_all(tasks));
        assert_eq!(ends.into_iter().filter(|ended| *ended).count(), 1);
        assert_eq!(*runs.lock().unwrap(), 1);
    }
}

/// axum-idempotent: a key that is used on another route is answered with that route's response.
#[test]
fn a_result_is_not_replayed_for_another_operation_or_request() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    let key = || Key::new("k").unwrap();
    let charge = Fingerprint::of_request("POST", "/charges", "application/json", b"{}");
    let refund = Fingerprint::of_request("POST", "/refunds", "application/json", b"{}");
    let routes = Scope::new("customer-7", "all routes").unwrap();
    let ask = |scope: &Scope, print, answer: &'static str| {
        let claim = idempotency.key(scope, key(), print);
        let run = claim.run_inline(|_| async { Ok::<_, Failed>(answer.to_owned()) });
        rig.runtime.block_on(run).map(|answered| answered.value)
    };
    assert_eq!(ask(&routes, charge, "charged"), Ok("charged".into()));
    let refused = ask(&routes, refund, "refunded").unwrap_err();
    assert_eq!(
        Refusal::of(refused.rejection().unwrap()),
        Some(Refusal::Mismatch)
    );
    let refunds = Scope::new("customer-7", "POST /refunds").unwrap();
    assert_eq!(ask(&refunds, refund, "refunded"), Ok("refunded".into()));
}

/// hono: a row whose time is over answers that it is in flight, for ever.
#[test]
fn a_record_whose_time_is_over_is_as_good_as_none() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let ask = |answer: &'static str| {
        let run = claim.run_inline(|_| async { Ok::<_, Failed>(answer.to_owned()) });
        rig.runtime.block_on(run).map(|answered| answered.value)
    };
    assert_eq!(ask("first"), Ok("first".into()));
    rig.pass(secs(30 * 24 * 60 * 60));
    assert_eq!(ask("second"), Ok("second".into()));
}

/// Seven issue threads: without a scope, who guesses a key has the answer of somebody else.
#[test]
fn keys_of_one_principal_are_not_those_of_another() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    for (principal, answer) in [("a", "mine"), ("b", "theirs"), ("a", "never")] {
        let scope = Scope::new(principal, "charge").unwrap();
        let claim = idempotency.key(&scope, Key::new("k").unwrap(), print());
        let run = claim.run_inline(|_| async { Ok::<_, Failed>(answer.to_owned()) });
        let value = rig.runtime.block_on(run).unwrap().value;
        assert_eq!(value, if principal == "a" { "mine" } else { "theirs" });
    }
}

/// anyonce: a release deletes the row, the fence begins anew, and an earlier owner writes over a later one.
#[test]
fn a_release_keeps_the_fence() {
    let rig = Rig::new();
    let (id, lease) = (id("k"), secs(30));
    let claim = |owner| {
        let request = ClaimRequest {
            id: &id,
            fingerprint: print(),
            owner: Owner::from_u128(owner),
            lease,
            result_ttl: secs(3600),
            key_ttl: secs(3600),
            lapsed: Lapsed::TakeOver,
        };
        match rig.runtime.block_on(rig.store.claim(request)).unwrap() {
            Claim::Granted { fence, .. } => Lease::new(&request, fence),
            other => panic!("not granted: {other:?}"),
        }
    };
    let first = claim(1);
    let finish = |lease: &Lease, ending| {
        rig.runtime
            .block_on(rig.store.finish(lease, ending))
            .unwrap()
    };
    assert_eq!(finish(&first, Ending::Released), Written::Done);
    let second = claim(2);
    assert_eq!(second.fence, Fence::new(2));
    let late = finish(&first, Ending::Completed(Stored::body(*b"late")));
    assert_eq!(late, Written::Fenced(None));
}

/// Whatever is not this policy's is none of its refusals.
#[test]
fn a_rejection_of_another_policy_is_no_refusal() {
    use steadfast_core::{Rejection, RejectionKind};
    for kind in [RejectionKind::CircuitOpen, RejectionKind::Other("closed")] {
        assert_eq!(Refusal::of(&Rejection::new("gate", kind)), None);
    }
    let error: Error<Failed> = Refusal::Mismatch.rejection("payments").into();
    assert_eq!(
        error.to_string(),
        "payments refused the call: its key was used for another request"
    );
}

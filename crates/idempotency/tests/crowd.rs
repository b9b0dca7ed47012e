//! Many calls with one key in one process: they cost a few calls to the store, however many they are.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast_core::{CallOptions, Error, Policies, Runtime};
use steadfast_idempotency::{Fingerprint, Key, Refusal};

use support::{Act, Fault, Rig, claim, ms, secs};

type Failed = &'static str;
const CROWD: u32 = 10_000;

/// Calls that come one after another within a while, and what each was answered.
fn crowd(rig: &Rig, max: Duration, takes: Duration) -> Vec<Result<String, Error<Failed>>> {
    let idempotency = rig.detached().wait_in_flight(max).build().unwrap();
    let runs = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = (0..CROWD)
        .map(|number| {
            let (claim, clock) = (claim(&idempotency, "k"), rig.clock.clone());
            let (runtime, runs) = (rig.runtime.clone(), Arc::clone(&runs));
            rig.runtime.spawn(async move {
                runtime
                    .sleep(Duration::from_micros(u64::from(number)))
                    .await;
                let calls = claim.on(clock);
                let call = calls.call(|| async {
                    *runs.lock().unwrap() += 1;
                    runtime.sleep(takes).await;
                    Ok::<_, Failed>(number.to_string())
                });
                call.await
            })
        })
        .collect();
    let answers = rig.runtime.block_on(futures::future::join_all(tasks));
    assert!(*runs.lock().unwrap() <= 1);
    answers
}

#[test]
fn ten_thousand_that_wait_for_one_of_them_cost_one_claim_and_one_completion() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Slow(ms(3)));
    rig.store.always(Act::Finish, Fault::Slow(ms(3)));
    let answers = crowd(&rig, secs(10), secs(1));
    assert!(answers.iter().all(|answer| *answer == Ok("0".into())));
    assert_eq!(
        (rig.store.calls(Act::Claim), rig.store.calls(Act::Finish)),
        (1, 1)
    );
    assert_eq!(rig.store.all_calls(), 2);
}

#[test]
fn ten_thousand_that_wait_for_another_process_ask_as_one() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let task = rig.runtime.spawn({
        let (runtime, foreign) = (rig.runtime.clone(), foreign);
        async move {
            let run = foreign.run_inline(|_| async {
                runtime.sleep(secs(8)).await;
                Ok::<_, Failed>("theirs".to_owned())
            });
            run.await.unwrap().value
        }
    });
    rig.runtime.run_ready();
    let before = rig.store.calls(Act::Claim);
    let answers = crowd(&rig, secs(20), secs(1));
    assert!(answers.iter().all(|answer| *answer == Ok("theirs".into())));
    let asked = rig.store.calls(Act::Claim) - before;
    assert!(asked <= 25, "{asked} claims");
    drop(task);
}

#[test]
fn ten_thousand_that_give_up_one_after_another_do_not_each_ask() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let calls = foreign.on(rig.clock.clone());
    let mut runs = rig
        .runtime
        .drive(calls.call(std::future::pending::<Result<String, Failed>>));
    assert!(runs.poll().is_pending());
    let before = rig.store.calls(Act::Claim);
    let answers = crowd(&rig, secs(5), secs(1));
    for answer in answers {
        let refused = answer.unwrap_err();
        assert_eq!(
            Refusal::of(refused.rejection().unwrap()),
            Some(Refusal::InFlight)
        );
    }
    let asked = rig.store.calls(Act::Claim) - before;
    assert!(asked <= 25, "{asked} claims");
}

#[test]
fn ten_thousand_that_find_the_store_away_are_refused_by_one_that_asked() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Hangs);
    let answers = crowd(&rig, secs(5), secs(1));
    for answer in answers {
        let refused = answer.unwrap_err();
        assert_eq!(
            Refusal::of(refused.rejection().unwrap()),
            Some(Refusal::StoreUnavailable)
        );
    }
    let asked = rig.store.calls(Act::Claim);
    assert!(asked <= 3, "{asked} claims");
}

#[test]
fn a_thousand_that_came_while_another_payload_was_asked_for_ask_on_as_one() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let calls = foreign.on(rig.clock.clone());
    let mut runs = rig
        .runtime
        .drive(calls.call(std::future::pending::<Result<String, Failed>>));
    assert!(runs.poll().is_pending());
    let builder = rig.detached().wait_in_flight(secs(5));
    let idempotency = builder.build().unwrap();
    let other = idempotency.key(
        &support::scope(),
        Key::new("k").unwrap(),
        Fingerprint::of(b"amount=11"),
    );
    let other = other.on(rig.clock.clone());
    rig.store.next(Act::Claim, Fault::Slow(ms(5)));
    let mut mismatch = rig
        .runtime
        .drive(other.call(std::future::pending::<Result<String, Failed>>));
    assert!(mismatch.poll().is_pending());
    let before = rig.store.calls(Act::Claim);
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (claim, clock) = (claim(&idempotency, "k"), rig.clock.clone());
            rig.runtime.spawn(async move {
                let calls = claim.on(clock);
                let never = std::future::pending::<Result<String, Failed>>;
                calls.call(never).await
            })
        })
        .collect();
    rig.runtime.run_ready();
    // Nobody can know which of the payloads it is, so each asks, once.
    assert_eq!(rig.store.calls(Act::Claim) - before, 1_000);
    rig.pass(ms(5));
    assert!(mismatch.poll().is_ready());
    for task in tasks {
        assert!(rig.runtime.block_on(task).is_err());
    }
    let asked = rig.store.calls(Act::Claim) - before;
    assert!(asked <= 1_025, "{asked} claims");
}

#[test]
fn ten_thousand_whose_own_time_is_short_do_not_each_ask_a_store_that_hangs() {
    for waits in [false, true] {
        let rig = Rig::new();
        rig.store.always(Act::Claim, Fault::Hangs);
        let builder = rig.builder();
        let builder = if waits {
            builder.wait_in_flight(secs(5))
        } else {
            builder
        };
        let idempotency = builder.build().unwrap();
        let tasks: Vec<_> = (0..CROWD)
            .map(|number| {
                let (claim, clock) = (claim(&idempotency, "k"), rig.clock.clone());
                let runtime = rig.runtime.clone();
                rig.runtime.spawn(async move {
                    let late = Duration::from_micros(10 * u64::from(number));
                    runtime.sleep(late).await;
                    let calls = claim.on(clock);
                    let deadline = CallOptions::new().deadline(runtime.now() + ms(100));
                    let never = std::future::pending::<Result<String, Failed>>;
                    calls.call(never).options(deadline).await
                })
            })
            .collect();
        let answers = rig.runtime.block_on(futures::future::join_all(tasks));
        assert!(answers.iter().all(Result::is_err));
        let asked = rig.store.calls(Act::Claim);
        assert!(asked <= 5, "{asked} claims");
    }
}

#[test]
fn ten_thousand_whose_callers_go_away_do_not_each_ask_a_store_that_hangs() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Hangs);
    let idempotency = rig.builder().wait_in_flight(secs(5)).build().unwrap();
    let tasks: Vec<_> = (0..CROWD)
        .map(|number| {
            let (claim, clock) = (claim(&idempotency, "k"), rig.clock.clone());
            let runtime = rig.runtime.clone();
            rig.runtime.spawn(async move {
                let late = Duration::from_micros(10 * u64::from(number));
                runtime.sleep(late).await;
                let calls = claim.on(clock);
                let never = std::future::pending::<Result<String, Failed>>;
                let call = calls.call(never);
                let gone = runtime.sleep(ms(100));
                futures::future::select(std::pin::pin!(call), std::pin::pin!(gone)).await;
            })
        })
        .collect();
    rig.runtime.block_on(futures::future::join_all(tasks));
    let asked = rig.store.calls(Act::Claim);
    assert!(asked <= 5, "{asked} claims");
}

#[test]
fn one_that_has_time_is_refused_though_those_that_lead_go_away_before_the_store_is_given_up() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Hangs);
    let idempotency = rig.builder().build().unwrap();
    let hurried = |after: Duration| {
        let (claim, clock) = (claim(&idempotency, "k"), rig.clock.clone());
        let runtime = rig.runtime.clone();
        rig.runtime.spawn(async move {
            runtime.sleep(after).await;
            let calls = claim.on(clock);
            let call = calls.call(std::future::pending::<Result<String, Failed>>);
            let gone = runtime.sleep(ms(600));
            futures::future::select(std::pin::pin!(call), std::pin::pin!(gone)).await;
        })
    };
    let tasks: Vec<_> = (0..100).map(|number| hurried(ms(100 * number))).collect();
    rig.pass(ms(50));
    rig.runtime.run_ready();
    let patient = claim(&idempotency, "k");
    let calls = patient.on(rig.clock.clone());
    let start = rig.runtime.elapsed();
    let call = calls.call(std::future::pending::<Result<String, Failed>>);
    let refused = rig.runtime.block_on(call).unwrap_err();
    let refused = Refusal::of(refused.rejection().unwrap());
    assert_eq!(refused, Some(Refusal::StoreUnavailable));
    let took = rig.runtime.elapsed() - start;
    assert!(took <= secs(2), "{took:?}");
    drop(tasks);
}

//! Finding out what became of a claim that was taken over.

use std::{future::pending, sync::Arc};

use steadfast_core::{Error, Policies};
use steadfast_idempotency::{Detached, Finding, Idempotency, Raw, Refusal, State, TakenOver};

use crate::support::{Act, Clock, Fake, Rig, claim, secs};

type Failed = &'static str;

fn recovering<F, Fut>(rig: &Rig, find: F) -> Idempotency<Fake, Raw, Detached<Clock>>
where
    F: Fn(TakenOver) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Finding<String>> + Send + 'static,
{
    rig.detached().recover(find).build().unwrap()
}

/// Leaves the key unknown, at this step.
fn crash(rig: &Rig) {
    let claim = rig.claim("k");
    let crash = claim.run_inline(|ctx| async move {
        ctx.reach("charged").await.unwrap();
        Err::<String, Failed>("crash")
    });
    assert!(rig.runtime.block_on(crash).is_err());
    rig.notes.take();
}

fn call(
    rig: &Rig,
    idempotency: &Idempotency<Fake, Raw, Detached<Clock>>,
) -> Result<String, Error<Failed>> {
    let claim = claim(idempotency, "k");
    let calls = claim.on(rig.clock.clone());
    rig.runtime
        .block_on(calls.call(|| async { Ok("ran".to_owned()) }))
}

#[test]
fn what_was_found_to_have_been_done_is_completed_and_answered() {
    let rig = Rig::new();
    crash(&rig);
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let idempotency = recovering(&rig, move |taken_over| {
        log.lock()
            .unwrap()
            .push(format!("{:?} {}", taken_over.step, taken_over.fence.get()));
        async { Finding::Applied("found".to_owned()) }
    });
    assert_eq!(call(&rig, &idempotency), Ok("found".into()));
    assert_eq!(rig.state("k"), Some(State::Completed));
    assert_eq!(rig.notes.take(), "taken_over recovered");
    assert_eq!(call(&rig, &idempotency), Ok("found".into()));
    assert_eq!(*asked.lock().unwrap(), ["Some(\"charged\") 2"]);
}

#[test]
fn what_was_found_not_to_have_been_done_runs() {
    let rig = Rig::new();
    crash(&rig);
    let idempotency = recovering(&rig, |_| async { Finding::NotApplied });
    assert_eq!(call(&rig, &idempotency), Ok("ran".into()));
    assert_eq!(rig.state("k"), Some(State::Completed));
}

#[test]
fn what_nobody_can_find_out_stays_indeterminate_and_is_asked_for_again() {
    let rig = Rig::new();
    crash(&rig);
    let idempotency = recovering(&rig, |_| async { Finding::Unknown });
    for _ in 0..2 {
        let refused = call(&rig, &idempotency).unwrap_err();
        assert_eq!(
            Refusal::of(refused.rejection().unwrap()),
            Some(Refusal::Indeterminate)
        );
        assert_eq!(rig.state("k"), Some(State::Indeterminate));
    }
    let knows = recovering(&rig, |_| async { Finding::Applied("found".to_owned()) });
    assert_eq!(call(&rig, &knows), Ok("found".into()));
}

#[test]
fn a_first_claim_asks_nobody() {
    let rig = Rig::new();
    let idempotency = recovering(&rig, |_| async { unreachable!("nothing was taken over") });
    assert_eq!(call(&rig, &idempotency), Ok("ran".into()));
}

#[test]
fn a_claim_is_kept_while_the_callback_takes_its_time_and_unknown_where_it_is_cut_off() {
    let rig = Rig::new();
    crash(&rig);
    let idempotency = recovering(&rig, |_| pending());
    let claim = claim(&idempotency, "k");
    let calls = claim.on(rig.clock.clone());
    let mut asks = rig
        .runtime
        .drive(calls.call(|| async { Ok::<_, Failed>("ran".to_owned()) }));
    assert!(asks.poll().is_pending());
    for _ in 0..5 {
        rig.pass(secs(10));
        assert!(asks.is_woken());
        assert!(asks.poll().is_pending());
    }
    assert_eq!(rig.store.calls(Act::Renew), 1 + 5);
    drop(asks);
    rig.runtime.run_ready();
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn a_release_counts_once_it_is_found_that_the_earlier_claim_was_not_applied() {
    let rig = Rig::new();
    crash(&rig);
    let idempotency = recovering(&rig, |_| async { Finding::NotApplied });
    let claim = claim(&idempotency, "k");
    let refused = claim.run_inline(|ctx| async move {
        assert_eq!((ctx.is_taken_over(), ctx.step()), (true, Some("charged")));
        steadfast_idempotency::Handled::<String, Failed>::NotApplied("no funds")
    });
    assert_eq!(
        rig.runtime.block_on(refused),
        Err(Error::Operation("no funds"))
    );
    assert_eq!(rig.state("k"), Some(State::Released));
}

#[test]
fn of_two_modes_the_one_that_was_said_last_counts() {
    let rig = Rig::new();
    crash(&rig);
    let builder = rig
        .detached()
        .recover(|_| async { Finding::<String>::Unknown })
        .retake();
    assert_eq!(call(&rig, &builder.build().unwrap()), Ok("ran".into()));
}

//! Claim, effect and completion in one transaction.

use std::future::pending;

use steadfast_core::{Error, Rejection};
use steadfast_idempotency::{ExactlyOnce, Fingerprint, Key, Refusal, State, StoreErrorKind};

use crate::support::{Act, Claimed, DOWN, Fault, Rig, claim, ms, scope, secs};

pub(super) type Failed = &'static str;

pub(super) async fn charge(
    claim: &Claimed,
    result: Result<String, Failed>,
) -> Result<ExactlyOnce<String>, Error<Failed>> {
    claim
        .run_tx(|mut tx| async move {
            tx.effects.push("charged".to_owned());
            Ok(tx.returns(result?))
        })
        .await
}

pub(super) fn refusal<T>(result: Result<T, Rejection>) -> Refusal {
    Refusal::of(&result.map(drop).unwrap_err()).unwrap()
}

pub(super) fn refused<T>(result: Result<T, Error<Failed>>) -> Refusal {
    Refusal::of(result.map(drop).unwrap_err().rejection().unwrap()).unwrap()
}

#[test]
fn an_effect_is_committed_once_with_its_result_however_often_it_is_asked_for() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let first = rig
        .runtime
        .block_on(charge(&claim, Ok("paid".into())))
        .unwrap();
    assert_eq!((first.value.as_str(), first.replayed), ("paid", false));
    for _ in 0..10 {
        let again = rig
            .runtime
            .block_on(charge(&claim, Ok("again".into())))
            .unwrap();
        assert_eq!(
            (again.replayed, again.into_value().as_str()),
            (true, "paid")
        );
    }
    assert_eq!(rig.store.committed(), ["charged"]);
    assert_eq!(rig.state("k"), Some(State::Completed));
    assert!(rig.notes.take().starts_with("executed replayed replayed"));
}

#[test]
fn an_error_rolls_all_of_it_back_and_the_key_is_as_it_was() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let failed = rig.runtime.block_on(charge(&claim, Err("no funds")));
    assert_eq!(failed.unwrap_err(), Error::Operation("no funds"));
    assert_eq!((rig.state("k"), rig.store.committed().len()), (None, 0));
    assert!(
        rig.runtime
            .block_on(charge(&claim, Ok("paid".into())))
            .is_ok()
    );
    assert_eq!(rig.store.committed(), ["charged"]);
}

#[test]
fn dropped_at_any_point_before_the_commit_it_is_rolled_back() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    for act in [Act::Begin, Act::ClaimIn, Act::CompleteIn, Act::Commit] {
        rig.store.always(act, Fault::Slow(ms(10)));
    }
    let ended = std::cell::Cell::new(false);
    rig.runtime.cancel_at_every_await(
        || async {
            ended.set(charge(&claim, Ok("paid".into())).await.is_ok());
        },
        |polls| {
            let effects = rig.store.committed().len();
            assert_eq!(
                rig.state("k").is_some(),
                effects == 1,
                "after {polls} polls"
            );
        },
    );
    assert_eq!(rig.store.committed(), ["charged"]);
    assert!(ended.get());
}

#[test]
fn a_commit_whose_answer_was_lost_is_looked_up() {
    let rig = Rig::new();
    rig.store.next(Act::Commit, Fault::Loses);
    let claim = rig.claim("k");
    let answer = rig
        .runtime
        .block_on(charge(&claim, Ok("paid".into())))
        .unwrap();
    assert_eq!((answer.value.as_str(), answer.replayed), ("paid", false));
    assert_eq!(rig.store.committed(), ["charged"]);
}

#[test]
fn a_commit_of_which_nobody_knows_is_undecided_and_asking_again_finds_out() {
    for (commit, charged) in [(Fault::Loses, "paid"), (DOWN, "again")] {
        let rig = Rig::new();
        rig.store.next(Act::Commit, commit);
        rig.store.always(Act::Other, DOWN);
        let claim = rig.claim("k");
        let result = rig.runtime.block_on(charge(&claim, Ok("paid".into())));
        assert_eq!(refused(result), Refusal::Undecided);
        rig.store.mend();
        let again = rig
            .runtime
            .block_on(charge(&claim, Ok("again".into())))
            .unwrap();
        assert_eq!(again.value, charged);
        assert_eq!(rig.store.committed(), ["charged"]);
    }
}

#[test]
fn a_store_that_is_away_is_asked_again_for_a_while_and_nothing_runs() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    rig.store.next(Act::Begin, DOWN);
    rig.store.next(Act::ClaimIn, DOWN);
    assert!(
        rig.runtime
            .block_on(charge(&claim, Ok("paid".into())))
            .is_ok()
    );
    rig.store.always(Act::Begin, DOWN);
    let away = rig.runtime.block_on(claim.begin_tx::<String>());
    assert_eq!(refusal(away), Refusal::StoreUnavailable);
    rig.store
        .next(Act::Begin, Fault::Fails(StoreErrorKind::Full));
    assert_eq!(
        refusal(rig.runtime.block_on(claim.begin_tx::<String>())),
        Refusal::StoreFull
    );
}

#[test]
fn a_store_that_hangs_holds_nobody_for_longer_than_its_patience() {
    for (act, says, effects) in [
        (Act::Begin, Refusal::StoreUnavailable, 0),
        (Act::ClaimIn, Refusal::StoreUnavailable, 0),
        (Act::CompleteIn, Refusal::StoreUnavailable, 0),
        (Act::Commit, Refusal::Undecided, 0),
    ] {
        let rig = Rig::new();
        let claim = rig.claim("k");
        rig.store.always(act, Fault::Hangs);
        let before = rig.now();
        let hung = rig.runtime.block_on(charge(&claim, Ok("paid".into())));
        assert_eq!(refused(hung), says, "{act:?}");
        assert_eq!(rig.now() - before, secs(1), "{act:?}");
        assert_eq!(rig.store.committed().len(), effects);
        rig.store.mend();
        let again = rig.runtime.block_on(charge(&claim, Ok("paid".into())));
        assert!(!again.unwrap().replayed, "{act:?} left something behind");
    }
}

#[test]
fn a_store_that_hangs_after_a_commit_leaves_it_undecided() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    rig.store.next(Act::Commit, Fault::SlowAnswer(secs(60)));
    rig.store.next(Act::Other, Fault::Hangs);
    let before = rig.now();
    let hung = rig.runtime.block_on(charge(&claim, Ok("paid".into())));
    assert_eq!(refused(hung), Refusal::Undecided);
    assert_eq!(rig.now() - before, secs(2));
    let again = rig.runtime.block_on(charge(&claim, Ok("again".into())));
    let again = again.unwrap();
    assert_eq!((again.replayed, again.value.as_str()), (true, "paid"));
    assert_eq!(rig.store.committed(), ["charged"]);
}

#[test]
fn another_payload_is_refused_before_anything_runs() {
    let rig = Rig::new();
    assert!(
        rig.runtime
            .block_on(charge(&rig.claim("k"), Ok("paid".into())))
            .is_ok()
    );
    let idempotency = rig.detached().build().unwrap();
    let other = idempotency.key(
        &scope(),
        Key::new("k").unwrap(),
        Fingerprint::of(b"amount=11"),
    );
    assert_eq!(
        refused(rig.runtime.block_on(charge(&other, Ok("paid".into())))),
        Refusal::Mismatch
    );
}

#[test]
fn a_key_that_is_in_flight_outside_of_a_transaction_is_in_flight_here() {
    let rig = Rig::new();
    let outside = rig.claim("k");
    let mut runs = rig
        .runtime
        .drive(outside.run_inline(|_| pending::<Result<String, Failed>>()));
    assert!(runs.poll().is_pending());
    let inside = rig.claim("k");
    assert_eq!(
        refused(rig.runtime.block_on(charge(&inside, Ok("paid".into())))),
        Refusal::InFlight
    );
    rig.pass(secs(30));
    assert_eq!(
        refused(rig.runtime.block_on(charge(&inside, Ok("paid".into())))),
        Refusal::Indeterminate
    );
    assert!(rig.store.committed().is_empty());
}

#[test]
fn what_would_have_to_be_looked_into_is_not_run_in_a_transaction() {
    let rig = Rig::new();
    let lost = rig.claim("k");
    let lost = lost.run_inline(|_| async { Err::<String, Failed>("lost") });
    assert!(rig.runtime.block_on(lost).is_err());
    let builder = rig
        .detached()
        .recover(|_| async { steadfast_idempotency::Finding::Applied("found".to_owned()) });
    let recovers = claim(&builder.build().unwrap(), "k");
    let answer = rig.runtime.block_on(charge(&recovers, Ok("twice".into())));
    assert_eq!(refused(answer), Refusal::Indeterminate);
    assert!(rig.store.committed().is_empty());
    // Outside of one it is, and then it is known here too.
    let run = recovers.run_inline(|_| async { Ok::<_, Failed>("twice".to_owned()) });
    assert_eq!(rig.runtime.block_on(run).unwrap().value, "found");
    let answer = rig.runtime.block_on(charge(&recovers, Ok("twice".into())));
    assert_eq!(answer.unwrap().value, "found");
}

//! A second transaction for a key, while the first is under way.

use std::future::pending;

use steadfast_idempotency::{Begun, Fingerprint, Key, Refusal, StoreErrorKind};

use crate::{
    support::{Act, DOWN, Fault, Rig, claim, ms, scope, secs},
    transactions::{Failed, charge, refusal, refused},
};

#[test]
fn a_duplicate_meanwhile_is_refused_or_waits() {
    let rig = Rig::new();
    let first = rig.claim("k");
    let Ok(Begun::Run(mut tx)) = rig.runtime.block_on(first.begin_tx::<String>()) else {
        panic!("it runs");
    };
    assert_eq!(
        (tx.fence().get(), tx.is_taken_over(), tx.step()),
        (1, false, None)
    );
    let second = rig.claim("k");
    assert_eq!(
        refused(rig.runtime.block_on(charge(&second, Ok("again".into())))),
        Refusal::InFlight
    );
    let waits = claim(
        &rig.detached().wait_in_flight(secs(5)).build().unwrap(),
        "k",
    );
    let mut waits = rig
        .runtime
        .drive(async move { charge(&waits, Ok("again".into())).await });
    assert!(waits.poll().is_pending());
    tx.effects.push("charged".into());
    assert!(rig.runtime.block_on(tx.commit("paid".to_owned())).is_ok());
    while !waits.is_woken() {
        rig.runtime.step();
    }
    let std::task::Poll::Ready(Ok(answer)) = waits.poll() else {
        panic!("it has the result");
    };
    assert_eq!((answer.value.as_str(), answer.replayed), ("paid", true));
    assert_eq!(rig.store.committed(), ["charged"]);
}

#[test]
fn who_waits_for_another_call_bears_that_the_store_is_away_for_a_moment() {
    let rig = Rig::new();
    let first = rig.claim("k");
    let Ok(Begun::Run(tx)) = rig.runtime.block_on(first.begin_tx::<String>()) else {
        panic!("it runs");
    };
    let waits = rig.detached().wait_in_flight(secs(9)).build().unwrap();
    let waits = claim(&waits, "k");
    let mut waits = rig
        .runtime
        .drive(async move { charge(&waits, Ok("again".into())).await });
    assert!(waits.poll().is_pending());
    rig.pass(secs(4));
    rig.store.next(Act::ClaimIn, DOWN);
    assert!(waits.poll().is_pending());
    assert!(rig.runtime.block_on(tx.commit("paid".to_owned())).is_ok());
    rig.pass(secs(1));
    let std::task::Poll::Ready(Ok(answer)) = waits.poll() else {
        panic!("it has the result");
    };
    assert!(answer.replayed);
}

#[test]
fn a_duplicate_in_the_same_process_is_told_without_asking_a_store_that_might_keep_it_waiting() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    let first = claim(&idempotency, "k");
    let Ok(Begun::Run(tx)) = rig.runtime.block_on(first.begin_tx::<String>()) else {
        panic!("it runs");
    };
    let asked = rig.store.all_calls();
    let second = rig.runtime.block_on(first.begin_tx::<String>());
    let rejection = second.map(drop).unwrap_err();
    assert_eq!(Refusal::of(&rejection), Some(Refusal::InFlight));
    assert_eq!(rejection.retry_after(), Some(secs(1)));
    let print = Fingerprint::of(b"amount=11");
    let other = idempotency.key(&scope(), Key::new("k").unwrap(), print);
    let other = rig.runtime.block_on(other.begin_tx::<String>());
    assert_eq!(refusal(other), Refusal::Mismatch);
    assert_eq!(rig.store.all_calls(), asked);
    // Another key has nothing to do with it.
    let beside = claim(&idempotency, "other");
    assert!(
        rig.runtime
            .block_on(charge(&beside, Ok("paid".into())))
            .is_ok()
    );

    drop(tx);
    let again = rig.runtime.block_on(charge(&first, Ok("paid".into())));
    assert!(!again.unwrap().replayed);
    let again = rig.runtime.block_on(charge(&first, Ok("paid".into())));
    assert!(again.unwrap().replayed);
}

#[test]
fn a_duplicate_that_the_store_kept_waiting_for_a_transaction_of_its_process_is_told_so() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    rig.store.next(Act::ClaimIn, Fault::Hangs);
    let waits = claim(&idempotency, "k");
    let mut waits = rig
        .runtime
        .drive(async move { waits.begin_tx::<String>().await });
    assert!(waits.poll().is_pending());
    let first = claim(&idempotency, "k");
    let Ok(Begun::Run(_tx)) = rig.runtime.block_on(first.begin_tx::<String>()) else {
        panic!("it runs");
    };
    rig.pass(secs(1));
    let std::task::Poll::Ready(told) = waits.poll() else {
        panic!("its patience is over");
    };
    assert_eq!(refusal(told), Refusal::InFlight);
}

#[test]
fn a_store_that_is_busy_is_asked_for_as_long_as_a_call_waits_for_others() {
    for (waits, expected) in [(None, secs(1)), (Some(secs(5)), secs(5))] {
        let rig = Rig::new();
        let idempotency = match waits {
            Some(max) => rig.detached().wait_in_flight(max).build(),
            None => rig.detached().build(),
        };
        let claim = claim(&idempotency.unwrap(), "k");
        let busy = Fault::Fails(StoreErrorKind::Busy);
        rig.store.always(Act::ClaimIn, busy);
        let before = rig.now();
        let refused = rig.runtime.block_on(claim.begin_tx::<String>());
        assert_eq!(refusal(refused), Refusal::StoreUnavailable);
        let took = rig.now() - before;
        assert!(took <= expected && took > expected / 2, "{took:?}");
        // One that is away is given up after the patience.
        rig.store.always(Act::ClaimIn, DOWN);
        let before = rig.now();
        let refused = rig.runtime.block_on(claim.begin_tx::<String>());
        assert_eq!(refusal(refused), Refusal::StoreUnavailable);
        assert!(rig.now() - before <= secs(1));
    }
}

#[test]
fn a_store_may_let_the_second_one_wait_for_as_long_as_it_would() {
    let rig = Rig::new();
    let idempotency = rig.detached().wait_in_flight(secs(5)).build().unwrap();
    let claim = claim(&idempotency, "k");
    rig.store.next(Act::ClaimIn, Fault::Slow(secs(4)));
    let paid = rig.runtime.block_on(charge(&claim, Ok("paid".into())));
    assert!(!paid.unwrap().replayed);
    rig.store.always(Act::ClaimIn, Fault::Hangs);
    let before = rig.now();
    let hung = rig.runtime.block_on(charge(&claim, Ok("paid".into())));
    assert_eq!(refused(hung), Refusal::StoreUnavailable);
    assert_eq!(rig.now() - before, secs(5));
}

#[test]
fn who_waits_for_another_call_holds_no_transaction_meanwhile() {
    let rig = Rig::new();
    let outside = rig.claim("k");
    let mut runs = rig
        .runtime
        .drive(outside.run_inline(|_| pending::<Result<String, Failed>>()));
    assert!(runs.poll().is_pending());
    let waits = claim(
        &rig.detached().wait_in_flight(secs(5)).build().unwrap(),
        "k",
    );
    let mut waits = rig
        .runtime
        .drive(async move { charge(&waits, Ok("again".into())).await });
    assert!(waits.poll().is_pending());
    assert!(!rig.store.is_locked(&crate::support::id("k")));
}

#[test]
fn a_wait_ends_with_its_own_time_though_the_store_hangs_by_then() {
    let rig = Rig::new();
    let outside = rig.claim("k");
    let mut runs = rig
        .runtime
        .drive(outside.run_inline(|_| pending::<Result<String, Failed>>()));
    assert!(runs.poll().is_pending());
    let waits = claim(
        &rig.detached().wait_in_flight(ms(100)).build().unwrap(),
        "k",
    );
    rig.store.next(Act::ClaimIn, Fault::None);
    rig.store.always(Act::ClaimIn, Fault::Hangs);
    let before = rig.now();
    let result = rig.runtime.block_on(charge(&waits, Ok("again".into())));
    assert_eq!(refused(result), Refusal::InFlight);
    assert_eq!(rig.now() - before, ms(100));
}

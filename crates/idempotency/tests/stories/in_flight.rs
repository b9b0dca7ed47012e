//! Calls that come while another one with their key is under way.

use std::{
    cell::RefCell,
    future::{pending, poll_fn},
    rc::Rc,
    task::Poll,
};

use steadfast_core::{CallOptions, Error, Pipeline, Policies};
use steadfast_idempotency::{Fingerprint, Key, Refusal, State};

use crate::support::{Act, Claimed, Rig, claim, scope, secs};

pub(super) type Failed = &'static str;
pub(super) type Answer = Result<String, Error<Failed>>;

/// Ends when it is told to.
pub(super) fn until(
    told: &Rc<RefCell<Option<Result<String, Failed>>>>,
) -> impl Future<Output = Result<String, Failed>> + use<> {
    let told = Rc::clone(told);
    poll_fn(move |_| told.borrow_mut().take().map_or(Poll::Pending, Poll::Ready))
}

pub(super) fn never() -> impl Future<Output = Result<String, Failed>> {
    pending()
}

pub(super) fn refused(answer: Poll<Answer>) -> (Option<Refusal>, Option<std::time::Duration>) {
    let Poll::Ready(Err(Error::Rejected(rejection))) = answer else {
        panic!("not refused: {answer:?}");
    };
    (Refusal::of(&rejection), rejection.retry_after())
}

#[test]
fn a_duplicate_is_refused_with_the_time_that_the_lease_has_left() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let calls = Pipeline::on(rig.clock.clone(), first);
    let mut running = rig.runtime.drive(calls.call(never));
    assert!(running.poll().is_pending());
    rig.pass(secs(4));
    let calls = Pipeline::on(rig.clock.clone(), second);
    let mut duplicate = rig.runtime.drive(calls.call(never));
    assert_eq!(
        refused(duplicate.poll()),
        (Some(Refusal::InFlight), Some(secs(26)))
    );
    assert_eq!(rig.store.calls(Act::Claim), 1, "this process knew");
    // Another process asks the store.
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"));
    let mut foreign = rig.runtime.drive(calls.call(never));
    assert_eq!(
        refused(foreign.poll()),
        (Some(Refusal::InFlight), Some(secs(26)))
    );
    assert_eq!(rig.store.calls(Act::Claim), 2);
}

#[test]
fn a_refusal_in_flight_says_to_come_again_and_that_nothing_was_executed() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, other) = (first.on(rig.clock.clone()), second.on(rig.clock.clone()));
    let mut running = rig.runtime.drive(one.call(never));
    assert!(running.poll().is_pending());
    let report = rig.runtime.block_on(other.call(never).reported());
    assert!(report.verdict.may_pass() && !report.verdict.may_have_executed());
    assert_eq!(report.verdict.retry_after(), Some(secs(30)));
}

#[test]
fn another_payload_is_a_mismatch_while_the_first_runs() {
    let rig = Rig::new();
    for waits in [false, true] {
        let builder = rig.detached();
        let builder = if waits {
            builder.wait_in_flight(secs(5))
        } else {
            builder
        };
        let idempotency = builder.build().unwrap();
        let first = claim(&idempotency, if waits { "w" } else { "r" });
        let key = first.id().key().clone();
        let other = idempotency.key(&scope(), key, Fingerprint::of(b"amount=11"));
        let (one, two) = (first.on(rig.clock.clone()), other.on(rig.clock.clone()));
        let mut running = rig.runtime.drive(one.call(never));
        assert!(running.poll().is_pending());
        let asked = rig.store.all_calls();
        let mut mismatch = rig.runtime.drive(two.call(never));
        assert_eq!(refused(mismatch.poll()), (Some(Refusal::Mismatch), None));
        assert_eq!(rig.store.all_calls(), asked);
    }
}

pub(super) fn waiting(
    rig: &Rig,
    max: std::time::Duration,
) -> steadfast_idempotency::Idempotency<
    crate::support::Fake,
    steadfast_idempotency::Raw,
    crate::support::Detached,
> {
    rig.detached().wait_in_flight(max).build().unwrap()
}

#[test]
fn a_duplicate_that_waits_has_the_result_when_it_is_there_and_no_store_call() {
    let rig = Rig::new();
    let idempotency = waiting(&rig, secs(20));
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (first.on(rig.clock.clone()), second.on(rig.clock.clone()));
    let told = Rc::default();
    let mut running = rig.runtime.drive(one.call(|| until(&told)));
    assert!(running.poll().is_pending());
    let mut follower = rig.runtime.drive(two.call(never));
    assert!(follower.poll().is_pending());
    rig.pass(secs(9));
    assert!(!follower.is_woken());
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert_eq!(running.poll(), Poll::Ready(Ok("paid".into())));
    assert!(follower.is_woken());
    assert_eq!(follower.poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!((follower.polls(), follower.wakes()), (2, 1));
    assert_eq!(rig.store.calls(Act::Claim), 1);
    assert_eq!(rig.notes.take(), "executed coalesced");
}

#[test]
fn a_wait_ends_with_its_own_time_or_the_deadline_of_the_call() {
    let rig = Rig::new();
    let idempotency = waiting(&rig, secs(5));
    let claims: Vec<Claimed> = (0..3).map(|_| claim(&idempotency, "k")).collect();
    let calls: Vec<_> = claims
        .iter()
        .map(|claim| claim.on(rig.clock.clone()))
        .collect();
    let mut running = rig.runtime.drive(calls[0].call(never));
    assert!(running.poll().is_pending());
    let mut waits = rig.runtime.drive(calls[1].call(never));
    let deadline = CallOptions::new().deadline(rig.now() + secs(2));
    let mut hurries = rig.runtime.drive(calls[2].call(never).options(deadline));
    assert!(waits.poll().is_pending() && hurries.poll().is_pending());
    rig.pass(secs(2));
    assert!(hurries.is_woken() && !waits.is_woken());
    assert_eq!(refused(hurries.poll()).0, Some(Refusal::InFlight));
    rig.pass(secs(3));
    assert!(waits.is_woken());
    assert_eq!(
        refused(waits.poll()),
        (Some(Refusal::InFlight), Some(secs(25)))
    );
    // A wait whose time is over before it begins is not begun.
    let late = CallOptions::new().deadline(rig.now());
    let mut late = rig.runtime.drive(calls[1].call(never).options(late));
    assert_eq!(refused(late.poll()).0, Some(Refusal::InFlight));
}

#[test]
fn a_call_waits_for_another_process_and_asks_the_store_less_and_less_often() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let calls = foreign.on(rig.clock.clone());
    let told = Rc::default();
    let mut running = rig.runtime.drive(calls.call(|| until(&told)));
    assert!(running.poll().is_pending());
    let idempotency = waiting(&rig, secs(20));
    let here = claim(&idempotency, "k");
    let calls = here.on(rig.clock.clone());
    let mut waits = rig.runtime.drive(calls.call(never));
    assert!(waits.poll().is_pending());
    let start = rig.store.calls(Act::Claim);
    while rig.runtime.elapsed() < secs(15) {
        rig.runtime.step();
        if waits.is_woken() {
            assert!(waits.poll().is_pending());
        }
        if running.is_woken() {
            assert!(running.poll().is_pending());
        }
    }
    let asked = rig.store.calls(Act::Claim) - start;
    assert!((15..=36).contains(&asked), "{asked} times in 15 s");
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert!(running.poll().is_ready());
    while !waits.is_woken() {
        assert!(rig.runtime.step());
    }
    assert_eq!(waits.poll(), Poll::Ready(Ok("paid".into())));
}

#[test]
fn a_wait_for_a_crashed_process_ends_when_its_lease_does() {
    for (retakes, ends) in [(false, Err(Refusal::Indeterminate)), (true, Ok("again"))] {
        let rig = Rig::new();
        let foreign = steadfast_idempotency::Idempotency::builder(rig.store.clone())
            .build()
            .unwrap();
        let foreign = claim(&foreign, "k");
        let calls = foreign.on(rig.clock.clone());
        let mut crashed = rig.runtime.drive(calls.call(never));
        assert!(crashed.poll().is_pending());
        drop(crashed); // without a background nobody says so
        assert_eq!(rig.state("k"), Some(State::InFlight));
        let builder = rig.detached().wait_in_flight(secs(60));
        let builder = if retakes { builder.retake() } else { builder };
        let here = claim(&builder.build().unwrap(), "k");
        let calls = here.on(rig.clock.clone());
        let start = rig.runtime.elapsed();
        let answer = rig
            .runtime
            .block_on(calls.call(|| async { Ok::<_, Failed>("again".to_owned()) }));
        let took = rig.runtime.elapsed() - start;
        assert!(took >= secs(30) && took < secs(32), "{took:?}");
        let answer = answer.map_err(|error| Refusal::of(error.rejection().unwrap()).unwrap());
        assert_eq!(answer.as_deref().map_err(|refusal| *refusal), ends);
    }
}

#[test]
fn keys_may_be_bits() {
    let key = Key::from(steadfast_core::IdempotencyKey::from_u128(7));
    assert_eq!(key.as_str(), "00000000-0000-0000-0000-000000000007");
}

#[test]
fn a_wait_ends_with_its_own_time_though_the_store_is_being_asked() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let calls = foreign.on(rig.clock.clone());
    let mut running = rig.runtime.drive(calls.call(never));
    assert!(running.poll().is_pending());
    let here = claim(&waiting(&rig, std::time::Duration::from_millis(100)), "k");
    let calls = here.on(rig.clock.clone());
    let mut waits = rig.runtime.drive(calls.call(never));
    assert!(waits.poll().is_pending());
    rig.store.always(Act::Claim, crate::support::Fault::Hangs);
    let start = rig.runtime.elapsed();
    let mut answer = Poll::Pending;
    while answer.is_pending() {
        assert!(rig.runtime.step());
        if waits.is_woken() {
            answer = waits.poll();
        }
    }
    assert_eq!(refused(answer).0, Some(Refusal::InFlight));
    assert_eq!(
        rig.runtime.elapsed() - start,
        std::time::Duration::from_millis(100)
    );
}

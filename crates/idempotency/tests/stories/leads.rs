//! Calls of one process with one key: one leads, and the others follow.

use std::{cell::Cell, future::poll_fn, rc::Rc, task::Poll};

use steadfast_core::{CallOptions, Pipeline, Policies};
use steadfast_idempotency::{Fingerprint, Refusal};

use crate::{
    in_flight::{Answer, Failed, never, refused, until, waiting},
    support::{Act, Claimed, Fault, Rig, claim, ms, secs},
};

/// A call that leads, and calls of the same claim that follow it.
fn led<'a>(
    rig: &'a Rig,
    claims: &'a [Claimed],
    ran: &'a Cell<u32>,
) -> Vec<steadfast_core::Driven<std::pin::Pin<Box<dyn Future<Output = Answer> + 'a>>>> {
    let mut calls = Vec::new();
    for claim in claims {
        let call = async move {
            let calls = claim.on(rig.clock.clone());
            let call = calls.call(|| async {
                ran.set(ran.get() + 1);
                poll_fn(|_| {
                    if ran.get() > 1 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                Ok::<_, Failed>("paid".to_owned())
            });
            call.await
        };
        let call: std::pin::Pin<Box<dyn Future<Output = Answer> + 'a>> = Box::pin(call);
        let mut call = rig.runtime.drive(call);
        assert!(call.poll().is_pending());
        calls.push(call);
    }
    calls
}

#[test]
fn a_lead_that_is_dropped_hands_over_to_the_first_that_is_polled() {
    let rig = Rig::new();
    let idempotency = rig
        .detached()
        .retake()
        .wait_in_flight(secs(20))
        .build()
        .unwrap();
    let claims: Vec<Claimed> = (0..4).map(|_| claim(&idempotency, "k")).collect();
    let ran = Cell::new(0);
    let mut calls = led(&rig, &claims, &ran);
    assert_eq!(rig.store.calls(Act::Claim), 1);
    drop(calls.remove(0));
    rig.runtime.run_ready(); // the background says that nobody knows
    assert!(calls.iter().all(steadfast_core::Driven::is_woken));
    assert_eq!(
        calls[1].poll(),
        Poll::Ready(Ok("paid".into())),
        "it leads, and runs"
    );
    assert_eq!(calls[0].poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!(calls[2].poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!((ran.get(), rig.store.calls(Act::Claim)), (2, 2));
}

#[test]
fn a_lead_that_is_dropped_blocks_all_others_in_block_mode() {
    let rig = Rig::new();
    let idempotency = waiting(&rig, secs(20));
    let claims: Vec<Claimed> = (0..4).map(|_| claim(&idempotency, "k")).collect();
    let ran = Cell::new(0);
    let mut calls = led(&rig, &claims, &ran);
    drop(calls.remove(0));
    rig.runtime.run_ready();
    for call in &mut calls {
        assert_eq!(refused(call.poll()).0, Some(Refusal::Indeterminate));
    }
    assert_eq!((ran.get(), rig.store.calls(Act::Claim)), (1, 2));
}

#[test]
fn a_lead_that_is_never_polled_again_holds_nobody_up_longer_than_its_lease() {
    let rig = Rig::new();
    let idempotency = rig
        .detached()
        .retake()
        .wait_in_flight(secs(60))
        .build()
        .unwrap();
    let claims: Vec<Claimed> = (0..3).map(|_| claim(&idempotency, "k")).collect();
    let ran = Cell::new(0);
    let mut calls = led(&rig, &claims, &ran);
    rig.pass(secs(30)); // nobody polls the lead, so nobody renews
    assert!(calls[1].is_woken() && calls[2].is_woken());
    assert_eq!(calls[2].poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!(calls[1].poll(), Poll::Ready(Ok("paid".into())));
    // The first comes back after all: it was fenced, and has the result of the other.
    assert_eq!(calls[0].poll(), Poll::Ready(Ok("paid".into())));
    assert!(rig.notes.take().ends_with("fenced"));
    assert_eq!(
        rig.store.record(&crate::support::id("k")).unwrap().attempts,
        2
    );
}

#[test]
fn duplicates_that_come_while_the_store_is_asked_share_the_answer() {
    for (ends, expected) in [
        (Ok("paid".to_owned()), None),
        (Err("lost"), Some(Refusal::Indeterminate)),
    ] {
        let rig = Rig::new();
        let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"));
        let _ = rig.runtime.block_on(calls.call(|| async { ends.clone() }));
        rig.store.always(Act::Claim, Fault::Slow(ms(100)));
        let idempotency = rig.detached().build().unwrap();
        let start = rig.store.calls(Act::Claim);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (claim, clock) = (claim(&idempotency, "k"), rig.clock.clone());
                rig.runtime.spawn(async move {
                    let calls = claim.on(clock);
                    calls
                        .call(|| async { Ok::<_, Failed>("never".to_owned()) })
                        .await
                })
            })
            .collect();
        for task in tasks {
            let answer = rig.runtime.block_on(task);
            match expected {
                None => assert_eq!(answer, Ok("paid".into())),
                Some(_) => {
                    let rejection = *answer.unwrap_err().rejection().unwrap();
                    assert_eq!(Refusal::of(&rejection), expected);
                }
            }
        }
        assert_eq!(rig.store.calls(Act::Claim) - start, 1);
    }
}

#[test]
fn a_duplicate_of_one_that_begins_to_run_is_refused_then() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Slow(ms(100)));
    let idempotency = rig.detached().build().unwrap();
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (first.on(rig.clock.clone()), second.on(rig.clock.clone()));
    let mut running = rig.runtime.drive(one.call(never));
    assert!(running.poll().is_pending());
    let mut duplicate = rig.runtime.drive(two.call(never));
    assert!(duplicate.poll().is_pending());
    rig.pass(ms(100));
    assert!(running.poll().is_pending());
    assert!(duplicate.is_woken());
    assert_eq!(
        refused(duplicate.poll()),
        (Some(Refusal::InFlight), Some(secs(30) - ms(100)))
    );
    assert_eq!(rig.store.calls(Act::Claim), 1);
}

#[test]
fn a_lead_that_asks_and_is_never_polled_again_is_given_up() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::Hangs);
    let idempotency = rig.detached().build().unwrap();
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (first.on(rig.clock.clone()), second.on(rig.clock.clone()));
    let mut stuck = rig.runtime.drive(one.call(never));
    assert!(stuck.poll().is_pending());
    let mut other = rig
        .runtime
        .drive(two.call(|| async { Ok::<_, Failed>("paid".to_owned()) }));
    assert!(other.poll().is_pending());
    rig.pass(secs(1));
    assert_eq!(other.poll(), Poll::Ready(Ok("paid".into())));
}

#[test]
fn a_follower_that_is_dropped_leaves_nothing_behind() {
    let rig = Rig::new();
    let idempotency = waiting(&rig, secs(20));
    let claims: Vec<Claimed> = (0..2).map(|_| claim(&idempotency, "k")).collect();
    let calls = claims[0].on(rig.clock.clone());
    let told = Rc::default();
    let mut running = rig.runtime.drive(calls.call(|| until(&told)));
    assert!(running.poll().is_pending());
    let follows = claims[1].on(rig.clock.clone());
    rig.runtime.cancel_at_every_await(
        || {
            follows
                .call(never)
                .options(CallOptions::new().deadline(rig.now() + secs(1)))
        },
        |_| assert_eq!(rig.store.all_calls(), 1),
    );
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert!(running.poll().is_ready());
    assert_eq!(rig.store.calls(Act::Finish), 1);
}

#[test]
fn a_lead_that_is_never_polled_again_says_nothing_of_other_payloads() {
    let rig = Rig::new();
    let builder = || rig.detached().result_ttl(secs(60)).key_ttl(secs(60));
    let builder = || builder().retake().wait_in_flight(secs(600));
    let idempotency = builder().build().unwrap();
    let stuck = claim(&idempotency, "k");
    let calls = stuck.on(rig.clock.clone());
    let mut stuck = rig.runtime.drive(calls.call(never));
    assert!(stuck.poll().is_pending());
    let other = idempotency.id(crate::support::id("k"), Fingerprint::of(b"amount=11"));
    let calls = other.on(rig.clock.clone());
    let mut mismatch = rig.runtime.drive(calls.call(never));
    assert_eq!(refused(mismatch.poll()).0, Some(Refusal::Mismatch));
    // Another process takes over, and its key is forgotten in the end.
    rig.pass(secs(30));
    let foreign = claim(&builder().build().unwrap(), "k");
    let run = foreign.run_inline(|_| async { Ok::<_, Failed>("theirs".to_owned()) });
    assert!(rig.runtime.block_on(run).is_ok());
    rig.pass(secs(60));
    let run = other.run_inline(|_| async { Ok::<_, Failed>("another".to_owned()) });
    assert_eq!(rig.runtime.block_on(run).unwrap().value, "another");
}

//! The rules write nothing where nothing changes: a store takes no lock for writing, and logs nothing, to replay.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

use std::time::Duration;

use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, Owner, Record, Scope,
    StoreTime, Stored, Written,
    protocol::{self, Step},
};

const LEASE: Duration = Duration::from_secs(30);
const START: StoreTime = StoreTime::from_micros(5);

fn id() -> Id {
    let scope = Scope::new("me", "charge").unwrap();
    Id::new(scope, Key::new("order").unwrap())
}

fn ask(id: &Id, owner: u128) -> ClaimRequest<'_> {
    ClaimRequest {
        id,
        fingerprint: Fingerprint::from_bytes([1; 32]),
        owner: Owner::from_u128(owner),
        lease: LEASE,
        result_ttl: LEASE * 10,
        key_ttl: LEASE * 100,
        lapsed: Lapsed::Block,
    }
}

/// A first claim by owner 1, and its record.
fn claimed(id: &Id) -> (Lease, Record) {
    let Step { answer, write } = protocol::claim(None, &ask(id, 1), START);
    let Claim::Granted { fence, .. } = answer else {
        panic!("it is new: {answer:?}")
    };
    let lease = Lease::new(&ask(id, 1), fence);
    (lease, write.expect("a claim that is granted is written"))
}

fn ended(record: &Record, lease: &Lease, ending: Ending) -> Record {
    let step = protocol::finish(Some(record), lease, ending, START);
    assert_eq!(step.answer, Written::Done);
    step.write.expect("an end is written")
}

/// What a claim by another one says at this moment, and that it writes nothing.
fn said(record: &Record, request: &ClaimRequest<'_>, now: StoreTime) -> Claim {
    let Step { answer, write } = protocol::claim(Some(record), request, now);
    assert_eq!(write, None, "{answer:?} is written");
    answer
}

#[test]
fn a_replay_writes_nothing() {
    let id = id();
    let (lease, record) = claimed(&id);
    let done = ended(&record, &lease, Ending::Completed(Stored::body(*b"done")));
    let replay = said(&done, &ask(&id, 2), START.after(LEASE));
    assert_eq!(replay, Claim::Completed(Stored::body(*b"done")));
    let late = said(&done, &ask(&id, 2), START.after(LEASE * 10));
    assert_eq!(late, Claim::Expired);
}

#[test]
fn a_refusal_writes_nothing() {
    let id = id();
    let (lease, record) = claimed(&id);
    let busy = said(&record, &ask(&id, 2), START);
    assert_eq!(busy, Claim::InFlight { lease_left: LEASE });
    let unknown = ended(&record, &lease, Ending::Unknown);
    assert_eq!(said(&unknown, &ask(&id, 2), START), Claim::Indeterminate);
    for record in [&record, &unknown] {
        let other = ClaimRequest {
            fingerprint: Fingerprint::from_bytes([2; 32]),
            ..ask(&id, 2)
        };
        assert_eq!(
            said(record, &other, START.after(LEASE * 1000)),
            Claim::Mismatch
        );
    }
}

#[test]
fn a_repeated_claim_writes_only_what_it_holds_for_longer() {
    let id = id();
    let (_, record) = claimed(&id);
    let again = said(&record, &ask(&id, 1), START);
    assert!(matches!(again, Claim::Granted { .. }), "{again:?}");
    let later = protocol::claim(Some(&record), &ask(&id, 1), StoreTime::from_micros(6));
    assert_eq!(later.answer, again);
    let until = later.write.expect("it holds for longer").lease_until;
    assert_eq!(until, StoreTime::from_micros(6).after(LEASE));
}

#[test]
fn an_end_that_is_said_again_writes_nothing() {
    let id = id();
    let (lease, record) = claimed(&id);
    for ending in [Ending::Completed(Stored::body(*b"done")), Ending::Released] {
        let record = ended(&record, &lease, ending.clone());
        let again = protocol::finish(Some(&record), &lease, ending, START);
        assert_eq!((again.answer, again.write), (Written::Done, None));
    }
}

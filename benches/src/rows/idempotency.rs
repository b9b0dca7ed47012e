//! One request again and again under one key, of which the first was done; and `-first`, a key of its own each time.
//!
//! The answer is a receipt of a hundred bytes that its caller owns, and each call owns its key, as a handler does that has
//! read both from a request. Ours compares what the request is for with what the key was first used for, and can tell a
//! request that is under way from one that was cut off; of a cache nobody asks that. moka is asked for `get_with`, which
//! runs what is missing once for all that wait; a lookup in a `DashMap` does nothing of the kind, and is the floor.

use std::sync::Arc;

use dashmap::DashMap;
use moka::future::Cache;
use steadfast::{Policies, TokioRuntime};
use steadfast_idempotency::{Detached, Fingerprint, Id, Idempotency, Key, MemoryStore, Raw, Scope};

use super::Group;
use crate::{
    by_hand::Hand,
    contend::ContendRow,
    harness::Row,
    operation::{Failure, Op, Request},
    subject::{Answer, Subject},
};

pub(super) const GROUP: Group = Group {
    name: "idempotency",
    about: "a key that was done before, so its receipt is replayed; or `-first`, a new key each time",
    rows,
    contend,
};

fn rows() -> Vec<Row> {
    vec![
        Row::kept("steadfast", steadfast()),
        Row::kept("steadfast-from-request", steadfast_from_request()),
        Row::kept("moka", moka()),
        Row::kept("dashmap", dashmap()),
        Row::new("steadfast-first", steadfast_first()),
        Row::new("moka-first", moka_first()),
        Row::new("dashmap-first", dashmap_first()),
    ]
}

fn contend() -> Vec<ContendRow> {
    vec![
        ContendRow::new("steadfast", steadfast()),
        ContendRow::new("moka", moka()),
        ContendRow::new("dashmap", dashmap()),
    ]
}

/// What a charge is answered with.
type Receipt = Vec<u8>;

const RECEIPT: &[u8; 100] = b"{\"id\":\"ch1\",\"order\":\"order-4711\",\"amount_cents\":1999,\"currency\":\"EUR\",\"card\":\"4242\",\"at\":1764000000}";
const BODY: &[u8; 65] =
    b"{\"order\":\"order-4711\",\"amount_cents\":1999,\"currency\":\"EUR\",\"n\":1}";
/// So many keys are new in one store or cache, then another takes its place, so that none is ever full.
const FRESH: u64 = 8192;

impl Answer for Receipt {
    fn is_right(&self) -> bool {
        self == RECEIPT
    }

    fn is_refusal(&self) -> bool {
        false
    }
}

async fn charge(request: Request) -> Result<Receipt, Failure> {
    Op::new(request).await.map(|_| RECEIPT.to_vec())
}

fn scope() -> Scope {
    Scope::new("customer-7", "POST /charges").expect("it is printable ASCII")
}

fn id(key: &str) -> Id {
    Id::new(scope(), Key::new(key).expect("it is printable ASCII"))
}

/// Numbered keys, all of one scope.
fn ids() -> impl FnMut() -> Id + Clone {
    let (scope, mut number) = (scope(), 0_u64);
    move || {
        number += 1;
        let key = Key::new(&number.to_string()).expect("digits are printable ASCII");
        Id::new(scope.clone(), key)
    }
}

type Charges = Idempotency<MemoryStore, Raw, Detached<TokioRuntime>>;

fn charges() -> Charges {
    let charges = Idempotency::builder(MemoryStore::new()).spawn_on(TokioRuntime);
    charges.build().expect("these are the defaults")
}

async fn call(
    charges: Charges,
    id: Id,
    fingerprint: Fingerprint,
    request: Request,
) -> Result<Receipt, steadfast::Error<Failure>> {
    let claim = charges.id(id, fingerprint);
    claim.on(TokioRuntime).call(move || charge(request)).await
}

/// Something that has been called once.
fn done<S: Subject>(mut subject: S) -> S {
    let first = Hand::new().finish(subject.start(Request::Ready));
    assert!(first.is_right(), "the first call was not made");
    subject
}

/// The policy of a call, where key and fingerprint were made before: what a lookup is compared to.
fn steadfast() -> impl Subject + Clone + Send + 'static {
    let (charges, id, body) = (charges(), id("order-4711"), Fingerprint::of(BODY));
    done(move |request| call(charges.clone(), id.clone(), body, request))
}

/// With what a handler does before: the key from the text of its header, and SHA-256 of the body.
fn steadfast_from_request() -> impl Subject + 'static {
    let (charges, scope) = (charges(), scope());
    done(move |request| {
        let key = Key::new("order-4711").expect("it is printable ASCII");
        let id = Id::new(scope.clone(), key);
        call(charges.clone(), id, Fingerprint::of(BODY), request)
    })
}

fn moka() -> impl Subject + Clone + Send + 'static {
    let (cache, id) = (Cache::new(100_000), id("order-4711"));
    done(move |request| {
        let (cache, id): (Cache<Id, Receipt>, _) = (cache.clone(), id.clone());
        async move {
            let charged = async { charge(request).await.unwrap_or_default() };
            cache.get_with(id, charged).await
        }
    })
}

fn dashmap() -> impl Subject + Clone + Send + 'static {
    let id = id("order-4711");
    let map: Arc<DashMap<Id, Receipt>> = Arc::default();
    done(move |request| {
        let (map, id) = (Arc::clone(&map), id.clone());
        async move { find_or_charge(&map, id, request).await }
    })
}

async fn find_or_charge(
    map: &DashMap<Id, Receipt>,
    id: Id,
    request: Request,
) -> Result<Receipt, Failure> {
    if let Some(receipt) = map.get(&id) {
        return Ok(receipt.clone());
    }
    let receipt = charge(request).await?;
    map.insert(id, receipt.clone());
    Ok(receipt)
}

/// A new one now and then.
fn renewed<T: Clone>(make: fn() -> T) -> impl FnMut() -> T {
    let (mut current, mut calls) = (make(), 0);
    move || {
        calls += 1;
        if calls % FRESH == 0 {
            current = make();
        }
        current.clone()
    }
}

fn steadfast_first() -> impl Subject + 'static {
    let (mut charges, mut ids, body) = (renewed(charges), ids(), Fingerprint::of(BODY));
    move |request| call(charges(), ids(), body, request)
}

fn moka_first() -> impl Subject + 'static {
    let (mut caches, mut ids) = (renewed(|| Cache::<Id, Receipt>::new(100_000)), ids());
    move |request| {
        let (cache, id) = (caches(), ids());
        async move { cache.try_get_with(id, charge(request)).await }
    }
}

fn dashmap_first() -> impl Subject + 'static {
    let (mut maps, mut ids) = (renewed(Arc::<DashMap<Id, Receipt>>::default), ids());
    move |request| {
        let (map, id) = (maps(), ids());
        async move { find_or_charge(&map, id, request).await }
    }
}

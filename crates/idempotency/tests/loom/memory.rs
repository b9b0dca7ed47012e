//! The models of a store with room for one or two records, generic over it, so that a broken twin goes through the same
//! ones; and the memory store in that size.

use std::{
    future::{Future, Pending, pending},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use loom::thread;
use steadfast_core::{Instant, Runtime};
use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, MemoryStore, Owner, Scope,
    Store, StoreErrorKind, Written,
};

/// A store of so many places.
pub(crate) trait Places: Send + Sync + 'static {
    /// Whether this owner is granted the key.
    fn claim(&self, key: &str, owner: u128) -> bool;
    /// A record whose time is over.
    fn over(&self, key: &str);
    fn len(&self) -> usize;
}

pub(crate) fn one_is_granted_a_key<S: Places>(make: impl Fn(usize) -> S + Send + Sync + 'static) {
    loom::model(move || {
        let store = Arc::new(make(2));
        let granted = race(&store, "a", "a");
        assert!(
            granted[0] != granted[1],
            "a key was granted twice or to nobody"
        );
        assert_eq!(store.len(), 1);
    });
}

pub(crate) fn one_gets_the_last_place<S: Places>(
    make: impl Fn(usize) -> S + Send + Sync + 'static,
) {
    loom::model(move || {
        let store = Arc::new(make(1));
        let granted = race(&store, "a", "b");
        let said = "the last place was given twice or to nobody";
        assert!(granted[0] != granted[1], "{said}");
        assert_eq!(store.len(), 1);
    });
}

pub(crate) fn one_gets_the_place_of_what_is_over<S: Places>(
    make: impl Fn(usize) -> S + Send + Sync + 'static,
) {
    loom::model(move || {
        let store = Arc::new(make(1));
        store.over("old");
        let granted = race(&store, "a", "b");
        let said = "the place of what is over was given twice or to nobody";
        assert!(granted[0] != granted[1], "{said}");
        assert_eq!(store.len(), 1);
    });
}

/// Two owners, and whether each is granted its key.
fn race<S: Places>(store: &Arc<S>, one: &'static str, two: &'static str) -> [bool; 2] {
    let other = {
        let store = Arc::clone(store);
        thread::spawn(move || store.claim(two, 2))
    };
    [store.claim(one, 1), other.join().unwrap()]
}

/// The memory store, of so many records.
pub(crate) fn real(capacity: usize) -> MemoryStore<Still> {
    let builder = MemoryStore::builder_on(Still);
    builder.capacity(capacity).build().unwrap()
}

impl Places for MemoryStore<Still> {
    fn claim(&self, key: &str, owner: u128) -> bool {
        match granted(self, &id(key), owner, Duration::MAX) {
            Ok(lease) => lease.is_some(),
            Err(kind) => {
                assert_eq!(kind, StoreErrorKind::Full);
                false
            }
        }
    }

    fn over(&self, key: &str) {
        let lease = granted(self, &id(key), 3, Duration::ZERO).unwrap().unwrap();
        let written = now(Store::finish(self, &lease, Ending::Released)).unwrap();
        assert_eq!(written, Written::Done);
    }

    fn len(&self) -> usize {
        self.len()
    }
}

fn id(key: &str) -> Id {
    Id::new(Scope::new("me", "charge").unwrap(), Key::new(key).unwrap())
}

fn granted(
    store: &MemoryStore<Still>,
    id: &Id,
    owner: u128,
    ttl: Duration,
) -> Result<Option<Lease>, StoreErrorKind> {
    let request = ClaimRequest {
        id,
        fingerprint: Fingerprint::from_bytes([0; 32]),
        owner: Owner::from_u128(owner),
        lease: Duration::from_secs(30),
        result_ttl: ttl,
        key_ttl: ttl,
        lapsed: Lapsed::Block,
    };
    let claim = now(Store::claim(store, request)).map_err(|error| error.kind())?;
    Ok(match claim {
        Claim::Granted { fence, .. } => Some(Lease::new(&request, fence)),
        _ => None,
    })
}

fn now<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the answer is not there"),
    }
}

/// A clock that stands still.
#[derive(Clone, Copy)]
pub(crate) struct Still;

impl Runtime for Still {
    type Sleep = Pending<()>;
    type Lent<'p> = Still;

    fn lend(&self) -> Still {
        *self
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(0)
    }

    fn sleep_until(&self, _: Instant) -> Pending<()> {
        pending()
    }

    fn random(&self) -> u64 {
        0
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

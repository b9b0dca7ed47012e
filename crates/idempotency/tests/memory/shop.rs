//! A store on a clock that moves when it is told to.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use steadfast_core::VirtualRuntime;
use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, MemoryStore,
    MemoryStoreBuilder, Owner, Scope, Store, StoreError, StoreErrorKind, Stored, Written,
};

pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const RESULT_TTL: Duration = Duration::from_secs(60);
pub(crate) const KEY_TTL: Duration = Duration::from_secs(3600);
/// What the documentation says that a record takes besides its texts and its result.
pub(crate) const OVERHEAD: u64 = 512;

pub(crate) struct Shop {
    pub(crate) runtime: VirtualRuntime,
    pub(crate) store: MemoryStore<VirtualRuntime>,
}

impl Shop {
    pub(crate) fn with(
        build: impl FnOnce(MemoryStoreBuilder<VirtualRuntime>) -> MemoryStoreBuilder<VirtualRuntime>,
    ) -> Shop {
        let runtime = VirtualRuntime::new(1);
        let builder = MemoryStore::builder_on(runtime.clone());
        let store = build(builder).build().unwrap();
        Shop { runtime, store }
    }

    pub(crate) fn claim(&self, id: &Id) -> Result<Claim, StoreErrorKind> {
        now(self.store.claim(ask(id, 1))).map_err(|error| error.kind())
    }

    pub(crate) fn granted(&self, id: &Id) -> Lease {
        let claim = self.claim(id).unwrap();
        let Claim::Granted { fence, .. } = claim else {
            panic!("{id:?} was not granted: {claim:?}")
        };
        Lease::new(&ask(id, 1), fence)
    }

    pub(crate) fn complete(&self, lease: &Lease, bytes: usize) {
        let ending = Ending::Completed(Stored::body(vec![7; bytes]));
        let written = now(self.store.finish(lease, ending)).unwrap();
        assert_eq!(written, Written::Done);
    }

    pub(crate) fn release(&self, lease: &Lease) {
        let written = now(self.store.finish(lease, Ending::Released)).unwrap();
        assert_eq!(written, Written::Done);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.runtime.advance(by);
    }

    pub(crate) fn is_there(&self, id: &Id) -> bool {
        now(self.store.find(id)).unwrap().is_some()
    }
}

/// An answer that has to be there at the first poll.
pub(crate) fn now<T>(answer: Answer<'_, T>) -> Result<T, StoreError> {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the answer is not there"),
    }
}

/// An id of 12 bytes, for a number below 10,000.
pub(crate) fn id(n: usize) -> Id {
    let scope = Scope::new("me", "charge").unwrap();
    Id::new(scope, Key::new(&format!("{n:04}")).unwrap())
}

pub(crate) fn ask(id: &Id, owner: u128) -> ClaimRequest<'_> {
    ClaimRequest {
        id,
        fingerprint: Fingerprint::from_bytes([1; 32]),
        owner: Owner::from_u128(owner),
        lease: LEASE,
        result_ttl: RESULT_TTL,
        key_ttl: KEY_TTL,
        lapsed: Lapsed::Block,
    }
}

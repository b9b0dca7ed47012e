//! Same request a hundred times, same result, one effect.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod protocol;

mod fingerprint;
mod id;
mod record;
mod store;

pub use self::{
    fingerprint::Fingerprint,
    id::{Id, InvalidId, Key, Scope},
    record::{Fence, Lease, Owner, Record, State, StoreTime, Stored},
    store::{
        Answer, Claim, ClaimRequest, Ending, Lapsed, Store, StoreError, StoreErrorKind, TxStore,
        Written,
    },
};

//! Same request a hundred times, same result, one effect.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod protocol;

mod admit;
mod background;
mod builder;
mod codec;
mod ctx;
mod engine;
mod fingerprint;
mod flights;
mod handled;
mod hold;
mod id;
mod idempotency;
mod keeper;
mod mint;
mod policy;
mod record;
mod recover;
mod refusal;
mod run;
mod settings;
mod store;
mod sync;
mod tx;

#[cfg(feature = "json")]
pub use self::codec::Json;
#[cfg(feature = "postcard")]
pub use self::codec::Postcard;
pub use self::{
    background::{Background, Detached, Inline},
    builder::IdempotencyBuilder,
    codec::{Codec, CodecError, Raw, Tag},
    ctx::{Ctx, Reach},
    fingerprint::Fingerprint,
    handled::{Handled, IntoOutcome},
    hold::Standing,
    id::{Id, InvalidId, Key, Scope},
    idempotency::Idempotency,
    mint::KeyPerCall,
    policy::{Idempotent, IdempotentFuture},
    record::{Fence, Lease, Owner, Record, State, StoreTime, Stored},
    recover::{Finding, TakenOver},
    refusal::Refusal,
    run::{Answered, Run, RunInline},
    settings::Mode,
    store::{
        Answer, Claim, ClaimRequest, Ending, Lapsed, Store, StoreError, StoreErrorKind, TxStore,
        Written,
    },
    tx::{Begun, ExactlyOnce, Returned, Transaction},
};

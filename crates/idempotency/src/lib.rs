//! Same request a hundred times, same result, one effect: idempotency keys with leases, fences and replay, on any
//! executor.
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_core::{Policies, VirtualRuntime};
//! use steadfast_idempotency::{Fingerprint, Idempotency, Key, MemoryStore, Refusal, Scope};
//!
//! # let runtime = VirtualRuntime::new(1);
//! # let store = MemoryStore::on(runtime.clone());
//! let idempotency = Idempotency::builder(store) // in a program: SQL, or MemoryStore::new()
//!     .lease(Duration::from_secs(30)) // how long others wait for one that has crashed
//!     .spawn_on(runtime.clone()) // in a program: TokioRuntime
//!     .build()?;
//!
//! // Whose key it is, to do what; the key that came with the request; what the request asks for.
//! let scope = Scope::new("customer-7", "POST /charges")?;
//! let ten = Fingerprint::of(b"amount=10");
//! let claim = idempotency.key(&scope, Key::new("order-4711")?, ten);
//!
//! let calls = claim.on(runtime.clone()); // or first in a tuple, outside of the retry
//! let receipt = runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>("paid".to_owned()) }))?;
//! assert_eq!(receipt, "paid");
//!
//! // The same request once more: the same result, and nothing is run.
//! let again = runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>("twice".to_owned()) }))?;
//! assert_eq!(again, "paid");
//!
//! // The same key for another request is refused.
//! let eleven = idempotency.key(&scope, Key::new("order-4711")?, Fingerprint::of(b"amount=11"));
//! let refused = eleven.run_inline(|_| async { Ok::<_, std::io::Error>(String::new()) });
//! let refused = runtime.block_on(refused).unwrap_err();
//! assert_eq!(refused.rejection().and_then(Refusal::of), Some(Refusal::Mismatch));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Exactly once there is only where the effect is committed together with the record of it, or where the target of
//! the effect helps. Everything else is a choice between at most once and at least once, and here you name it.
//!
//! | mode | effects per key | when |
//! |---|---|---|
//! | [`run_tx`](Idempotent::run_tx) | exactly one that is committed; the only one that says [`ExactlyOnce`] | the effect is in the same database |
//! | [`block`](IdempotencyBuilder::block), the default | at most one; what is unknown says so | effects elsewhere |
//! | [`recover`](IdempotencyBuilder::recover) | at most one, where the callback is right | one can ask what became of it |
//! | [`retake`](IdempotencyBuilder::retake) | at least one | it may happen more than once |
//! | `retake`, with a target that checks [`ctx.fence()`](Ctx::fence) or takes [`ctx.downstream_key(step)`](Ctx::downstream_key) | one, maybe of several calls | the target can |
//!
//! The last row is what the target makes of `retake`. With `block` a call that crashed is indeterminate, whatever the
//! target can do.
//!
//! # Ways in
//!
//! | | |
//! |---|---|
//! | `payments.call(..).with(&claim)`, `(claim, retry, ..)` | a policy: all attempts inside are of one claim |
//! | [`claim.run(..)`](Idempotent::run) | a handler in a task of its own: a caller that goes away does not stop it |
//! | [`claim.run_inline(..)`](Idempotent::run_inline) | a handler that may borrow, and ends with its caller |
//! | [`claim.run_tx(..)`](Idempotent::run_tx) | a handler in one transaction with its record |
//!
//! How it ended is said by the verdict: a success is kept; a failure that says that nothing was executed, such as
//! that of an open breaker inside, frees the key; and any other is unknown. So put the retry inside of the claim, and
//! let the classifier say `not_executed()` where that is certain. A handler may return [`Handled`] instead.
//!
//! An answer that is final, such as a declined card, is an `Ok` value, and is replayed as any other: an `Err` is rolled
//! back in `run_tx`, so that the next call runs again, and unknown in `run`. The handlers say in their result whether it
//! is a replay; the policy returns what the operation does, and tells of a replay only through
//! [`Event::Noted`](steadfast_core::Event::Noted).
//!
//! # The same request
//!
//! A key belongs to one request: each call says what it asks for by a [`Fingerprint`], and you choose what counts.
//!
//! | fingerprint | the same request has |
//! |---|---|
//! | [`of`](Fingerprint::of), [`of_request`](Fingerprint::of_request) | the same bytes |
//! | [`of_json`](Fingerprint::of_json), [`of_json_request`](Fingerprint::of_json_request) with [`JsonFields::all()`] | the same JSON (RFC 8785), whichever way it is written |
//! | the same two with [`JsonFields::new(["/amount", "/card/number"])`](JsonFields::new) | the same in these fields |
//!
//! # Over HTTP
//!
//! The header is `Idempotency-Key`, a string of [RFC 9651](https://www.rfc-editor.org/rfc/rfc9651) in double quotes:
//! `Idempotency-Key: "order-4711"`. A replay has the status and the body of the first answer, marked by a header of your
//! choice, such as `Idempotent-Replayed: true`. The statuses 400, 422, and 409 for what is in flight are those of
//! [draft-ietf-httpapi-idempotency-key-header-07][draft]; the draft leaves the others open.
//!
//! | [`Refusal`] | status | the same key again |
//! |---|---|---|
//! | no key where one is needed, more than one, or one that is no [`Key`] | 400 | not as it is |
//! | `Mismatch` | 422 | not for this request |
//! | `InFlight` | 409 and `Retry-After` | yes, after that time |
//! | `Fenced` | 409 and `Retry-After` | yes: it is answered with the result of who took over, once there is one |
//! | `Indeterminate` | 409, no `Retry-After` | it does no harm, and is of no use before somebody has resolved it |
//! | `ResultExpired`, `ResultOmitted` | 410 | of no use: it was done, and its result is not to be had any more |
//! | `Undecodable` | 500 | of use once a version answers that reads the result; it was done |
//! | `StoreUnavailable`, `StoreFull` | 503 | yes: nothing was done |
//! | `Undecided` | 503 | yes: it finds out whether it was done |
//! | `StoreCorrupt` | 500 | of no use before the record is repaired |
//!
//! Whatever the status, to ask again with the same key does not have the effect twice, unless `retake` or `fail_open`
//! allows it. **Another key for the same request does.** A client that has 409, 410 or 5xx must not make one.
//!
//! `Retry-After` is in whole seconds: round [`retry_after`](steadfast_core::Rejection::retry_after) up, and say 1 where
//! it is less or is not known, as 0 asks for a client that spins. An indeterminate call is a 409 and not a 5xx, as clients
//! and proxies repeat those by themselves, and this one stays as it is however often it is asked for; without
//! `Retry-After`, as nobody knows when somebody will find out. A problem type or code of its own
//! ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) tells it from what is in flight.
//!
//! The example `idempotent_axum` of the repository is a complete server: axum, SQLite, and a fingerprint of chosen fields.
//!
//! [draft]: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07
//!
//! # Shutdown
//!
//! [`run`](Idempotent::run) lives in a task, and when a runtime is shut down it drops its tasks where they wait, also
//! when `main` of `#[tokio::main]` returns. A handler that is dropped after its start is unknown, and so is one whose end
//! was still being written in the background: nothing runs any more to say so in the store, the lease ends, and then it
//! is indeterminate with `block`, and run again with `retake`. A transaction of `run_tx` is rolled back.
//!
//! So let them end first: stop taking requests, wait until no call is open, and shut the runtime down after that. A
//! server that waits for its connections does not wait for the handlers of clients that have gone: count them, with a
//! guard that the handler owns. A limit of that wait bounds what is left unknown to the calls that take longer.
//!
//! # Defaults
//!
//! | setting | default |
//! |---|---|
//! | mode | `block` |
//! | `lease` | 30 s, renewed every third of it while the work takes |
//! | `result_ttl`, `key_ttl` | 24 h, 30 days: after the result has gone, the key still answers that it was done |
//! | `max_result` | 1 MiB; of what is larger it is remembered that it was done |
//! | `reject_in_flight` | a duplicate is refused, with the time that the lease has left; `wait_in_flight(max)` waits |
//! | `store_patience` | 1 s, then the call is refused; `fail_open` runs it all the same |
//! | codec | [`Raw`], for bytes and text; `Json` and `Postcard` are features |
//! | `spawn_on` | nothing goes on in the background: what could not be written is left to the lease |
//!
//! # Promises
//!
//! | | |
//! |---|---|
//! | another payload under the same key | is a mismatch, while the first runs, and for as long as the key is remembered |
//! | a call that is dropped, cut off or panics after its start | is unknown; it is never released |
//! | who took longer than the lease, and was taken over from | has the result of the other; its own is discarded |
//! | a claim whose answer was lost | is made again by the same owner, and granted once |
//! | a store that is away before the work | nothing is run |
//! | a store that is away after the work | the result is returned, and written in the background until the lease ends |
//! | a result too large, or of another codec or version | is refused by name; nothing is run again |
//! | duplicates in one process | share the store calls of one, be they ten thousand; none waits beyond its own time |
//! | a replay whose record is at hand | no clock, no timer, no box |
//!
//! # Notes
//!
//! Of each call an observer is told what became of it, as
//! [`Event::Noted`](steadfast_core::Event::Noted): `executed`, `replayed`, `coalesced`, `recovered`, `released`,
//! `unknown`, `fenced`, `fail_open`, or the name of its [`Refusal`], such as `in_flight`. On the way there may be
//! `taken_over`, `renewal_failed`, `fenced_while_running`, `completion_deferred` and `completion_lost`; from the
//! background `ended_in_background`, `fenced_in_background`, `withdrawn`, `task_lost` and `reap_failed`.
//!
//! # The client's side
//!
//! [`KeyPerCall`] gives each logical call a key, the same on every attempt.
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` and a hash function. A store of your own implements [`Store`]; the
//! [rules](protocol) are there to be used, and the feature `conformance` brings the kit that it is held to. Features
//! `tokio`, `smol`, `thread` and `test-util` bring the runtimes; none is on by default.

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
mod json;
mod keeper;
mod memory;
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
    background::{Background, Detached, Inline, OnRuntime},
    builder::IdempotencyBuilder,
    codec::{Codec, CodecError, Raw, Tag},
    ctx::{Ctx, Reach},
    fingerprint::Fingerprint,
    handled::{Handled, IntoOutcome},
    hold::Standing,
    id::{Id, InvalidId, Key, Scope},
    idempotency::Idempotency,
    json::{JsonError, JsonErrorKind, JsonFields},
    memory::{MemoryStore, MemoryStoreBuilder},
    mint::KeyPerCall,
    policy::{Idempotent, IdempotentFuture},
    record::{Fence, Lease, Owner, Record, State, StoreTime, Stored},
    recover::{Finding, TakenOver},
    refusal::Refusal,
    run::{Answered, Handler, Run, RunInline},
    settings::Mode,
    store::{
        Answer, Claim, ClaimRequest, Ending, Lapsed, Store, StoreError, StoreErrorKind, TxStore,
        Written,
    },
    tx::{Begun, ExactlyOnce, Returned, Transaction},
};

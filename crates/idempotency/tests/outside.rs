//! Calls that are dropped where their runtime cannot be reached.

use std::{
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
};

use steadfast_core::{Policies, TokioRuntime};
use steadfast_idempotency::{Fingerprint, Idempotency, Key, MemoryStore, Scope};

#[test]
fn a_call_that_is_dropped_outside_of_its_runtime_does_not_panic() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let idempotency = Idempotency::builder(MemoryStore::on(TokioRuntime))
        .spawn_on(TokioRuntime)
        .build()
        .unwrap();
    let scope = Scope::new("customer-7", "charge").unwrap();
    let claim = idempotency.key(&scope, Key::new("k").unwrap(), Fingerprint::of(b"10"));
    let calls = claim.on(TokioRuntime);
    let mut call = Box::pin(calls.call(pending::<Result<String, &str>>).into_future());
    let inside = tokio.enter();
    let pinned = pin!(&mut call);
    assert!(
        pinned
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    drop(inside);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(call))).is_ok());
}

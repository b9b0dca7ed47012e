//~ does not keep results of type `u32`
//~ build the idempotency with `.codec(Json::new())` of the feature `json`
//! As a policy, an idempotency without a codec of its own keeps bytes and text as well.

use steadfast::{Fingerprint, Idempotency, Key, MemoryStore, Scope, ThreadRuntime, prelude::*};

fn main() {
    let charges = Idempotency::builder(MemoryStore::on(ThreadRuntime)).build();
    let charges = charges.expect("the settings are the defaults");
    let scope = Scope::new("customer-7", "POST /charges").expect("it is printable");
    let key = Key::new("order-4711").expect("it is printable");
    let claim = charges.key(&scope, key, Fingerprint::of(b""));
    let calls = claim.on(ThreadRuntime);
    let _ = calls.call(|| async { Ok::<u32, ()>(7) });
}

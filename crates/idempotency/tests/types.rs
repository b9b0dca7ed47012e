//! The shape of things: what is `Send`, what can be spawned, what is printed.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

use std::{cell::Cell, fmt::Debug, rc::Rc};

use static_assertions::{assert_impl_all, assert_not_impl_any};
use steadfast_core::{ErrIsTransient, Policies, Runtime, TokioRuntime, VirtualRuntime};
use steadfast_idempotency::{
    Answered, Begun, Ctx, Detached, ExactlyOnce, Idempotency, IdempotencyBuilder, Idempotent,
    IdempotentFuture, Inline, JsonError, JsonFields, KeyPerCall, Raw, Reach, Refusal, Run, Store,
};

#[path = "support/mod.rs"]
mod support;

use support::{Fake, Rig, claim, ms};

type Op<T> = steadfast_core::Call<
    'static,
    fn() -> std::future::Ready<Result<T, ()>>,
    steadfast_core::Plain,
    TokioRuntime,
    ErrIsTransient,
>;

assert_impl_all!(Idempotency<Fake>: Send, Sync, Clone, Debug);
assert_impl_all!(Idempotent<Fake>: Send, Sync, Clone, Debug, Policies);
assert_impl_all!(Idempotency<std::sync::Arc<dyn Store>>: Send, Sync, Clone, Debug);
assert_impl_all!(IdempotencyBuilder<Fake>: Send, Debug);
assert_impl_all!(Ctx: Send, Sync, Clone, Debug);
assert_impl_all!(Reach<'static>: Send, Debug);
assert_impl_all!(Run<String, ()>: Send, Debug, Unpin);
assert_impl_all!(Refusal: Send, Sync, Copy, Debug, std::error::Error);
assert_impl_all!(JsonFields: Send, Sync, Clone, Debug);
assert_impl_all!(JsonError: Send, Sync, Clone, Debug, std::error::Error);
assert_impl_all!(KeyPerCall: Send, Sync, Copy, Policies);
assert_impl_all!(Answered<String>: Send, Sync, Clone, Debug);
assert_impl_all!(ExactlyOnce<String>: Send, Sync, Clone, Debug);
// A call is as `Send` as its operation.
assert_impl_all!(IdempotentFuture<'static, Op<String>, Fake, Raw, Inline>: Send, Debug);
assert_impl_all!(IdempotentFuture<'static, Op<String>, Fake, Raw, Detached<TokioRuntime>>: Send);
assert_not_impl_any!(IdempotentFuture<'static, Op<Rc<u8>>, Fake, Raw, Inline>: Send);

type Failed = &'static str;

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

#[test]
fn a_call_with_a_claim_can_be_spawned_on_threads() {
    let idempotency = Idempotency::builder(Fake::new(&VirtualRuntime::new(1)))
        .wait_in_flight(ms(5000))
        .spawn_on(TokioRuntime)
        .build()
        .unwrap();
    let runtime = threads();
    let tasks: Vec<_> = (0..50)
        .map(|number: u32| {
            let (idempotency, calls) = (idempotency.clone(), KeyPerCall::new());
            runtime.spawn(async move {
                let claim = claim(&idempotency, &(number % 5).to_string());
                let borrowed = number.to_string();
                calls
                    .call(|| async {
                        tokio::task::yield_now().await;
                        Ok::<_, Failed>(borrowed.clone())
                    })
                    .with(&claim)
                    .await
            })
        })
        .collect();
    let ends = runtime.block_on(futures::future::join_all(tasks));
    let mut results: Vec<String> = ends.into_iter().map(|end| end.unwrap().unwrap()).collect();
    results.sort_unstable();
    results.dedup();
    assert_eq!(results.len(), 5, "one result a key");
}

#[test]
fn handlers_and_transactions_can_be_spawned_on_threads() {
    let idempotency = Idempotency::builder(Fake::new(&VirtualRuntime::new(1)))
        .spawn_on(TokioRuntime)
        .build()
        .unwrap();
    let runtime = threads();
    let spawned = |key: &'static str| {
        let claim = claim(&idempotency, key);
        runtime.spawn(async move {
            let order = key.to_owned();
            let run = claim
                .run(|ctx| async move {
                    tokio::task::yield_now().await;
                    ctx.reach("there").await.map_err(|_| "not there")?;
                    Ok::<_, Failed>("ran".to_owned())
                })
                .await?;
            let inline = claim
                .run_inline(|_| async {
                    tokio::task::yield_now().await;
                    Ok::<_, Failed>(order.clone())
                })
                .await?;
            assert_eq!(run.value, inline.value);
            Ok::<_, steadfast_core::Error<Failed>>(inline.replayed)
        })
    };
    assert_eq!(runtime.block_on(spawned("k")).unwrap(), Ok(true));
    let claim = claim(&idempotency, "tx");
    let tx = runtime.spawn(async move {
        let order = "order".to_owned();
        let first = claim.run_tx(|mut tx| async {
            tx.effects.push(order.clone());
            tokio::task::yield_now().await;
            tx.effects.push(order.clone());
            Ok::<_, Failed>(tx.returns("paid".to_owned()))
        });
        assert!(!first.await.unwrap().replayed);
        match claim.begin_tx::<String>().await.unwrap() {
            Begun::Run(tx) => tx.commit("again".to_owned()).await.unwrap(),
            Begun::Replay(answer) => answer,
        }
    });
    assert!(runtime.block_on(tx).unwrap().replayed);
}

#[test]
fn an_operation_that_cannot_be_sent_runs_on_its_own_thread() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    let starts = Rc::new(Cell::new(0));
    let mut changed = 0;
    let call = calls.call(|| {
        changed += 1;
        let starts = Rc::clone(&starts);
        async move {
            starts.set(starts.get() + 1);
            Ok::<_, Failed>("paid".to_owned())
        }
    });
    assert!(rig.runtime.block_on(call).is_ok());
    assert_eq!((starts.get(), changed), (1, 1));
    let run = claim.run_inline(|_| {
        let starts = Rc::clone(&starts);
        async move { Ok::<_, Failed>(starts.get().to_string()) }
    });
    assert!(rig.runtime.block_on(run).unwrap().replayed);
}

#[test]
fn a_claim_stands_in_a_tuple_and_behind_an_object() {
    let rig = Rig::new();
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(rig.store.clone());
    let idempotency = Idempotency::builder(store).build().unwrap();
    let claim = claim(&idempotency, "k");
    let calls = steadfast_core::Pipeline::on(rig.clock.clone(), (KeyPerCall::new(), claim));
    let call = || {
        calls.call_with(|info| async move { info.key.map(|key| key.to_string()).ok_or("no key") })
    };
    let first = rig.runtime.block_on(call()).unwrap();
    assert_eq!(rig.runtime.block_on(call()).unwrap(), first);
}

#[test]
fn a_key_that_the_caller_gave_stays_and_another_is_the_same_on_every_attempt() {
    let runtime = VirtualRuntime::new(1);
    let calls = steadfast_core::Pipeline::on(runtime.clone(), KeyPerCall::new());
    let key = |info: steadfast_core::AttemptInfo| async move { info.key.ok_or(()) };
    let own = steadfast_core::IdempotencyKey::from_u128(7);
    assert_eq!(runtime.block_on(calls.call_with(key).key(own)), Ok(own));
    let minted = runtime.block_on(calls.call_with(key)).unwrap();
    let text = minted.to_string();
    assert_eq!((&text[14..15], text.len()), ("7", 36));
    runtime.advance(ms(1));
    assert!(runtime.block_on(calls.call_with(key)).unwrap() > minted);
    assert!(KeyPerCall::mint(&runtime) > minted);
    let _ = runtime.now();
}

#[test]
fn what_is_printed_says_where_it_is_and_nothing_of_the_result() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    assert_eq!(
        format!("{claim:?}"),
        "Idempotent { name: \"idempotency\", id: Id { key: Key(\"k\"), scope: Scope(\"customer-7\", \"charge\") }, .. }"
    );
    let idempotency = claim.idempotency();
    assert_eq!(
        format!("{idempotency:?}"),
        "Idempotency { name: \"idempotency\", mode: Block, .. }"
    );
    let mut run = rig.runtime.drive(claim.run_inline(|ctx| async move {
        assert!(format!("{ctx:?}").contains("fence: Fence(1), standing: Held"));
        Ok::<_, Failed>("secret".to_owned())
    }));
    assert!(run.poll().is_ready());
    let run = claim.run_inline(|_| async { Ok::<_, Failed>(String::new()) });
    assert_eq!(format!("{run:?}"), "RunInline(claiming)");
}

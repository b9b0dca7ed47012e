//! The shape of things: what is `Send`, what is small, what is printed.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

use std::{
    cell::Cell,
    fmt::Debug,
    future::{Ready, pending},
    hash::Hash,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
};

use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert};
use steadfast_bulkhead::{Bulkhead, BulkheadBuilder, BulkheadFuture, Order, OwnedPermit, Permit};
use steadfast_core::{
    Call, Classified, ErrIsTransient, Execute, Pipeline, Plain, Policies, TokioRuntime,
    VirtualRuntime,
};

/// A call whose operation results in a `T`, on virtual time.
type Op<T> =
    Call<'static, fn() -> Ready<Result<T, ()>>, Plain, &'static VirtualRuntime, ErrIsTransient>;
type OnTokio = Call<'static, fn() -> Ready<Result<(), ()>>, Plain, TokioRuntime, ErrIsTransient>;
type Calls<T> = Execute<'static, Bulkhead, Op<T>>;
type Small = Classified<'static, Ready<Result<(), ()>>, ErrIsTransient>;

assert_impl_all!(Bulkhead: Send, Sync, Clone, Debug, UnwindSafe, RefUnwindSafe);
assert_impl_all!(BulkheadBuilder: Send, Sync, Clone, Debug);
assert_impl_all!(Order: Send, Sync, Copy, Debug, Eq, Default);
assert_impl_all!(Permit<'static, &'static VirtualRuntime>: Send, Sync, Debug);
assert_impl_all!(OwnedPermit<VirtualRuntime>: Send, Sync, Debug, Unpin);
assert_not_impl_any!(Order: Hash);

// A call is as `Send` as its operation.
assert_impl_all!(Calls<u8>: Send, Sync);
assert_not_impl_any!(Calls<Rc<u8>>: Send);
assert_impl_all!(BulkheadFuture<'static, Op<u8>>: Send, Sync, Debug);
assert_not_impl_any!(BulkheadFuture<'static, Op<Rc<u8>>>: Send);
// A permit is used once.
assert_not_impl_any!(Permit<'static, &'static VirtualRuntime>: Clone, Copy);
assert_not_impl_any!(OwnedPermit<VirtualRuntime>: Clone, Copy);

// A handle is a pointer.
const_assert!(size_of::<Bulkhead>() == size_of::<usize>());
// A cell, a runtime, a number.
const_assert!(size_of::<Permit<'static, &'static VirtualRuntime>>() <= 40);
const_assert!(size_of::<Permit<'static, TokioRuntime>>() <= 32);
// What the bulkhead adds to the operation's own future: no timer and no operation.
const_assert!(size_of::<BulkheadFuture<'static, Op<()>>>() <= size_of::<Small>() + 48);
const_assert!(size_of::<BulkheadFuture<'static, OnTokio>>() <= size_of::<Small>() + 48);

fn is_send<F: Send>(future: F) -> F {
    future
}

#[test]
fn a_call_that_waits_can_be_spawned_on_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let bulkhead = Bulkhead::max_concurrent(1)
        .max_waiting(100)
        .max_wait(std::time::Duration::from_secs(600))
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let calls = Pipeline::new(bulkhead.clone());
            runtime.spawn(is_send(async move {
                let borrowed = number.to_string();
                let call = calls.call(|| async {
                    tokio::task::yield_now().await;
                    Ok::<_, ()>(borrowed.len())
                });
                call.await
            }))
        })
        .collect();
    let ends = runtime.block_on(futures::future::join_all(tasks));
    let lengths: usize = ends.into_iter().map(|end| end.unwrap().unwrap()).sum();
    assert_eq!(lengths, 10 + 40 * 2);
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
}

#[test]
fn an_operation_that_cannot_be_sent_runs_on_its_own_thread() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1).build().unwrap();
    let calls = bulkhead.on(runtime.clone());
    let starts = Rc::new(Cell::new(0));
    let result = runtime.block_on(calls.call(|| async {
        starts.set(starts.get() + 1);
        Ok::<_, ()>(Rc::clone(&starts))
    }));
    assert_eq!(result.unwrap().get(), 1);
}

#[test]
fn an_operation_may_change_what_it_captured_also_after_a_wait() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1).max_waiting(1).build().unwrap();
    let calls = bulkhead.on(runtime.clone());
    let mut made = 0;
    let held = bulkhead.try_acquire(&runtime, 1).unwrap();
    let mut call = runtime.drive(calls.call(|| {
        made += 1;
        async { Ok::<_, ()>(()) }
    }));
    assert!(call.poll().is_pending());
    drop(held);
    assert!(call.poll().is_ready());
    drop(call);
    assert_eq!(made, 1);
}

#[test]
fn a_bulkhead_prints_its_name_and_its_numbers() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(3).named("db").build().unwrap();
    let permit = bulkhead.try_acquire(&runtime, 2).unwrap();
    assert_eq!(
        format!("{bulkhead:?}"),
        "Bulkhead { name: \"db\", limit: 3, in_flight: 2, waiting: 0, .. }"
    );
    assert_eq!(
        format!("{permit:?}"),
        "Permit { bulkhead: \"db\", cost: 2, .. }"
    );
    let owned = bulkhead.try_acquire_owned(runtime.clone(), 1).unwrap();
    assert_eq!(
        format!("{owned:?}"),
        "OwnedPermit { bulkhead: \"db\", cost: 1, .. }"
    );
}

#[test]
fn a_call_prints_nothing_of_its_arguments() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1).build().unwrap();
    let calls = bulkhead.on(runtime.clone());
    let secret = "password";
    let call = calls.call(|| async { Ok::<_, ()>(secret) });
    assert!(!format!("{call:?}").contains("password"));
    assert_eq!(runtime.block_on(call), Ok("password"));
}

#[test]
fn a_future_prints_where_it_is() {
    use steadfast_core::{Attempt, Operation, Outcome, Policy};

    struct Hangs;
    impl Operation for Hangs {
        type Ok = ();
        type Err = ();
        type Runtime = VirtualRuntime;
        type Future = std::future::Pending<Outcome<(), ()>>;
        fn start(self, _attempt: Attempt<VirtualRuntime>) -> Self::Future {
            pending()
        }
    }
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1).max_waiting(1).build().unwrap();
    let run = || bulkhead.run(Hangs, Attempt::first(runtime.clone()));
    let text = |future: &BulkheadFuture<'_, Hangs>| format!("{future:?}");
    let running = run();
    let permit = "Permit { bulkhead: \"bulkhead\", cost: 1, .. }";
    assert_eq!(
        text(&running),
        format!("BulkheadFuture {{ permit: {permit}, .. }}")
    );
    let waits = run();
    assert!(text(&waits).ends_with("waiting: true, .. }"), "{waits:?}");
    assert_eq!(
        bulkhead.waiting(),
        0,
        "it enters the queue when it is polled"
    );
    bulkhead.resize(1).unwrap();
    let mut entered = runtime.drive(waits);
    assert!(entered.poll().is_pending());
    let refused = run();
    let counts = "refused: Counts { running: 1, waiting: 1 }, .. }";
    assert!(text(&refused).ends_with(counts), "{refused:?}");
}

#[test]
fn a_builder_prints_its_settings() {
    let settings = Bulkhead::max_concurrent(3).lifo().named("db");
    let text = format!("{settings:?}");
    assert!(text.contains("max_concurrent: 3"), "{text}");
    assert!(text.contains("order: Lifo"), "{text}");
}

//! The shape of things: what is `Send`, what is small, what is printed.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

use std::{
    cell::Cell,
    fmt::Debug,
    future::{Ready, pending},
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
    time::Duration,
};

use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert};
use steadfast_core::{
    Attempt, Call, Classified, ErrIsTransient, Execute, Operation, Outcome, Pipeline, Plain,
    Policies, Policy, Runtime, TokioRuntime, Verdict, VirtualRuntime,
};
use steadfast_rate_limit::{
    AdaptiveRate, AdaptiveRateLimit, AdaptiveRateLimitBuilder, AdaptiveRateLimitFuture,
    KeyRateLimit, KeyRateLimitFuture, KeyedRateLimit, RateLimit, RateLimitBuilder, RateLimitFuture,
};

/// A call whose operation results in a `T`, on virtual time.
type Op<T> =
    Call<'static, fn() -> Ready<Result<T, ()>>, Plain, &'static VirtualRuntime, ErrIsTransient>;
type OnTokio = Call<'static, fn() -> Ready<Result<(), ()>>, Plain, TokioRuntime, ErrIsTransient>;
type Calls<T> = Execute<'static, RateLimit, Op<T>>;
type Large = Classified<'static, Ready<Result<[u64; 20], ()>>, ErrIsTransient>;
type Small = Classified<'static, Ready<Result<(), ()>>, ErrIsTransient>;

assert_impl_all!(RateLimit: Send, Sync, Clone, Debug, UnwindSafe, RefUnwindSafe);
assert_impl_all!(RateLimitBuilder: Send, Sync, Clone, Debug);

// A call is as `Send` as its operation.
assert_impl_all!(Calls<u8>: Send, Sync);
assert_not_impl_any!(Calls<Rc<u8>>: Send);
assert_impl_all!(RateLimitFuture<'static, Op<u8>>: Send, Sync, Debug);
assert_not_impl_any!(RateLimitFuture<'static, Op<Rc<u8>>>: Send);

// One key of many: a handle, its borrowed policy, and the future.
assert_impl_all!(KeyedRateLimit<Cell<u8>>: Send, Sync, Clone, Debug);
assert_impl_all!(KeyRateLimit<'static, String, str>: Send, Sync, Copy, Debug);
assert_impl_all!(KeyRateLimitFuture<Op<u8>>: Send, Sync, Debug);
assert_not_impl_any!(KeyRateLimitFuture<Op<Rc<u8>>>: Send);
const_assert!(size_of::<KeyRateLimitFuture<Op<()>>>() <= size_of::<Small>() + 40);

// A handle is a pointer.
const_assert!(size_of::<RateLimit>() == size_of::<usize>());
// What the limit adds to the operation's own future: no timer, no operation, and a refusal only where there is
// no future.
const_assert!(size_of::<RateLimitFuture<'static, Op<()>>>() <= size_of::<Small>() + 40);
const_assert!(size_of::<RateLimitFuture<'static, OnTokio>>() <= size_of::<Small>() + 40);

// One that adapts: a handle is a pointer as well, and a call carries when it was sent, and two references.
assert_impl_all!(AdaptiveRateLimit: Send, Sync, Clone, Debug, UnwindSafe, RefUnwindSafe);
assert_impl_all!(AdaptiveRateLimitBuilder: Send, Sync, Clone, Debug);
assert_impl_all!(AdaptiveRateLimitFuture<'static, Op<u8>>: Send, Sync, Debug);
assert_not_impl_any!(AdaptiveRateLimitFuture<'static, Op<Rc<u8>>>: Send);
const_assert!(size_of::<AdaptiveRateLimit>() == size_of::<usize>());
const_assert!(size_of::<AdaptiveRateLimitFuture<'static, Op<()>>>() <= size_of::<Small>() + 40);
const_assert!(
    size_of::<AdaptiveRateLimitFuture<'static, Op<[u64; 20]>>>() <= size_of::<Large>() + 48
);

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
    let limit = RateLimit::per_second(10_000)
        .burst(1)
        .wait(Duration::from_secs(600))
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let calls = Pipeline::new(limit.clone());
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
    assert_eq!(limit.waiting(), 0);
}

#[test]
fn an_operation_that_cannot_be_sent_runs_on_its_own_thread() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1).build().unwrap();
    let calls = limit.on(runtime.clone());
    let starts = Rc::new(Cell::new(0));
    let result = runtime.block_on(calls.call(|| async {
        starts.set(starts.get() + 1);
        Ok::<_, ()>(Rc::clone(&starts))
    }));
    assert_eq!(result.unwrap().get(), 1);
}

#[test]
fn a_limit_prints_its_name_and_its_numbers() {
    let limit = RateLimit::per_second(3).named("search").build().unwrap();
    assert_eq!(
        format!("{limit:?}"),
        "RateLimit { name: \"search\", shape: Bucket, burst: 3, waiting: 0, .. }"
    );
}

#[test]
fn a_call_prints_nothing_of_its_arguments() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1).build().unwrap();
    let calls = limit.on(runtime.clone());
    let secret = "password";
    let call = calls.call(|| async { Ok::<_, ()>(secret) });
    assert!(!format!("{call:?}").contains("password"));
    assert_eq!(runtime.block_on(call), Ok("password"));
}

#[test]
fn a_future_prints_where_it_is() {
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
    let texts = |limit: RateLimitBuilder| {
        let limit = limit.build().unwrap();
        let run = || limit.run(Hangs, Attempt::first(runtime.clone()));
        [format!("{:?}", run()), format!("{:?}", run())]
    };
    let rejects = texts(RateLimit::per_second(1));
    assert_eq!(rejects[0], "RateLimitFuture { .. }");
    let refused = "RateLimitFuture { refused: Until(1001s), .. }";
    assert_eq!(rejects[1], refused);
    let adaptive = RateLimit::adaptive(AdaptiveRate::new()).build().unwrap();
    let run = || adaptive.run(Hangs, Attempt::first(runtime.clone()));
    assert_eq!(format!("{:?}", run()), "AdaptiveRateLimitFuture { .. }");
    adaptive.record(&runtime, runtime.now(), &Verdict::overloaded());
    let limited = "AdaptiveRateLimitFuture { limited: RateLimitFuture { refused: Until(";
    assert!(format!("{:?}", run()).starts_with(limited));
    let waits = texts(RateLimit::per_second(1).wait(Duration::from_secs(1)));
    assert_eq!(waits[1], "RateLimitFuture { waiting: true, .. }");
}

#[test]
fn a_call_under_a_rate_that_adapts_can_be_spawned_and_prints_where_it_is() {
    let runtime = VirtualRuntime::new(1);
    let rate = AdaptiveRate::new().initial(1, Duration::from_secs(1));
    let limit = RateLimit::adaptive(rate).burst(1).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), limit.clone());
    let task = runtime.spawn(is_send(async move {
        calls.call(|| async { Ok::<_, ()>(7) }).await
    }));
    assert_eq!(runtime.block_on(task), Ok(7));
    let calls = limit.on(runtime);
    let run = calls.call(|| async { Ok::<_, ()>(7) });
    assert!(!format!("{run:?}").contains('7'));
}

#[test]
fn a_builder_prints_its_settings() {
    let text = format!("{:?}", RateLimit::per_second(3).sliding().named("db"));
    assert!(
        text.contains("n: 3") && text.contains("shape: Sliding"),
        "{text}"
    );
}

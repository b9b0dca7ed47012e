//! The shape of things: what is `Send`, what is `Debug`, what is small.

use std::{
    cell::Cell,
    fmt::Debug,
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
};

use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert};
use steadfast_core::{
    Attempt, AttemptInfo, BoxPipeline, Call, CallOptions, ErrIsTransient, Error, Execute,
    IdempotencyKey, Inside, Instant, Pipeline, Plain, Rejection, Reported, Seeded, Verdict,
    VirtualRuntime, VirtualSleep,
};

use crate::{
    Failed, SECOND, a_retry_per_call, on_virtual_time,
    policies::{Again, Asks, Bounds, Log, Mark, Pass},
};

/// The operation that a closure of this type starts, on virtual time.
type Op<F> = Call<'static, F, Plain, &'static VirtualRuntime, ErrIsTransient>;
type Calls<P, T> = Execute<'static, P, Op<fn() -> Ready<Result<T, Failed>>>>;
type Reports<P, T> = Reported<'static, P, Op<fn() -> Ready<Result<T, Failed>>>>;
type Stack = (Mark, Bounds, Again, Asks, Option<Pass>, Arc<Pass>);

// A call is as `Send` as the operation is, through every policy.
assert_impl_all!(Calls<Stack, u8>: Send, Sync);
assert_impl_all!(Reports<Stack, u8>: Send);
assert_not_impl_any!(Calls<Stack, Rc<u8>>: Send);
assert_not_impl_any!(Calls<Pass, Rc<u8>>: Send);
assert_not_impl_any!(Reports<Pass, Rc<u8>>: Send);
// Once polled it must not be moved.
assert_not_impl_any!(Calls<Pass, u8>: Unpin);

assert_impl_all!(Pipeline<Stack, VirtualRuntime>: Send, Sync);
assert_impl_all!(BoxPipeline<u8, Failed>: Send, Sync, Clone, Debug);
assert_impl_all!(Attempt<&VirtualRuntime>: Copy, Send, Sync, Debug);
assert_impl_all!(Error<Failed>: Send, Sync, Clone, Debug, Eq);
assert_impl_all!(Rejection: Send, Sync, Copy, Debug, Eq);
assert_impl_all!(VirtualRuntime: Send, Sync, Clone, Debug);
assert_impl_all!(VirtualSleep: Send, Debug);
assert_impl_all!(Seeded<VirtualRuntime>: Send, Sync, Clone, Debug);

const_assert!(size_of::<Attempt<&VirtualRuntime>>() <= 56);
const_assert!(size_of::<Instant>() == 8);
// What a retry keeps for another attempt: one pointer beside the caller's closure, however many policies are inside.
const_assert!(
    size_of::<Inside<'static, Stack, 1, Op<[u64; 2]>>>() == size_of::<Op<[u64; 2]>>() + 8
);
const_assert!(size_of::<Verdict>() <= 16);
const_assert!(size_of::<IdempotencyKey>() == 16);

fn is_send<F: Send>(future: F) -> F {
    future
}

#[test]
fn a_call_that_borrows_what_it_captures_can_be_sent() {
    let log = Log::default();
    let again = Again {
        budget: a_retry_per_call(),
        wait: SECOND,
    };
    let (runtime, pipeline) = on_virtual_time((Mark("mark", log.clone()), again, Bounds(SECOND)));
    let body = String::from("borrowed");
    let call = is_send(pipeline.call(|| async {
        let length = body.len();
        runtime.sleep(SECOND).await;
        Ok::<_, Failed>(length)
    }));
    assert_eq!(runtime.block_on(call), Ok(8));
    let options = CallOptions::new().idempotent();
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info.number)));
    let report = runtime.block_on(is_send(call.options(options).reported()));
    assert_eq!(report.result, Ok(1));
}

#[test]
fn a_call_of_a_shared_pipeline_can_be_spawned() {
    let (runtime, pipeline) = on_virtual_time((Pass, Bounds(SECOND)));
    let pipeline = Arc::new(pipeline);
    let tasks: Vec<_> = (0..3)
        .map(|number| {
            let (pipeline, clock) = (Arc::clone(&pipeline), runtime.clone());
            runtime.spawn(async move {
                let call = pipeline.call(|| async {
                    clock.sleep(SECOND).await;
                    Ok::<_, Failed>(number)
                });
                call.await
            })
        })
        .collect();
    let outputs = runtime.block_on(futures::future::join_all(tasks));
    assert_eq!(outputs, [Ok(0), Ok(1), Ok(2)]);
}

#[test]
fn an_operation_that_cannot_be_sent_runs_on_its_own_thread() {
    let again = Again {
        budget: a_retry_per_call(),
        wait: SECOND,
    };
    let (runtime, pipeline) = on_virtual_time((Pass, again, Bounds(SECOND)));
    let starts = Rc::new(Cell::new(0));
    let result = runtime.block_on(pipeline.call(|| async {
        starts.set(starts.get() + 1);
        runtime.sleep(SECOND).await;
        if starts.get() == 1 {
            Err(Failed)
        } else {
            Ok(Rc::clone(&starts))
        }
    }));
    assert_eq!(result.unwrap().get(), 2);
}

#[test]
fn an_operation_may_change_what_it_captured_where_nothing_repeats_it() {
    let (runtime, pipeline) = on_virtual_time((Pass, Bounds(SECOND)));
    let mut calls = 0;
    let call = pipeline.call(|| {
        calls += 1;
        async { Ok::<_, Failed>(()) }
    });
    assert_eq!(runtime.block_on(call), Ok(()));
    assert_eq!(calls, 1);
}

#[test]
fn a_call_prints_how_far_it_is_and_nothing_of_its_arguments() {
    let (runtime, pipeline) = on_virtual_time(Pass);
    let secret = "password";
    let call = pipeline.call(|| async {
        runtime.sleep(SECOND).await;
        Ok::<_, Failed>(secret)
    });
    assert_eq!(format!("{call:?}"), "Execute(not started)");
    let mut call = std::pin::pin!(call);
    let mut polled = runtime.drive(std::future::poll_fn(|cx| {
        std::task::Poll::Ready(Future::poll(call.as_mut(), cx).is_pending())
    }));
    assert!(polled.poll() == std::task::Poll::Ready(true));
    drop(polled);
    assert_eq!(format!("{call:?}"), "Execute(running)");
    let reported = pipeline.call(|| ready(Ok::<_, Failed>(secret))).reported();
    assert_eq!(format!("{reported:?}"), "Reported(Execute(not started))");
}

#[test]
fn a_policy_without_state_adds_nothing_to_the_size_of_a_call() {
    macro_rules! size {
        ($policies:expr) => {{
            let (_, pipeline) = on_virtual_time($policies);
            size_of_val(&pipeline.call(|| ready(Ok::<_, Failed>(1))))
        }};
    }
    let alone = size!(Pass);
    assert_eq!(size!((Pass, Pass, Pass, Pass)), alone);
    assert_eq!(size!((Pass, Bounds(SECOND), Some(Pass), &Pass)), alone);
}

//! The shape of things: what is `Send`, what is small, what is printed.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

use std::{
    cell::Cell,
    fmt::Debug,
    future::Ready,
    hash::Hash,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
    sync::Arc,
};

use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert};
use steadfast_circuit_breaker::{
    Bucket, Cancelled, Cause, CircuitBreaker, CircuitBreakerBuilder, CircuitBreakerFuture, Permit,
    Recv, Snapshot, State, Transition, Transitions,
};
use steadfast_core::{
    Call, Classified, ErrIsTransient, Execute, Pipeline, Plain, Policies, Ratio, Runtime, Verdict,
    VirtualRuntime,
};

/// A call whose operation results in a `T`, on virtual time.
type Op<T> =
    Call<'static, fn() -> Ready<Result<T, ()>>, Plain, &'static VirtualRuntime, ErrIsTransient>;
type Calls<T> = Execute<'static, CircuitBreaker, Op<T>>;
/// The future of the breaker alone.
type Alone<F> = CircuitBreakerFuture<'static, &'static VirtualRuntime, F>;
type Small = Classified<'static, Ready<Result<(), ()>>, ErrIsTransient>;

assert_impl_all!(CircuitBreaker: Send, Sync, Clone, Debug, Default, UnwindSafe, RefUnwindSafe);
assert_impl_all!(CircuitBreakerBuilder: Send, Sync, Clone, Debug);
assert_impl_all!(Permit<'static, &'static VirtualRuntime>: Send, Sync, Debug);
assert_impl_all!(Transitions: Send, Sync, Debug, Unpin);
assert_impl_all!(Recv<'static>: Send, Sync, Debug, Unpin);
assert_impl_all!(Snapshot: Send, Sync, Clone, Debug, Eq);
assert_impl_all!(Bucket: Send, Sync, Copy, Debug, Eq, Default);
assert_impl_all!(Transition: Send, Sync, Copy, Debug, Eq, Hash);
assert_impl_all!(State: Send, Sync, Copy, Debug, Eq, Hash, std::fmt::Display);
assert_impl_all!(Cause: Send, Sync, Copy, Debug, Eq, Hash, std::fmt::Display);
assert_impl_all!(Cancelled: Send, Sync, Copy, Debug, Eq, Default);

// A call is as `Send` as its operation.
assert_impl_all!(Calls<u8>: Send, Sync);
assert_not_impl_any!(Calls<Rc<u8>>: Send);
assert_impl_all!(Alone<Small>: Send, Sync, Debug);
assert_not_impl_any!(Alone<Rc<Small>>: Send);
// A permit is used once.
assert_not_impl_any!(Permit<'static, &'static VirtualRuntime>: Clone, Copy);
assert_not_impl_any!(Transitions: Clone);

// A handle is a pointer.
const_assert!(size_of::<CircuitBreaker>() == size_of::<usize>());
const_assert!(size_of::<Option<CircuitBreaker>>() == size_of::<usize>());
// A cell, a runtime, the state, and when it began.
const_assert!(size_of::<Permit<'static, &'static VirtualRuntime>>() <= 32);
// What the breaker adds to the operation's own future.
const_assert!(size_of::<Alone<Small>>() <= size_of::<Small>() + 48);
const_assert!(size_of::<Transition>() <= 16);
const_assert!(size_of::<State>() == 1);
const_assert!(size_of::<Cause>() == 1);

fn is_send<F: Send>(future: F) -> F {
    future
}

#[test]
fn a_call_of_a_shared_breaker_can_be_spawned() {
    let runtime = VirtualRuntime::new(1);
    let calls = Arc::new(Pipeline::on(runtime.clone(), CircuitBreaker::default()));
    let tasks: Vec<_> = (0..3)
        .map(|number| {
            let (calls, clock) = (Arc::clone(&calls), runtime.clone());
            runtime.spawn(is_send(async move {
                let call = calls.call(|| async {
                    clock.sleep(std::time::Duration::from_secs(1)).await;
                    Ok::<_, ()>(number)
                });
                call.await
            }))
        })
        .collect();
    let outputs = runtime.block_on(futures::future::join_all(tasks));
    assert_eq!(outputs, [Ok(0), Ok(1), Ok(2)]);
}

#[test]
fn an_operation_that_cannot_be_sent_runs_on_its_own_thread() {
    let runtime = VirtualRuntime::new(1);
    let calls = CircuitBreaker::default();
    let calls = calls.on(runtime.clone());
    let starts = Rc::new(Cell::new(0));
    let result = runtime.block_on(calls.call(|| async {
        starts.set(starts.get() + 1);
        Ok::<_, ()>(Rc::clone(&starts))
    }));
    assert_eq!(result.unwrap().get(), 1);
}

#[test]
fn an_operation_may_change_what_it_captured() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::default();
    let calls = breaker.on(runtime.clone());
    let mut made = 0;
    let call = calls.call(|| {
        made += 1;
        async { Ok::<_, ()>(()) }
    });
    assert_eq!(runtime.block_on(call), Ok(()));
    assert_eq!(made, 1);
}

#[test]
fn a_breaker_prints_its_name_and_its_state() {
    let breaker = CircuitBreaker::consecutive_failures(1).named("db").build();
    let breaker = breaker.unwrap();
    assert_eq!(
        format!("{breaker:?}"),
        "CircuitBreaker { name: \"db\", state: Closed, .. }"
    );
    breaker.isolate();
    assert_eq!(
        format!("{breaker:?}"),
        "CircuitBreaker { name: \"db\", state: Isolated, .. }"
    );
}

#[test]
fn a_permit_prints_whether_it_is_a_probe() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::consecutive_failures(1).build().unwrap();
    let permit = breaker.try_acquire(&runtime).unwrap();
    let text = "Permit { breaker: \"breaker\", is_probe: false, .. }";
    assert_eq!(format!("{permit:?}"), text);
    permit.record(&Verdict::success());
    breaker.open_for_at(runtime.now(), std::time::Duration::ZERO);
    let permit = breaker.try_acquire(&runtime).unwrap();
    let text = "Permit { breaker: \"breaker\", is_probe: true, .. }";
    assert_eq!(format!("{permit:?}"), text);
}

#[test]
fn readers_print_whom_they_follow() {
    let breaker = CircuitBreaker::consecutive_failures(1).build().unwrap();
    let mut transitions = breaker.subscribe();
    let text = "Transitions { breaker: \"breaker\", next: 1, .. }";
    assert_eq!(format!("{transitions:?}"), text);
    assert_eq!(
        format!("{:?}", transitions.recv()),
        format!("Recv {{ transitions: {text} }}")
    );
}

#[test]
fn a_call_prints_nothing_of_its_arguments() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::default();
    let calls = breaker.on(runtime.clone());
    let secret = "password";
    let call = calls.call(|| async { Ok::<_, ()>(secret) });
    assert!(!format!("{call:?}").contains("password"));
    assert_eq!(runtime.block_on(call), Ok("password"));
}

#[test]
fn states_and_causes_have_names() {
    let states = [
        (State::Closed, "closed"),
        (State::Open, "open"),
        (State::HalfOpen, "half-open"),
        (State::Ramping, "ramping"),
        (State::Isolated, "isolated"),
        (State::ForcedClosed, "forced closed"),
    ];
    for (state, name) in states {
        assert_eq!((state.name(), state.to_string().as_str()), (name, name));
    }
    let causes = [
        (Cause::FailureRate, "failure rate"),
        (Cause::SlowCallRate, "slow call rate"),
        (Cause::ConsecutiveFailures, "consecutive failures"),
        (Cause::OpenTimeOver, "open time over"),
        (Cause::ProbesFailed, "probes failed"),
        (Cause::HalfOpenTimeOver, "half-open time over"),
        (Cause::ProbesSucceeded, "probes succeeded"),
        (Cause::RampOver, "ramp over"),
        (Cause::ByHand, "by hand"),
    ];
    for (cause, name) in causes {
        assert_eq!((cause.name(), cause.to_string().as_str()), (name, name));
    }
}

#[test]
fn a_builder_prints_its_settings() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(25)).named("db");
    let text = format!("{settings:?}");
    assert!(
        text.contains("failure_rate: Some(Ratio { numerator: 1, denominator: 4 })"),
        "{text}"
    );
    assert!(text.contains("name: \"db\""), "{text}");
}

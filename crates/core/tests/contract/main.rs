//! What core promises to those who call a pipeline and to those who write a policy.

#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod attempts;
mod boxed;
mod calls;
mod errors;
mod events;
mod panics;
mod policies;
mod shape;
mod stacking;
mod time;

use std::time::Duration;

use steadfast_core::{Pipeline, Ratio, RetryBudget, VirtualRuntime};

const SECOND: Duration = Duration::from_secs(1);

/// What an operation of these tests fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failed;

/// A pipeline whose clock can be asked what was read.
fn on_virtual_time<P: steadfast_core::Policies>(
    policies: P,
) -> (VirtualRuntime, Pipeline<P, VirtualRuntime>) {
    let runtime = VirtualRuntime::new(7);
    let pipeline = Pipeline::on(runtime.clone(), policies);
    (runtime, pipeline)
}

/// As many retries as calls, in a window.
fn a_retry_per_call() -> RetryBudget {
    let settings = RetryBudget::ratio(Ratio::percent(100));
    settings.min_per_second(0).build().unwrap()
}

/// As many retries under way as calls under way.
fn a_retry_per_call_under_way() -> RetryBudget {
    let settings = RetryBudget::share_of_in_flight(Ratio::percent(100));
    settings.min_concurrent(0).build().unwrap()
}

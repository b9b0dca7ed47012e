//! One test for each known defect of another circuit breaker that this one must not have.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "../stories/common.rs"]
mod common;

mod generations;
mod half_open;
mod windows;

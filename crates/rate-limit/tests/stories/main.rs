//! What the rate limit promises, one story per promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may do as the tests do"
)]

mod bucket;
mod calls;
mod cancel;
mod change;
mod common;
mod handle;
mod settings;
mod waiting;
mod windows;

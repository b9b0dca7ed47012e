//! What the bulkhead promises, one story per promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may do as the tests do"
)]

mod adaptive;
mod between;
mod cancel;
mod codel;
mod common;
mod cost;
mod keyed;
mod limit;
mod orders;
mod permits;
mod queue;
mod refusals;
mod resize;
mod settings;
mod time;
mod weights;

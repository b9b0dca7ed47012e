//! What the breaker promises, one story per promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may do as the tests do"
)]

mod by_hand;
mod clock;
mod common;
mod consecutive;
mod cost;
mod half_open;
mod keyed;
mod neutral;
mod observers;
mod open;
mod probes;
mod ramp;
mod rates;
mod settings;
mod shadow;
mod slow;
mod snapshots;
mod stale;
mod subscription;
mod time_window;

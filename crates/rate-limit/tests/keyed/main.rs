//! What limits by key promise: stories, and every answer beside that of a naive list of limits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may do as the tests do"
)]

mod common;
mod handles;
mod hashes;
mod naive;
mod places;
mod prefixes;
mod rates;
mod threads;
mod units;

//! What a limit with an adaptive rate promises, through the public door.
//!
//! The decision alone, over many seeds and servers, is in `tests/adaptive`.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod common;
mod keyed;
mod lessons;
mod limited;
mod live;
mod settings;
mod threads;
mod time;

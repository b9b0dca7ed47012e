//! What the memory store promises: the protocol, a bound on what it holds, and answers that are there at once.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[cfg(feature = "conformance")]
mod kit;
mod room;
mod shop;
mod threads;

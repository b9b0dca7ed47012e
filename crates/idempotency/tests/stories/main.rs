//! One story a promise, on virtual time.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod cancel;
mod codecs;
mod ends;
mod in_flight;
mod keeping;
mod leads;
mod recovery;
mod runs;
mod settings;
mod store_away;
#[path = "../support/mod.rs"]
mod support;
mod transactions;
mod tx_duplicates;

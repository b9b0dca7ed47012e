//! Retry.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod jitter;
mod policy;
mod retry;
mod rules;

pub use backoff::{Backoff, RetryState};
pub use jitter::Jitter;
pub use policy::RetryFuture;
pub use retry::{Retry, RetryBuilder};
pub use rules::{Hints, Safety};
pub use steadfast_core::{RetryBudget, budget};

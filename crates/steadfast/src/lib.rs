//! Composable resilience policies for async Rust.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use steadfast_core::*;
#[cfg(feature = "retry")]
pub use steadfast_retry::{
    Backoff, Hints, Jitter, Retry, RetryBuilder, RetryFuture, RetryState, Safety,
};
#[cfg(feature = "timeout")]
pub use steadfast_timeout::{Elapsed, FutureExt, Timeout, TimeoutFuture, WithTimeout};

/// Everything that calls and configuration need.
pub mod prelude {
    pub use crate::Pipeline;
}

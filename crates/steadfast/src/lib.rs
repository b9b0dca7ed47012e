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

/// The names that most programs use, and the traits that add methods to futures and closures.
pub mod prelude {
    #[cfg(feature = "retry")]
    pub use crate::Retry;
    #[cfg(feature = "timeout")]
    pub use crate::{FutureExt as _, Timeout};
    pub use crate::{
        Pipeline, Policies as _, RetryBudget, Runtime as _, Verdict, WithPolicy as _,
        WithPolicyCall as _,
    };
}

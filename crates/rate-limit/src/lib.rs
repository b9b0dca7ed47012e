//! Exact rate limits for async Rust: GCRA with bursts, sliding and fixed windows, fair waiting, on any executor.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod book;
mod builder;
mod cell;
mod frame;
mod limited;
mod log;
mod policy;
mod rate_limit;
mod rule;
mod settings;
mod sync;
mod tally;
mod wait;
mod wakers;

pub use builder::RateLimitBuilder;
pub use policy::RateLimitFuture;
pub use rate_limit::RateLimit;

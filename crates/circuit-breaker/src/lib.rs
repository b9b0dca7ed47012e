//! Circuit breaker and adaptive throttle.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod builder;
mod circuit_breaker;
mod control;
mod log;
mod permit;
mod policy;
mod settings;
mod snapshot;
mod sync;
mod transitions;
mod window;
mod word;

pub use builder::CircuitBreakerBuilder;
pub use circuit_breaker::CircuitBreaker;
pub use permit::Permit;
pub use policy::CircuitBreakerFuture;
pub use settings::Cancelled;
pub use snapshot::{Bucket, Cause, Snapshot, State, Transition};
pub use transitions::{NextTransition, Transitions};

//! Deadlines for async operations, on any executor: for a whole call, for each attempt, for a plain
//! future.
//!
//! ```
//! use std::{future::pending, time::Duration};
//!
//! use steadfast_core::{Pipeline, VirtualRuntime};
//! use steadfast_timeout::Timeout;
//!
//! let runtime = VirtualRuntime::new(1); // in a program: Pipeline::new(..), on tokio
//! let calls = Pipeline::on(runtime.clone(), Timeout::new(Duration::from_secs(2)));
//!
//! let quick = calls.call(|| async { Ok::<_, std::io::Error>("answer") });
//! assert_eq!(runtime.block_on(quick).unwrap(), "answer");
//!
//! let stuck = calls.call(pending::<Result<(), std::io::Error>>);
//! let error = runtime.block_on(stuck).unwrap_err();
//! assert!(error.is_timed_out());
//! assert_eq!(error.to_string(), "timeout cut the call off after 2s");
//! ```
//!
//! - [`Timeout`] is a policy: around a retry it bounds the whole call, inside one each attempt. Of several
//!   the tightest wins, and a retry between them does not sleep past it.
//! - [`Timeout::from_fn`] decides for each attempt. One call may bring a timeout or a deadline of its own:
//!   `calls.call(..).timeout(longer)`.
//! - [`FutureExt`] has `.timeout(..)` for a plain future of any output.
//!
//! # Promises
//!
//! | | |
//! |---|---|
//! | a result that is ready in the same poll as the timer | is returned |
//! | zero | lets an operation through that is ready at once, and touches no timer |
//! | `Duration::MAX` | never ends, and touches no timer |
//! | a task that has used up tokio's cooperative budget | is cut off all the same |
//! | an operation that is ready at once | costs one clock read; the timer is armed when it is first pending |
//! | an operation that is pending, on tokio | has a timer armed mostly without a lock or an allocation: see `TokioRuntime` |
//! | dropping the future | drops the operation and the timer |
//!
//! What was cut off may have had its effect: the verdict says transient, perhaps executed.
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` alone. The crate `steadfast` has it together with the other
//! policies. Features `tokio`, `smol`, `thread` and `test-util` bring the runtimes; none is on by default.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod future;
mod policy;

pub use future::{Elapsed, FutureExt, WithTimeout};
pub use policy::{Timeout, TimeoutFuture};

//! Retry with backoff, jitter, server hints, deadlines and a shared budget, on any executor.
//!
//! ```
//! use std::{cell::Cell, time::Duration};
//!
//! use steadfast_core::{Pipeline, StopReason, VirtualRuntime};
//! use steadfast_retry::{Retry, RetryBudget};
//!
//! let budget = RetryBudget::default(); // share one between all callers of a dependency
//! let retry = Retry::exponential(Duration::from_millis(50))
//!     .max_attempts(4)
//!     .budget(&budget)
//!     .build()?;
//!
//! let runtime = VirtualRuntime::new(1); // in a program: Pipeline::new(retry), on tokio
//! let calls = Pipeline::on(runtime.clone(), retry);
//!
//! let tries = Cell::new(0);
//! let flaky = || async {
//!     tries.set(tries.get() + 1);
//!     if tries.get() < 3 { Err("connection reset") } else { Ok("page") }
//! };
//! assert_eq!(runtime.block_on(calls.call(flaky)).unwrap(), "page");
//!
//! let report = runtime.block_on(calls.call(|| async { Err::<(), _>("down") }).reported());
//! assert_eq!((report.attempts, report.stop), (4, StopReason::Attempts));
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! **Whoever puts a retry around an operation says that it may happen more than once.** A call that timed
//! out may have charged the card. For what is not idempotent there is [`Safety::WhenIdempotent`].
//!
//! # Defaults
//!
//! | setting | default |
//! |---|---|
//! | `max_attempts`, the first included | 3 |
//! | backoff | exponential from 50ms, factor 2 |
//! | `jitter` | Full |
//! | `max_delay`, after jitter | 20s |
//! | `hints`: how far a `retry_after`, of a server or of a policy further in, may lengthen a wait | Within(5s) |
//! | `max_elapsed` | none |
//! | `safety` | Always |
//! | budget | none |
//!
//! # What is repeated, and when not
//!
//! Transient and overloaded outcomes are repeated. There is no further attempt, and the last real outcome
//! is returned as it is, for one of these reasons:
//!
//! | `StopReason` | |
//! |---|---|
//! | `Attempts` | the permitted attempts were made |
//! | `Deadline` | the next one would begin at or after the deadline, less `min_attempt_time`; known before the wait, not after |
//! | `MaxElapsed` | it would begin later than `max_elapsed` on the runtime's clock, attempts and waits counted |
//! | `Budget` | the budget has nothing left |
//! | `NotRetryable` | the failure is permanent, the caller's own, or not safe to repeat |
//! | `Pushback` | the server asked to be left alone, or for longer than may be waited |
//!
//! By default a `retry_after` of more than about 5 s is such a request: waiting for it is a setting,
//! `.hints(Hints::Within(..))`, and so is to come back earlier.
//!
//! A refusal by a policy further in, such as an open breaker, is repeated only when it says when to come
//! back, and then at that time: by default the call waits for it, up to 5 s longer than its backoff, where its
//! deadline allows. That is long enough for a breaker that opened for 5 s, as it does by default. To fail fast instead:
//! `.hints(Hints::Within(Duration::ZERO))`, or, where servers' hints are not to end a call,
//! `.hints(Hints::Ignore).max_hint(Duration::ZERO)`. Nested retries do not multiply: an inner one that has spent its
//! attempts in a call makes a single one when an outer one repeats it.
//!
//! # Backoff, jitter, budget
//!
//! [`Backoff`] has six formulas and takes a function; [`Jitter`] has four. Both work in whole nanoseconds
//! and never exceed the cap. [`RetryBudget`] comes in the forms of Finagle, gRPC, a token bucket, the AWS
//! SDKs and Envoy, and its page says what each costs. A delay of zero never touches a timer. The operation
//! is cloned for all but the last permitted attempt, which consumes it.
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` alone. The crate `steadfast` has it together with the other
//! policies. Features `tokio`, `smol`, `thread` and `test-util` bring the runtimes; none is on by default.

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

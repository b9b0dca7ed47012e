//! The contract that the policies of [steadfast](https://docs.rs/steadfast) share.
//!
//! Most people want the `steadfast` crate, or a single policy such as `steadfast-retry`. Come here to
//! write a policy, a runtime or a classifier of your own.
//!
//! | type | what it is |
//! |---|---|
//! | [`Pipeline`] | policies, a runtime and a classifier: what calls go through |
//! | [`Policy`] | a rule about how an operation is run |
//! | [`Operation`] | something that can be started with an [`Attempt`] and yields an [`Outcome`] |
//! | [`Attempt`] | what travels inwards: runtime, deadline, number, key, priority, cost |
//! | [`Outcome`] | what travels outwards: the result and its [`Verdict`] |
//! | [`Classify`] | turns a result into a verdict, once, next to the operation |
//! | [`Runtime`] | time, sleep, chance and events: all that comes from outside |
//! | [`Error`] | the operation's own error, or a policy's [`Rejection`] |
//! | [`RetryBudget`] | a purse that the retries of many calls share |
//! | [`Keyed`] | one policy per key, such as a breaker per host |
//!
//! # A policy of your own
//!
//! A policy is implemented for every operation, with a named future. This one counts attempts and hands
//! everything on as it is:
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! use steadfast_core::{Attempt, Operation, Pipeline, Policies, Policy, VirtualRuntime};
//!
//! #[derive(Default)]
//! struct CountAttempts(AtomicU64);
//!
//! impl Policies for CountAttempts {}
//!
//! impl<'p, O: Operation> Policy<'p, O> for CountAttempts {
//!     type Future = O::Future;
//!
//!     fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> O::Future {
//!         self.0.fetch_add(1, Relaxed);
//!         operation.start(attempt)
//!     }
//! }
//!
//! let runtime = VirtualRuntime::new(1);
//! let pipeline = Pipeline::on(runtime.clone(), CountAttempts::default());
//! let answer = runtime.block_on(pipeline.call(|| async { Ok::<_, ()>(42) }));
//! assert_eq!(answer, Ok(42));
//! assert_eq!(pipeline.policies().0.load(Relaxed), 1);
//! ```
//!
//! # Tests without waiting
//!
//! [`VirtualRuntime`] (feature `test-util`) is a clock that moves when it is told to, seeded chance, and an
//! executor that runs thousands of tasks the same way each time. It drives single futures by hand, counts
//! their polls, and cancels them at every await.
//!
//! # Features
//!
//! None is on by default: `tokio`, `smol` and `thread` each bring the runtime of that name, `test-util` the
//! virtual one, and `fast-clock` a quicker clock for any of them. A feature adds names and changes no
//! behaviour.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod boxed;
pub mod budget;
mod config;
mod error;
mod event;
mod execute;
mod idempotency_key;
mod instant;
mod keyed;
mod nesting;
mod operation;
mod options;
mod outcome;
mod pipeline;
mod policies;
mod policy;
mod ratio;
mod runtime;
mod striped;
mod sync;
mod timer;
mod verdict;
#[cfg(feature = "test-util")]
mod virtual_runtime;
mod wakers;

pub use attempt::{Attempt, AttemptInfo};
pub use boxed::{BoxPipeline, IntoBoxed};
pub use budget::{BudgetedCall, HasBudget, RetryBudget};
pub use config::InvalidConfig;
pub use error::{Error, Rejection, RejectionKind};
pub use event::{Event, Observer};
pub use execute::{Execute, Reported};
pub use idempotency_key::{IdempotencyKey, InvalidIdempotencyKey};
pub use instant::{Instant, saturating_nanos};
pub use keyed::{Idle, Keyed, KeyedFull, Place, Places};
pub use nesting::{Nesting, Spent};
pub use operation::{Call, Classified, Counted, Informed, Once, Operation, Plain, Repeat};
pub use options::{CallOptions, Options, Priority};
pub use outcome::{Outcome, Report, StopReason};
pub use pipeline::Pipeline;
pub use policies::{Policies, WithPolicy, WithPolicyCall};
pub use policy::{Bound, Inside, Optional, Policy};
pub use ratio::Ratio;
#[cfg(feature = "fast-clock")]
pub use runtime::FastClock;
#[cfg(feature = "tokio")]
pub use runtime::TokioSleep;
pub use runtime::{Observed, Runtime, Seeded, Spawn, Spawning, TokioRuntime};
#[cfg(feature = "smol")]
pub use runtime::{SmolRuntime, SmolSleep};
#[cfg(feature = "thread")]
pub use runtime::{ThreadRuntime, ThreadSleep};
pub use striped::{OwnLine, Striped};
pub use timer::Timer;
pub use verdict::{ByError, Class, Classify, ErrIsTransient, Verdict};
#[cfg(feature = "test-util")]
pub use virtual_runtime::{Driven, VirtualRuntime, VirtualSleep, VirtualTask};
pub use wakers::Wakers;

//! The contract that the policies of [steadfast](https://docs.rs/steadfast) share.
//!
//! Most people want the `steadfast` crate, or a single policy such as `steadfast-retry`. Come here
//! to write a policy, a runtime or a classifier of your own.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod boxed;
pub mod budget;
mod config;
mod error;
mod event;
mod execute;
mod instant;
mod operation;
mod options;
mod outcome;
mod pipeline;
mod policies;
mod policy;
mod ratio;
mod runtime;
mod sync;
mod timer;
mod verdict;
#[cfg(feature = "test-util")]
mod virtual_runtime;

pub use attempt::{Attempt, AttemptInfo, Nesting, Spent};
pub use boxed::{BoxPipeline, IntoBoxed};
pub use budget::{BudgetedCall, RetryBudget};
pub use config::InvalidConfig;
pub use error::{Error, Rejection, RejectionKind};
pub use event::{Event, Observer};
pub use execute::{Execute, Reported};
pub use instant::{Instant, saturating_nanos};
pub use operation::{Call, Classified, Counted, Informed, Once, Operation, Plain, Repeat};
pub use options::{CallOptions, IdempotencyKey, Options, Priority};
pub use outcome::{Outcome, Report, StopReason};
pub use pipeline::Pipeline;
pub use policies::{Policies, WithPolicy, WithPolicyCall};
pub use policy::{Bound, Optional, Policy};
pub use ratio::Ratio;
#[cfg(feature = "tokio")]
pub use runtime::TokioSleep;
pub use runtime::{Observed, Runtime, Seeded, Spawn, Spawning, TokioRuntime};
#[cfg(feature = "smol")]
pub use runtime::{SmolRuntime, SmolSleep};
#[cfg(feature = "thread")]
pub use runtime::{ThreadRuntime, ThreadSleep};
pub use timer::Timer;
pub use verdict::{ByError, Class, Classify, ErrIsTransient, Verdict};
#[cfg(feature = "test-util")]
pub use virtual_runtime::{Driven, VirtualRuntime, VirtualSleep, VirtualTask};

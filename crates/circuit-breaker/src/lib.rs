//! Circuit breaker with exact windows, generations and probes, and an adaptive throttle, on any executor.
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_circuit_breaker::{CircuitBreaker, State};
//! use steadfast_core::{Pipeline, Ratio, VirtualRuntime};
//!
//! let breaker = CircuitBreaker::failure_rate(Ratio::percent(50)) // half of
//!     .over(Duration::from_secs(30)) // the calls of the last 30 s,
//!     .min_calls(20) // if there were 20 of them,
//!     .slow_calls(Ratio::percent(80), Duration::from_secs(2)) // or 80 % took more than 2 s
//!     .open_for(Duration::from_secs(5))
//!     .build()?;
//!
//! let runtime = VirtualRuntime::new(1); // in a program: Pipeline::new(..), on tokio
//! let calls = Pipeline::on(runtime.clone(), breaker.clone());
//! for _ in 0..20 {
//!     let _ = runtime.block_on(calls.call(|| async { Err::<(), _>("connection reset") }));
//! }
//! assert_eq!(breaker.state(), State::Open);
//!
//! // Nothing reaches the dependency now, and the refusal says until when.
//! let refused = runtime.block_on(calls.call(|| async { Ok::<_, &str>("page") })).unwrap_err();
//! assert_eq!(refused.rejection().unwrap().retry_after(), Some(Duration::from_secs(5)));
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! Its place in a pipeline is inside the retry and outside the timeout of each attempt:
//! `(total, retry, breaker, attempt_timeout)`. Then it sees every attempt, those that took too long
//! included, and a retry knows until when it need not try. It refuses at once, and a retry around it waits until
//! then, if that is not too far off: by default up to 5 s longer than its backoff, which is as long as `open_for` is by
//! default. With `.hints(Hints::Within(Duration::ZERO))` the retry gives up at once, unless its backoff alone is long
//! enough, and the caller has the refusal.
//!
//! # Rules
//!
//! Any of these opens it, alone or together:
//!
//! | rule | window |
//! |---|---|
//! | share of failures, `failure_rate` | the last calls, `over_last`, or the last while, `over` |
//! | share of slow calls, good or bad, `slow_calls` | the same |
//! | failures in a row, `consecutive_failures` | none |
//!
//! A call that the caller got wrong, that another policy refused, or that was dropped says nothing about
//! the dependency and is not counted. What counts as a failure is said once, by the pipeline's classifier.
//!
//! # Defaults
//!
//! | setting | default |
//! |---|---|
//! | window of the rates | the last 100 calls |
//! | `min_calls` | 10, or the whole window where that is smaller |
//! | `open_for`, at first | 5s |
//! | `factor`, each time it opens again | 2 |
//! | `max_open_for` | 60s, or `open_for` where that is longer |
//! | `jitter` of that, downwards | 20 % |
//! | `max_retry_after`: how far a server's hint may lengthen it | 60s |
//! | `probes` | a tenth of the window or of `min_calls`, 1 at least |
//! | `half_open_for` | as `open_for` |
//! | `ramp` | none |
//! | `cancelled_as` | Neutral |
//!
//! # One for each host
//!
//! [`Keyed`](steadfast_core::Keyed) makes a breaker for each key at its first call. When the map is full one
//! gives way to a new key: one that is closed and remembers nothing bad, or was open and is not called any
//! more; where there is none, one that is closed, or whose open time is over, and what it remembers is lost.
//! One that is open, half-open or ramping, or that somebody holds, keeps its place.
//!
//! ```
//! use steadfast_circuit_breaker::CircuitBreaker;
//! use steadfast_core::{Keyed, Pipeline, Ratio, VirtualRuntime};
//!
//! # let runtime = VirtualRuntime::new(1);
//! let breaker = CircuitBreaker::failure_rate(Ratio::percent(50)).build()?;
//! let hosts = Keyed::new(1000, move |_host: &String| breaker.fresh())?;
//! let breaker = hosts.get("a.example", &runtime)?;
//! let calls = Pipeline::on(runtime.clone(), &breaker); // a pipeline of references costs nothing
//! runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>(()) }))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # By hand, in the shadow, over a restart
//!
//! [`isolate`](CircuitBreaker::isolate), [`force_closed`](CircuitBreaker::force_closed),
//! [`open_for_at`](CircuitBreaker::open_for_at) and [`reset`](CircuitBreaker::reset) overrule it.
//! [`shadow`](CircuitBreakerBuilder::shadow) decides and reports, and lets everything through.
//! [`subscribe`](CircuitBreaker::subscribe) follows its transitions; a pipeline's observer hears of them from
//! the call that brings them about, and of what was done by hand from the next one.
//! [`snapshot_at`](CircuitBreaker::snapshot_at) and [`restore_at`](CircuitBreaker::restore_at) carry it over
//! a restart, with the feature `serde` in any format.
//!
//! # Where a breaker is too much
//!
//! A dependency that fails a tenth of its calls is not down, and a breaker that opens for it loses the
//! other nine tenths. [`Throttle`] refuses in proportion, and nothing at all below half.
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` alone. The crate `steadfast` has it together with the other
//! policies. Features `tokio`, `smol`, `thread` and `test-util` bring the runtimes, `serde` the format of
//! snapshots; none is on by default.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod builder;
mod by_hand;
mod chance;
mod check;
mod circuit_breaker;
mod control;
mod ended;
mod in_a_row;
mod log;
mod permit;
mod policy;
mod settings;
mod slots;
mod snapshot;
mod sync;
mod tell;
mod throttle;
mod transitions;
mod window;
mod word;

pub use builder::CircuitBreakerBuilder;
pub use circuit_breaker::CircuitBreaker;
pub use permit::Permit;
pub use policy::CircuitBreakerFuture;
pub use settings::Cancelled;
pub use snapshot::{Bucket, Cause, Snapshot, State, Transition};
pub use throttle::{Throttle, ThrottleBuilder, ThrottleFuture};
pub use transitions::{Recv, Transitions};

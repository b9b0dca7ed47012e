//! Exact rate limits for async Rust: GCRA with bursts, sliding and fixed windows, fair waiting, on any executor.
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_core::{Pipeline, VirtualRuntime};
//! use steadfast_rate_limit::RateLimit;
//!
//! let limit = RateLimit::per_second(500) // refilled evenly, one unit every 2 ms,
//!     .burst(50) // and after a pause so many at once
//!     .build()?;
//!
//! let runtime = VirtualRuntime::new(1); // in a program: Pipeline::new(..), on tokio
//! let calls = Pipeline::on(runtime.clone(), limit.clone());
//! let answer = runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>("page") }));
//! assert_eq!(answer.unwrap(), "page");
//!
//! // With nothing left the next is refused, was not executed, and hears when to come back.
//! limit.try_acquire(&runtime, 49).unwrap();
//! let refused = runtime.block_on(calls.call(|| async { Ok::<_, &str>("page") })).unwrap_err();
//! assert_eq!(refused.to_string(), "rate limit has no permit left; try again after 2ms");
//! runtime.advance(Duration::from_millis(2));
//! assert!(limit.try_acquire(&runtime, 1).is_ok());
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! Its place in a pipeline is inside the retry, so that each attempt counts, and outside the timeout of each
//! attempt, so that a wait is not taken from the attempt's time.
//!
//! # Shapes
//!
//! | | never more than | after a pause | memory |
//! |---|---|---|---|
//! | the bucket, by default | `burst + rate * t` in any window of any length `t` | a burst | two words |
//! | `.sliding()` | `n` in any window of one period | `n` | 24 bytes a unit, at most 65,536 |
//! | `.fixed()` | `n` in each period of the clock, so `2 n` around its end | `n` | two words |
//!
//! The bucket is the generic cell rate algorithm of ITU-T I.371, by virtual scheduling. Its arithmetic is that
//! of fractions: three a second are three a second, also after a year.
//!
//! # Defaults
//!
//! | setting | default |
//! |---|---|
//! | `burst` | `n`: what a period has |
//! | who finds nothing | is refused at once |
//! | `max_waiting`, where they wait | 1000 |
//!
//! # Waiting
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_core::{Pipeline, VirtualRuntime};
//! use steadfast_rate_limit::RateLimit;
//!
//! let runtime = VirtualRuntime::new(1);
//! let limit = RateLimit::per_second(10).burst(1).wait(Duration::from_millis(250)).build()?;
//! let calls = Pipeline::on(runtime.clone(), &limit);
//! let call = || calls.call(|| async { Ok::<_, std::io::Error>("page") });
//!
//! runtime.block_on(call()).unwrap();
//! runtime.block_on(call()).unwrap();
//! assert_eq!(runtime.elapsed(), Duration::from_millis(100)); // so long the second waited
//!
//! // What cannot have its turn in time is refused at once, not after a wait in vain.
//! let refused = runtime.block_on(call().timeout(Duration::from_millis(50))).unwrap_err();
//! assert_eq!(refused.to_string(), "rate limit has no permit left; try again after 100ms");
//! assert_eq!(runtime.elapsed(), Duration::from_millis(100));
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! # Promises
//!
//! | | |
//! |---|---|
//! | a refused call | is refused a nanosecond before `retry_after` is over, and admitted when it is |
//! | a setting that the arithmetic does not hold | cannot be built; the error says what it holds |
//! | a pause or an uptime, however long | is never taken for another |
//! | a clock that is turned back | grants nothing |
//! | who waits | has its turn in order of arrival, sleeps once, and is woken once, unless its turn is moved |
//! | a wait that is cancelled before its turn | gives its slot to those behind |
//! | a call that costs more than there ever is | is refused by name, and not retried |
//! | another rate while it runs | keeps what is taken, unit by unit |
//! | a result that is ready at once, nobody waiting | one load, one exchange; no lock, no allocation, one clock read |
//!
//! # One for each key
//!
//! [`Keyed`](steadfast_core::Keyed) makes a limit for each key at its first call. One that is full again gives
//! way to a new key, so that this grants nothing.
//!
//! ```
//! use steadfast_core::{Keyed, VirtualRuntime};
//! use steadfast_rate_limit::RateLimit;
//!
//! # let runtime = VirtualRuntime::new(1);
//! let limit = RateLimit::per_minute(60).build()?;
//! let tenants = Keyed::new(1000, move |_tenant: &String| limit.fresh())?;
//! tenants.get("acme", &runtime)?.try_acquire(&runtime, 1)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` alone. The crate `steadfast` has it together with the other
//! policies. Features `tokio`, `smol`, `thread` and `test-util` bring the runtimes; none is on by default.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod book;
mod builder;
mod cell;
mod frame;
mod keyed;
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
pub use keyed::{IpPrefix, KeyRateLimit, KeyRateLimitFuture, KeyedRateLimit, Rate};
pub use policy::RateLimitFuture;
pub use rate_limit::RateLimit;

//! Bulkhead with a bounded queue, exact hand-over, weights, priorities, CoDel and adaptive limits, on any
//! executor.
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_bulkhead::Bulkhead;
//! use steadfast_core::{Pipeline, VirtualRuntime};
//!
//! let bulkhead = Bulkhead::max_concurrent(64) // at a time,
//!     .max_waiting(100) // and so many more wait for their turn,
//!     .max_wait(Duration::from_millis(50)) // for so long
//!     .build()?;
//!
//! let runtime = VirtualRuntime::new(1); // in a program: Pipeline::new(..), on tokio
//! let calls = Pipeline::on(runtime.clone(), bulkhead.clone());
//! let answer = runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>("page") }));
//! assert_eq!(answer.unwrap(), "page");
//!
//! // With no room left the next is refused, and was not executed.
//! let held = bulkhead.try_acquire(&runtime, 64).unwrap();
//! let refused = runtime.block_on(calls.call(|| async { Ok::<_, &str>("page") })).unwrap_err();
//! assert_eq!(refused.to_string(), "bulkhead is full: 64 running, 0 waiting");
//! # drop(held);
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! Its place in a pipeline is inside the retry and the breaker, and outside the timeout of each attempt:
//! `(total, retry, breaker, bulkhead, attempt_timeout)`. Then a retry that waits holds no permit, a full
//! bulkhead does not trip the breaker, and the wait for a turn is not taken from the attempt's time. A breaker
//! around it counts that wait as part of the call, though: where it has a rule of slow calls, or takes
//! cancelled calls for failures, put the bulkhead outside of the breaker.
//!
//! # Defaults
//!
//! | setting | default |
//! |---|---|
//! | `max_waiting` | 0: refused at once |
//! | `max_wait` | 1s, and never beyond the deadline of the call |
//! | order | first come, first served |
//! | target and interval of `Order::CODEL` | 5ms and 100ms |
//! | an adaptive limit | 20 at first, 1 to 1000; see [`AdaptiveLimit`] |
//!
//! # Promises
//!
//! | | |
//! |---|---|
//! | a call that ends, however it ends | gives its permits back, once |
//! | a call that comes late | does not overtake one that waits, first come, first served |
//! | n permits that come back | wake n calls that cost one each, and those that CoDel gives up |
//! | a call that is dropped after its turn came | passes it on |
//! | a wait that cannot end in time | is not begun: the refusal says how many run and wait |
//! | a turn that comes together with the end of the wait | is taken |
//! | a result that is ready at once, nobody waiting | two atomic operations; no lock, no allocation, no clock |
//!
//! # Orders
//!
//! [`Order`] says who is next. First come, first served is fair, and under lasting overload makes everybody
//! wait until it is too late. `.lifo()` serves the newest, `.by_priority()` what matters most, and
//! `.codel(target, interval)` is fair until there is overload, and then serves the newest and gives up those
//! who have waited too long.
//!
//! # A limit that adapts
//!
//! How many calls a dependency bears changes, and is seldom known. [`Bulkhead::adaptive`] finds it out from how
//! long calls take and which are dropped: by [`Vegas`], [`Gradient2`] or [`Aimd`], whose pages and that of
//! [`AdaptiveLimit`] say what each is for.
//!
//! ```
//! use steadfast_bulkhead::{AdaptiveLimit, Bulkhead, Vegas};
//!
//! let limit = AdaptiveLimit::new(Vegas::new()).initial(50).min(10).max(400);
//! let bulkhead = Bulkhead::adaptive(limit).max_waiting(100).build()?;
//! assert_eq!(bulkhead.limit(), 50); // for now
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! # One for each tenant
//!
//! [`Keyed`](steadfast_core::Keyed) makes a bulkhead for each key at its first call. One that is empty gives
//! way to a new key.
//!
//! ```
//! use steadfast_bulkhead::Bulkhead;
//! use steadfast_core::{Keyed, Pipeline, VirtualRuntime};
//!
//! # let runtime = VirtualRuntime::new(1);
//! let bulkhead = Bulkhead::max_concurrent(8).build()?;
//! let tenants = Keyed::new(1000, move |_tenant: &String| bulkhead.fresh())?;
//! let bulkhead = tenants.get("acme", &runtime)?;
//! let calls = Pipeline::on(runtime.clone(), &bulkhead); // a pipeline of references costs nothing
//! runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>(()) }))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` alone. The crate `steadfast` has it together with the other
//! policies. Features `tokio`, `smol`, `thread` and `test-util` bring the runtimes; none is on by default.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adaptive;
mod builder;
mod bulkhead;
mod cell;
mod check;
mod codel;
mod feed;
mod order;
mod permit;
mod policy;
mod queue;
mod settings;
mod sync;
mod wait;
mod word;

pub use adaptive::{AdaptiveLimit, Aimd, Gradient2, Vegas};
pub use builder::BulkheadBuilder;
pub use bulkhead::Bulkhead;
pub use order::Order;
pub use permit::{OwnedPermit, Permit};
pub use policy::BulkheadFuture;

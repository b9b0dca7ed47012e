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
//! | `.sliding()` | `n` in any window of one period | `n` | up to 48 bytes a unit, at most 65,536 |
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
//! [`KeyedRateLimit`] keeps a key and one word each: 16 bytes a slot for a key of eight, and a lock that is held
//! for the time of the arithmetic. Where the map is full a new key takes the place of one that has all its
//! units again, so that forgetting grants nothing; where there is none it is refused.
//!
//! ```
//! use std::{net::IpAddr, time::Duration};
//!
//! use steadfast_core::{Pipeline, VirtualRuntime};
//! use steadfast_rate_limit::{IpPrefix, KeyedRateLimit, RateLimit};
//!
//! // Of up to 100,000 clients, each 5 a second, and 20 at once.
//! let clients = KeyedRateLimit::new(100_000, RateLimit::per_second(5).burst(20))?;
//!
//! let runtime = VirtualRuntime::new(1);
//! let client = IpPrefix::of("2001:db8::1".parse::<IpAddr>()?); // its /64; of version 4 the address
//! clients.try_acquire(&runtime, &client, 20)?;
//! let refused = clients.try_acquire(&runtime, &client, 1).unwrap_err();
//! assert_eq!(refused.retry_after(), Some(Duration::from_millis(200)));
//!
//! // In a pipeline, for one call: another client has its own.
//! let other = IpPrefix::of("203.0.113.7".parse::<IpAddr>()?);
//! let limit = clients.key(&other);
//! let calls = Pipeline::on(&runtime, &limit);
//! let page = runtime.block_on(calls.call(|| async { Ok::<_, std::io::Error>("page") }))?;
//! assert_eq!(page, "page");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Other rates for other keys: [`KeyedRateLimit::with_rates`].
//!
//! | | [`KeyedRateLimit`] | [`Keyed`](steadfast_core::Keyed) of [`RateLimit`] |
//! |---|---|---|
//! | shapes | bucket, fixed window | all |
//! | who finds nothing | is refused | is refused, or waits for its turn |
//! | the rate of a key | what it was when the key came | may be changed while it runs |
//! | a key | 20 to 34 bytes, if itself is 8 | some hundred bytes |
//! | for | many keys: clients, addresses | few keys: tenants, hosts |
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
//! # A rate that adapts
//!
//! A client often does not know what a server bears, or shares it with others. [`RateLimit::adaptive`] finds out: it
//! admits all calls until one is throttled, and then as many a second as the server lets through, by the curve of the
//! AWS SDKs. It needs a classifier that tells what is throttled from other errors.
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_core::{Pipeline, Verdict, VirtualRuntime};
//! use steadfast_rate_limit::{AdaptiveRate, RateLimit};
//!
//! let second = Duration::from_secs(1);
//! let rate = AdaptiveRate::new().initial(100, second).max(1000, second);
//! let limit = RateLimit::adaptive(rate).wait(Duration::from_secs(5)).build()?;
//!
//! let runtime = VirtualRuntime::new(1);
//! let calls = Pipeline::on(runtime.clone(), &limit).classify_errors(|status: &u16| match status {
//!     429 | 503 => Verdict::overloaded(),
//!     _ => Verdict::transient(),
//! });
//! // A hundred calls a second go well, and then one is throttled.
//! for status in (0..300).map(|_| Ok(200)).chain([Err(429)]) {
//!     let _ = runtime.block_on(calls.call(|| async move { status }));
//!     runtime.advance(Duration::from_millis(10));
//! }
//! let rate = limit.rate_per_second().unwrap();
//! assert!((69.0..71.0).contains(&rate)); // seven tenths, and back at a hundred in four seconds
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! The page of [`AdaptiveRate`] has the formula and what to expect of it.
//!
//! # From `tower_governor`
//!
//! A layer for HTTP is to come with an adapter of its own. Until then a limit per client is a few lines in a
//! handler or a middleware, `axum::middleware::from_fn` for one: the address comes from `ConnectInfo`, the
//! refusal becomes a 429, and [`RateLimitHeaders`] are the fields of the response.
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use steadfast_core::{RejectionKind, Runtime};
//! use steadfast_rate_limit::{IpPrefix, KeyedRateLimit, RateLimitHeaders};
//!
//! /// The fields of the response; `Err` is a status, and those of a refusal.
//! fn check<R: Runtime>(
//!     clients: &KeyedRateLimit<IpPrefix>,
//!     runtime: &R, // in a program: TokioRuntime
//!     peer: SocketAddr,
//! ) -> Result<RateLimitHeaders<'static>, (u16, Option<RateLimitHeaders<'static>>)> {
//!     let client = IpPrefix::of(peer.ip());
//!     let taken = clients.try_acquire(runtime, &client, 1);
//!     let headers = clients.headers(runtime, &client);
//!     match taken {
//!         Ok(()) => Ok(headers),
//!         Err(refused) if refused.kind() == RejectionKind::RateLimited => {
//!             Err((429, Some(headers.refused(&refused))))
//!         }
//!         Err(_) => Err((503, None)), // no place for another client
//!     }
//! }
//!
//! # use steadfast_core::VirtualRuntime;
//! # use steadfast_rate_limit::RateLimit;
//! # let runtime = VirtualRuntime::new(1);
//! # let clients = KeyedRateLimit::new(1, RateLimit::new(2, std::time::Duration::from_secs(3)).burst(1))?;
//! # let peer = |address: &str| format!("{address}:80").parse::<SocketAddr>().unwrap();
//! # assert!(check(&clients, &runtime, peer("203.0.113.7")).is_ok());
//! // A client that comes too often, at two in three seconds: each field for `HeaderMap::insert`.
//! let (status, headers) = check(&clients, &runtime, peer("203.0.113.7")).unwrap_err();
//! let fields: Vec<_> = headers.unwrap().fields().collect();
//! assert_eq!((status, &fields[2]), (429, &("retry-after", "2".to_owned())));
//! assert_eq!(fields[1], ("ratelimit", r#""default";r=0;t=2"#.to_owned()));
//! # assert_eq!(check(&clients, &runtime, peer("203.0.113.8")), Err((503, None)));
//! # Ok::<(), steadfast_core::InvalidConfig>(())
//! ```
//!
//! That crate's `x-ratelimit-limit` and `x-ratelimit-remaining` are [`RateLimitHeaders::limit`] and
//! [`remaining`](RateLimitHeaders::remaining), and its `x-ratelimit-after` is that of `retry-after`.
//!
//! `per_second(n)` is `n` units a second here; there it is one unit in `n` seconds.
//!
//! # Alone or in a family
//!
//! This crate stands on `steadfast-core` alone. The crate `steadfast` has it together with the other
//! policies. Features `tokio`, `smol`, `thread` and `test-util` bring the runtimes; none is on by default.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adaptive;
mod adaptive_limit;
mod book;
mod builder;
mod cell;
mod feed;
mod frame;
mod headers;
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

pub use adaptive::AdaptiveRate;
pub use adaptive_limit::{AdaptiveRateLimit, AdaptiveRateLimitBuilder, AdaptiveRateLimitFuture};
pub use builder::RateLimitBuilder;
pub use headers::{RateLimitHeaders, RateLimitPolicyValue, RateLimitValue};
pub use keyed::{
    IpPrefix, KeyHasher, KeyHashing, KeyRateLimit, KeyRateLimitFuture, KeyedRateLimit, Rate,
};
pub use policy::RateLimitFuture;
pub use rate_limit::RateLimit;

//! Composable resilience policies for async Rust: *list the policies outside-in, give them a closure,
//! await the result.*
//!
//! A call times out, the client retries, and the card is charged twice. Retries without timeouts hang;
//! without backoff and jitter they stampede; without limits they never end; without a budget and a breaker
//! they take the dependency down. Each of these has a known answer, and the answers have to agree with each
//! other: a retry must know the deadline around it and when a breaker will let it through, a budget must
//! see every retry, and all of them must mean the same by "failed". steadfast is a family of small crates
//! that do.
//!
//! ```
//! use std::{io, time::Duration};
//!
//! use steadfast::{Error, InvalidConfig, prelude::*};
//!
//! struct Payments {
//!     calls: Pipeline<(Timeout, Retry, CircuitBreaker, Bulkhead, Timeout)>,
//! }
//!
//! impl Payments {
//!     fn new(budget: &RetryBudget) -> Result<Self, InvalidConfig> {
//!         let retry = Retry::exponential(Duration::from_millis(50))
//!             .max_attempts(4)
//!             .budget(budget)
//!             .build()?;
//!         let breaker = CircuitBreaker::failure_rate(Ratio::percent(50))
//!             .over(Duration::from_secs(30))
//!             .build()?;
//!         let calls = Pipeline::new((
//!             Timeout::new(Duration::from_secs(10)).named("total"), // the whole call
//!             retry,
//!             breaker,
//!             Bulkhead::max_concurrent(64).build()?,
//!             Timeout::new(Duration::from_secs(2)).named("attempt"), // each attempt
//!         ));
//!         Ok(Payments { calls })
//!     }
//!
//!     async fn charge(&self, order: &str) -> Result<String, Error<io::Error>> {
//!         self.calls.call(|| send(order)).await
//!     }
//! }
//!
//! async fn send(order: &str) -> io::Result<String> {
//!     Ok(format!("receipt for {order}")) // here the network would be
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let budget = RetryBudget::default(); // share one between all callers of a dependency
//!     let payments = Payments::new(&budget)?;
//!     println!("{}", payments.charge("order 7").await?);
//!     Ok(())
//! }
//! ```
//!
//! ```toml
//! [dependencies]
//! steadfast = { version = "0.1", features = ["tokio"] }
//! ```
//!
//! **A retry says that the operation may happen more than once.** A call that timed out may have had its
//! effect. Retry what is idempotent, use [`Safety::WhenIdempotent`](https://docs.rs/steadfast-retry), or give the
//! call a key, and let whoever receives it have the effect once:
//!
//! ```
//! # use steadfast::{TokioRuntime, prelude::*};
//! # #[derive(Clone)] struct Card;
//! # impl Card { async fn charge(&self) -> Result<String, std::io::Error> { Ok("receipt".into()) } }
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (card, body) = (Card, b"amount=10");
//! # let payments = Pipeline::new(Retry::default());
//! // On the receiving side: in memory here, and next to your tables with `steadfast-idempotency-sql`.
//! let charges = Idempotency::builder(steadfast::MemoryStore::new())
//!     .spawn_on(TokioRuntime)
//!     .build()?;
//! let claim = charges.key(
//!     &Scope::new("customer-7", "POST /charges")?, // whose key it is, to do what
//!     Key::new("order-4711")?,                     // as it came with the request
//!     Fingerprint::of(body),                       // the same key for something else is refused
//! );
//! // However often this is asked for, there is one charge, and one receipt for all. Retries are inside of the claim.
//! let receipt = payments.call(|| card.charge()).with(&claim).await?;
//! # assert_eq!(receipt, "receipt");
//! # Ok(()) }
//! ```
//!
//! The example `idempotent_charge` does this in one process; `idempotent_axum` is an HTTP server of it, on axum and SQLite.
//!
//! # Where each policy stands
//!
//! Outside-in, `(claim, total timeout, retry, breaker, bulkhead, rate limit, attempt timeout)`, of which a stack has
//! what it needs:
//!
//! | policy | its place |
//! |---|---|
//! | claim, or `KeyPerCall` | outside of the retry, so that all attempts are of one key; around the timeouts, so that it hears what they cut off |
//! | total timeout | around the retry, which begins no wait beyond it |
//! | retry | around all that may refuse, so that it hears when to come back, and holds no place while it waits |
//! | breaker | inside of the retry, so that it counts each attempt; outside of what makes calls wait, so that nobody waits for a dependency that is down |
//! | bulkhead | one place for each attempt, given back before the next wait |
//! | rate limit | inside of the bulkhead, so that a permit is spent when the attempt begins, and by none that gets no place |
//! | attempt timeout | innermost: it bounds the operation, not the wait for its turn, and the breaker counts what it cuts off |
//!
//! # Two commands
//!
//! In a clone of the repository, with nothing but a Rust toolchain:
//!
//! ```sh
//! cargo run --release --example checkout   # 1,000 orders against a payment server that misbehaves
//! cargo xtask test                         # every test
//! ```
//!
//! The first sends the same orders with no policy, with three instant retries, and with steadfast, and
//! prints what became of them: succeeded, failed, load on the server, latency, charged twice, and receipts.
//! The instant retries charge some 40 orders twice; steadfast none, as its attempts carry the order's
//! idempotency key, and the server commits a charge together with the record of its key. With `-- --db shop.db`
//! the server's database is kept: a second run replays every receipt, and charges nothing. With
//! `-- --faults outage` the server dies for a while: then the table shows how many requests it still gets,
//! with and without the breaker, and how soon after its recovery the first order is paid. With
//! `-- --faults slow` a slow provider shares a client with a healthy one: then the table shows the p99 of the
//! healthy one alone, without bulkheads and with them.
//!
//! # The crates
//!
//! Take the family by this crate, or one policy by its own; each stands alone on `steadfast-core`.
//!
//! | crate | what it does |
//! |---|---|
//! | `steadfast` | everything below under one name; one feature a policy, one a runtime |
//! | `steadfast-timeout` | deadlines: for the whole call, for each attempt, for a plain future |
//! | `steadfast-retry` | backoff, jitter, server hints, deadlines, a shared budget |
//! | `steadfast-circuit-breaker` | a breaker with exact windows, generations and probes, one for each host if you like; a throttle that sheds in proportion |
//! | `steadfast-bulkhead` | so many at a time, and so many wait for their turn: in order, by priority, weighted, or newest first under overload; or as many as the dependency bears |
//! | `steadfast-rate-limit` | so many in so much time, exact to the nanosecond: with bursts, in sliding or fixed windows, refused at once or waiting in order; one for each of many keys, such as addresses; or as many as a server lets through |
//! | `steadfast-idempotency` | one effect per key, and its result for whoever asks again: leases, fences, replay, and what is unknown says so; records in memory, or in a store of your own |
//! | `steadfast-idempotency-sql` | its records in a table, in one transaction with the effect: SQLite |
//! | `steadfast-core` | the contract: write a policy, a runtime or a classifier of your own |
//!
//! | runtime | feature | for |
//! |---|---|---|
//! | `TokioRuntime` | `tokio` | tokio; honours `tokio::time::pause`. Brings `Pipeline::new` |
//! | `SmolRuntime` | `smol` | smol, and whatever else uses async-io |
//! | `ThreadRuntime` | `thread` | any executor: its timers have a thread of their own |
//! | `VirtualRuntime` | `test-util` | tests: an hour passes in microseconds, the same on every run |
//!
//! Every policy is on by default. The feature `idempotency-sqlite` brings `SqliteStore`, `idempotency-json` and
//! `idempotency-postcard` the codecs that keep whatever serde knows.
//!
//! No runtime is on by default. On another than tokio: `Pipeline::on(SmolRuntime, policies)`. The feature
//! `fast-clock` has a clock for any of them that is read in less than half the time: `FastClock`.
//!
//! # What it promises
//!
//! - **One future, nothing left behind.** Nothing happens before the first poll. Whatever a policy holds
//!   is given back on success, error, panic, timeout and cancellation alike.
//! - **Deadlines are known everywhere.** A retry does not sleep past the timeout around it: it returns the
//!   last real error at once.
//! - **Load is bounded.** A budget holds the retries of all callers to a share of their calls, exactly.
//! - **A dead dependency is left alone.** An open breaker lets nothing through and says until when; a late result of
//!   an earlier cycle does not count. A retry around it waits until then, by default where that is not more than 5 s
//!   beyond its backoff and within the deadline. With `.hints(Hints::Within(Duration::ZERO))` on the retry the call
//!   fails at once, unless its backoff alone is long enough.
//! - **A dependency that hangs takes only its own share.** A full bulkhead refuses at once, or lets so many wait
//!   in order; nobody overtakes, and a permit comes back however a call ends.
//! - **A rate is kept in every window.** Never more than the burst and what the rate adds; a refusal says how
//!   long to wait, to the nanosecond, and who waits has its turn in order.
//! - **Same request a hundred times, same result, one effect**, where record and effect are one transaction. Where
//!   they are not, you choose between at most once and at least once; what nobody knows is said, and never released
//!   by itself.
//! - **Nested retries do not multiply.** What an inner retry has spent, an outer one does not spend again.
//! - **Your error passes through unboxed.** `Error::Operation(yours)` or `Error::Rejected(which policy,
//!   what, when to come back)`, one flat type whatever the stack.
//! - **Configuration that cannot work cannot be built**, and says which field, which value, which range.
//! - **No allocation, no lock, at most one clock read** on the way to a call that succeeds at once. Policies
//!   with a window of time read it once more after a call that had to wait.
//! - **No `unsafe`.** `!Send` operations work; spawning on threads works with borrowed captures.
//!
//! # More ways to call
//!
//! ```
//! # use std::time::Duration;
//! # use steadfast::{CallOptions, IdempotencyKey, prelude::*};
//! # async fn fetch(page: &str) -> Result<String, std::io::Error> { Ok(page.to_string()) }
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let timeout = Timeout::new(Duration::from_secs(1));
//! let retry = Retry::default();
//!
//! // One policy by itself, on a closure or around a future.
//! retry.call(|| fetch("/a")).await?;
//! fetch("/b").with(&timeout).await?;
//! (|| fetch("/c")).with(&timeout).with(&retry).await?; // inside-out
//!
//! // What a result means is said once, for all policies.
//! let pipeline = Pipeline::new((&retry, &timeout)).classify_errors(|error: &std::io::Error| {
//!     match error.kind() {
//!         std::io::ErrorKind::PermissionDenied => Verdict::permanent(),
//!         std::io::ErrorKind::ConnectionRefused => Verdict::transient().not_executed(),
//!         _ => Verdict::transient(),
//!     }
//! });
//!
//! // Options of one call; what an attempt knows of itself; a report of how it went.
//! let report = pipeline
//!     .call_with(|attempt| async move { fetch(&format!("/try/{}", attempt.number)).await })
//!     .key(IdempotencyKey::from_u128(7))
//!     .reported()
//!     .await;
//! assert_eq!((report.result?.as_str(), report.attempts), ("/try/1", 1));
//! # Ok(()) }
//! ```
//!
//! - A pipeline behind one type, to store or to choose at run time: `pipeline.boxed()`.
//! - One breaker for each host, one bulkhead for each tenant: `Keyed`, as in the examples `breaker_per_host` and
//!   `bulkhead_per_tenant`.
//! - A limit of calls that follows what the dependency bears: `Bulkhead::adaptive`, as in the example
//!   `adaptive_bulkhead`; a rate that follows what a server lets through: `RateLimit::adaptive`, as in the
//!   example `adaptive_rate`.
//! - Policies are also taken by reference, in an `Arc`, as an `Option`, and in nested tuples, so a pipeline may be
//!   put together for one call: `Pipeline::new((&retry, tenants.get(key, &runtime)?, &timeout))`.
//! - Error types that are no `std::error::Error` themselves, such as `anyhow::Error`:
//!   `.await.map_err(Error::flatten)?`.
//!
//! The folder `examples/` has a short program for each of these, ARCHITECTURE.md the reasons, and
//! `cargo run --release -p benches --bin overhead` prints what a call costs beside other crates.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "bulkhead")]
pub use steadfast_bulkhead::{
    self as bulkhead, AdaptiveLimit, Aimd, Bulkhead, BulkheadBuilder, BulkheadFuture, Gradient2,
    Order, Vegas,
};
#[cfg(feature = "circuit-breaker")]
pub use steadfast_circuit_breaker::{
    self as circuit_breaker, CircuitBreaker, CircuitBreakerBuilder, CircuitBreakerFuture, Throttle,
    ThrottleBuilder, ThrottleFuture,
};
pub use steadfast_core::*;
#[cfg(feature = "idempotency")]
pub use steadfast_idempotency::{
    self as idempotency, Fingerprint, Idempotency, IdempotencyBuilder, Idempotent,
    IdempotentFuture, JsonFields, Key, KeyPerCall, MemoryStore, Refusal, Scope,
};
#[cfg(feature = "idempotency-sqlite")]
pub use steadfast_idempotency_sql::{self as idempotency_sql, SqliteStore};
#[cfg(feature = "rate-limit")]
pub use steadfast_rate_limit::{
    self as rate_limit, AdaptiveRate, AdaptiveRateLimit, AdaptiveRateLimitBuilder,
    AdaptiveRateLimitFuture, IpPrefix, KeyHasher, KeyHashing, KeyRateLimit, KeyRateLimitFuture,
    KeyedRateLimit, Rate, RateLimit, RateLimitBuilder, RateLimitFuture, RateLimitHeaders,
};
#[cfg(feature = "retry")]
pub use steadfast_retry::{
    Backoff, Hints, Jitter, Retry, RetryBuilder, RetryFuture, RetryState, Safety,
};
#[cfg(feature = "timeout")]
pub use steadfast_timeout::{Elapsed, FutureExt, Timeout, TimeoutFuture, WithTimeout};

/// The names that most programs use, and the traits that add methods to futures and closures.
pub mod prelude {
    #[cfg(feature = "bulkhead")]
    pub use crate::Bulkhead;
    #[cfg(feature = "retry")]
    pub use crate::Retry;
    #[cfg(feature = "circuit-breaker")]
    pub use crate::{CircuitBreaker, Throttle};
    #[cfg(feature = "idempotency")]
    pub use crate::{Fingerprint, Idempotency, Key, KeyPerCall, Scope};
    #[cfg(feature = "timeout")]
    pub use crate::{FutureExt as _, Timeout};
    #[cfg(feature = "rate-limit")]
    pub use crate::{IpPrefix, KeyedRateLimit, RateLimit};
    pub use crate::{
        Pipeline, Policies as _, Ratio, RetryBudget, Runtime as _, Verdict, WithPolicy as _,
        WithPolicyCall as _,
    };
}

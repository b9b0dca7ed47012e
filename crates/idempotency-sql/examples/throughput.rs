//! How many replays and first calls a second an SQLite file bears here.
//!
//! ```sh
//! cargo run --release -p steadfast-idempotency-sql --features sqlite --example throughput
//! ```
//!
//! A first call is a claim and its completion. Each of the two is on the disk before it is answered, so the
//! number tells mostly of the disk.

use std::time::{Duration, Instant};

use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fingerprint, Id, InvalidId, Key, Lapsed, Lease, Owner, Scope,
    Store as _, StoreError, Stored,
};
use steadfast_idempotency_sql::SqliteStore;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    println!("callers  replays/s  first calls/s");
    for callers in [1, 8, 64] {
        let store = SqliteStore::open(dir.path().join(format!("{callers}.db"))).await?;
        let first = a_second(callers, &store, false).await?;
        let replays = a_second(callers, &store, true).await?;
        println!("{callers:7}  {replays:9.0}  {first:13.0}");
    }
    Ok(())
}

/// How many calls end in a second, by so many callers at once.
async fn a_second(callers: u32, store: &SqliteStore, again: bool) -> Result<f64> {
    let begin = now();
    let tasks = (0..callers).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut calls = 0_u32;
            while begin.elapsed() < Duration::from_secs(1) {
                // Of what is done already there is one for each caller, at least.
                let number = if again { 0 } else { calls };
                call(&store, &id(&format!("{caller}-{number}"))?).await?;
                calls += 1;
            }
            Result::Ok(calls)
        })
    });
    let mut calls = 0;
    for task in tasks.collect::<Vec<_>>() {
        calls += task.await??;
    }
    Ok(f64::from(calls) / begin.elapsed().as_secs_f64())
}

/// The claim, and the completion where it is granted.
async fn call(store: &SqliteStore, id: &Id) -> std::result::Result<(), StoreError> {
    let owner = Owner::from_u128(1);
    let request = ClaimRequest {
        id,
        fingerprint: Fingerprint::of(b"amount=10"),
        owner,
        lease: Duration::from_secs(30),
        result_ttl: Duration::from_secs(3600),
        key_ttl: Duration::from_secs(3600),
        lapsed: Lapsed::Block,
    };
    if let Claim::Granted { fence, .. } = store.claim(request).await? {
        let lease = Lease::new(&request, fence);
        let result = Stored::body(vec![0; 256]);
        store.finish(&lease, Ending::Completed(result)).await?;
    }
    Ok(())
}

fn id(key: &str) -> std::result::Result<Id, InvalidId> {
    Ok(Id::new(Scope::new("me", "measure")?, Key::new(key)?))
}

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
fn now() -> Instant {
    Instant::now()
}

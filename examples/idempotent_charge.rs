//! One request, asked for again and again and by several at once: one charge, and everybody gets its receipt.
//!
//! ```text
//! cargo run --example idempotent_charge
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "the bank is the outside world: its latency is real"
)]

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::try_join_all;
use steadfast::{
    Fingerprint, Idempotency, Key, MemoryStore, Refusal, Scope, TokioRuntime,
    idempotency::{Answered, Detached, Json},
};
use tokio::time::sleep;

/// The other side: it charges whenever it is asked.
#[derive(Clone, Debug, Default)]
struct Bank {
    charges: Arc<Mutex<u32>>,
}

impl Bank {
    async fn charge(&self, cents: u64) -> String {
        sleep(Duration::from_millis(50)).await;
        let mut charges = self.charges.lock().unwrap_or_else(PoisonError::into_inner);
        *charges += 1;
        format!("charge {charges} of {cents} cents")
    }
}

type Charges = Idempotency<MemoryStore, Json, Detached<TokioRuntime>>;

/// What a handler does with a request.
async fn pay(
    charges: &Charges,
    bank: &Bank,
    key: &str,
    cents: u64,
) -> Result<Answered<String>, Box<dyn Error>> {
    // Whoever has signed in, and what for: keys of others, or of other operations, are other keys.
    let scope = Scope::new("customer-7", "POST /charges")?;
    // What the request asks for: in HTTP, its body.
    let asked = Fingerprint::of(&cents.to_be_bytes());
    let claim = charges.key(&scope, Key::new(key)?, asked);
    let bank = bank.clone();
    // In a task of its own: a caller that hangs up does not stop it.
    let charged = claim.run(move |_| async move { Ok::<_, String>(bank.charge(cents).await) });
    charged.await.map_err(|error| {
        // What HTTP would answer: 422 for a key that was used for something else.
        match error.rejection().and_then(Refusal::of) {
            Some(Refusal::Mismatch) => "422, the key was used for another request".into(),
            _ => error.to_string().into(),
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let bank = Bank::default();
    // In memory for a start; with `SqliteStore::open("shop.db").await?` it outlives the process.
    let charges = Idempotency::builder(MemoryStore::new())
        .codec(Json::new())
        .wait_in_flight(Duration::from_secs(5))
        .spawn_on(TokioRuntime)
        .build()?;
    let show = |Answered { value, replayed }: &Answered<String>| {
        println!("{value}{}", if *replayed { ", replayed" } else { "" });
    };

    println!("five at once, with one key:");
    let at_once = (0..5).map(|_| pay(&charges, &bank, "order-1", 1999));
    try_join_all(at_once).await?.iter().for_each(show);

    println!("again, later:");
    show(&pay(&charges, &bank, "order-1", 1999).await?);

    println!("the same key, another amount:");
    match pay(&charges, &bank, "order-1", 2999).await {
        Ok(_) => return Err("a key was good for two requests".into()),
        Err(refused) => println!("{refused}"),
    }

    println!("another key:");
    show(&pay(&charges, &bank, "order-2", 1999).await?);

    let charges = bank.charges.lock().unwrap_or_else(PoisonError::into_inner);
    println!("the bank has charged {charges} times");
    Ok(())
}

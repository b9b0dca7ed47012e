//! A retry budget keeps the load bounded in an outage, where retries alone multiply it.
//!
//! `cargo run --example retry_with_budget`

use std::{error::Error, time::Duration};

use futures::future::join_all;
use steadfast::{AttemptInfo, Policies, Retry, RetryBudget};

const CALLS: u32 = 10_000;

/// Makes many calls at once, of which every `nth` fails at its first `failures` attempts, and
/// prints how many requests a call took.
async fn load(name: &str, retry: &Retry, nth: u32, failures: u32) {
    let call = |order| async move {
        let charge = |attempt: AttemptInfo| async move {
            let fails = order % nth == 0 && attempt.number <= failures;
            if fails { Err("refused") } else { Ok(()) }
        };
        retry.call_with(charge).reported().await
    };
    let reports = join_all((1..=CALLS).map(call)).await;
    let requests: u32 = reports.iter().map(|report| report.attempts).sum();
    let succeeded = reports.iter().filter(|r| r.result.is_ok()).count();
    let load = f64::from(requests) / f64::from(CALLS);
    println!("  {name:<14}  load factor {load:.2}, {succeeded:>5} of {CALLS} calls succeeded");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Up to four attempts a call, with waits of up to 10, 20 and 40 ms between them.
    let four_attempts = Retry::exponential(Duration::from_millis(10)).max_attempts(4);
    let alone = four_attempts.clone().build()?;

    // One purse: 20 % of the calls in the last 10 s, and 10 retries a second on top. Make one for
    // each dependency, and give it to all policies that call it: clones of the handle share it.
    let budget = RetryBudget::default();
    let budgeted = four_attempts.budget(&budget).build()?;

    println!("an outage, every attempt fails:");
    load("without budget", &alone, 1, u32::MAX).await;
    load("with budget", &budgeted, 1, u32::MAX).await;
    println!("an ordinary day, one call in ten fails once:");
    load("without budget", &alone, 10, 1).await;
    load("with budget", &budgeted, 10, 1).await;
    Ok(())
}

//! One timeout and no pipeline: around a closure, and on a plain future.
//!
//! `cargo run --example single_timeout`

use std::{error::Error, future::pending, io, time::Duration};

use steadfast::{FutureExt, Policies, Timeout};

async fn fetch(page: &str) -> Result<String, io::Error> {
    match page {
        "/stuck" => pending().await,
        "/missing" => Err(io::Error::new(io::ErrorKind::NotFound, "no such page")),
        _ => Ok(format!("the text of {page}")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A policy is a value: make it once, share it, call it as often as you like.
    let timeout = Timeout::new(Duration::from_millis(50));
    for page in ["/quick", "/missing", "/stuck"] {
        match timeout.call(|| fetch(page)).await {
            Ok(text) => println!("timeout.call, {page}: {text}"),
            Err(error) if error.is_timed_out() => println!("timeout.call, {page}: {error}"),
            Err(error) => println!("timeout.call, {page}: its own error: {error}"),
        }
    }

    // Any future has a timeout, whatever its output: here a plain `u32`.
    let limit = Duration::from_millis(50);
    let answer = async { 42 }.timeout(limit).await?;
    println!("future.timeout: {answer}");
    if let Err(elapsed) = pending::<u32>().timeout(limit).await {
        println!("future.timeout, one that never ends: {elapsed}");
    }
    Ok(())
}

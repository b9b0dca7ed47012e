//! A client that owns its pipeline, is shared by many tasks, and says something of each call.
//!
//! `cargo run --example pipeline_in_a_struct`

use std::{error::Error, future::pending, sync::Arc, time::Duration};

use steadfast::{
    AttemptInfo, CallOptions, IdempotencyKey, InvalidConfig, Pipeline, Report, Retry, Timeout,
};

struct PaymentClient {
    pipeline: Pipeline<(Timeout, Retry, Timeout)>,
    url: String,
}

impl PaymentClient {
    fn new(url: &str) -> Result<Self, InvalidConfig> {
        let retry = Retry::exponential(Duration::from_millis(10))
            .max_attempts(3)
            .build()?;
        Ok(PaymentClient {
            pipeline: Pipeline::new((
                Timeout::new(Duration::from_secs(1)).named("total timeout"),
                retry,
                Timeout::new(Duration::from_millis(100)).named("attempt timeout"),
            )),
            url: url.to_owned(),
        })
    }

    async fn charge(&self, order: u32, options: CallOptions) -> Report<String, &'static str> {
        self.pipeline
            .call_with(|attempt| self.send(order, attempt))
            .options(options)
            .reported()
            .await
    }

    /// Stands in for a request: order 2 fails once, order 3 hangs once, order 4 always hangs.
    async fn send(&self, order: u32, attempt: AttemptInfo) -> Result<String, &'static str> {
        let key = attempt.key.map_or_else(String::new, |key| key.to_string());
        match (order, attempt.number) {
            (2, 1) => Err("connection reset"),
            (3, 1) | (4, _) => pending().await,
            _ => Ok(format!("receipt of {}/{order}, key {key}", self.url)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Arc::new(PaymentClient::new("https://pay.example")?);
    let tasks = (1..=4).map(|order| {
        let client = Arc::clone(&client);
        // The same key on every attempt, so that the server can tell a repetition.
        let mut options = CallOptions::new().key(IdempotencyKey::from_u128(order.into()));
        if order == 4 {
            options = options.timeout(Duration::from_millis(250)); // instead of the total 1 s
        }
        tokio::spawn(async move { client.charge(order, options).await })
    });
    for (task, order) in tasks.collect::<Vec<_>>().into_iter().zip(1..) {
        let report = task.await?;
        let answer = report.result.unwrap_or_else(|error| error.to_string());
        println!("order {order}: {answer}");
        println!("  attempts: {}, then {:?}", report.attempts, report.stop);
    }
    Ok(())
}

//! The same pipeline on smol, and on a bare `block_on` that brings no timers at all.
//!
//! `cargo run --example on_smol`

use std::{error::Error, future::pending, time::Duration};

use steadfast::{InvalidConfig, Pipeline, Retry, Runtime, SmolRuntime, ThreadRuntime, Timeout};

/// The runtime is the one thing that differs, so it is a parameter.
struct Client<R> {
    pipeline: Pipeline<(Retry, Timeout), R>,
}

impl<R: Runtime> Client<R> {
    fn on(runtime: R) -> Result<Self, InvalidConfig> {
        let retry = Retry::constant(Duration::from_millis(20))
            .max_attempts(3)
            .build()?;
        let each = Timeout::new(Duration::from_millis(50));
        Ok(Client {
            pipeline: Pipeline::on(runtime, (retry, each)),
        })
    }

    /// Asks a server whose first answer never comes.
    async fn fetch(&self) -> Result<String, steadfast::Error<std::io::Error>> {
        self.pipeline
            .call_with(|attempt| async move {
                match attempt.number {
                    1 => pending().await,
                    n => Ok(format!("attempt {n} got an answer")),
                }
            })
            .await
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("attempt 1 hangs and is cut off");
    // Timers of async-io, which is what smol runs on.
    let client = Client::on(SmolRuntime)?;
    let answer = smol::block_on(client.fetch())?;
    println!("on smol: {answer}");

    // Timers on a thread of their own, so any executor will do.
    let client = Client::on(ThreadRuntime)?;
    let answer = futures::executor::block_on(client.fetch())?;
    println!("on futures' block_on: {answer}");
    Ok(())
}

//! A rate that follows the server: it finds out how many calls a second are let through, also after that is a third.
//!
//! `cargo run --example adaptive_rate`

use std::{error::Error, time::Duration};

use steadfast::{
    AdaptiveRate, AdaptiveRateLimit, InvalidConfig, Pipeline, RateLimit, Runtime, Verdict,
    VirtualRuntime,
};

const SECOND: Duration = Duration::from_secs(1);
const CALLERS: u32 = 60;

/// What the server answers when it throttles.
const TOO_MANY: u16 = 429;

struct Service {
    // Virtual, so that the output is the same on every run. In a program it is `TokioRuntime`.
    runtime: VirtualRuntime,
    // The rate of its calls. Who finds no room waits for its turn, for ten seconds at most.
    limit: AdaptiveRateLimit,
    // In place of a server: it throttles what is more than its own rate.
    server: RateLimit,
}

impl Service {
    fn new() -> Result<Self, InvalidConfig> {
        let rate = AdaptiveRate::new().min(1, SECOND).max(1000, SECOND);
        Ok(Service {
            runtime: VirtualRuntime::new(1),
            limit: RateLimit::adaptive(rate).wait(10 * SECOND).build()?,
            server: RateLimit::per_second(120).burst(10).build()?,
        })
    }

    /// Somebody who always has one more call to make.
    fn caller(&self) -> impl Future<Output = ()> + Send + use<> {
        let (runtime, server) = (self.runtime.clone(), self.server.clone());
        // It learns from what is `Overloaded`, so something has to say what is.
        let calls =
            Pipeline::on(runtime.clone(), self.limit.clone()).classify_errors(|status: &u16| {
                match *status {
                    TOO_MANY => Verdict::overloaded(),
                    _ => Verdict::transient(),
                }
            });
        async move {
            loop {
                // Whether it was served, throttled, or refused by its own limit: it goes on.
                let _ = calls.call(|| get(&server, &runtime)).await;
            }
        }
    }

    /// Prints how it stands, every two seconds.
    fn watch(&self, seconds: u32) {
        for _ in 0..seconds / 2 {
            self.runtime.block_on(self.runtime.sleep(2 * SECOND));
            let rate = self.limit.rate_per_second().unwrap_or(f64::INFINITY);
            println!(
                "  {:>3?}: {rate:>5.1} calls a second, and {} callers wait for their turn",
                self.runtime.elapsed(),
                self.limit.waiting(),
            );
        }
    }
}

/// A call: 20 to 60 ms.
async fn get(server: &RateLimit, runtime: &VirtualRuntime) -> Result<(), u16> {
    let micros = 20_000 + runtime.random() % 40_000;
    runtime.sleep(Duration::from_micros(micros)).await;
    server.try_acquire(runtime, 1).map_err(|_| TOO_MANY)
}

fn main() -> Result<(), Box<dyn Error>> {
    let service = Service::new()?;
    for _ in 0..CALLERS {
        drop(service.runtime.spawn(service.caller())); // it runs on
    }

    println!("{CALLERS} callers, and a server that lets 120 calls a second through:");
    service.watch(16);

    service.server.set_rate(&service.runtime, 40, SECOND)?;
    println!("it lets 40 through:");
    service.watch(16);
    Ok(())
}

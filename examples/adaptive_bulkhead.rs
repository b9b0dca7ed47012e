//! A limit that follows the server: it finds out how many calls it bears, also after half of its workers are gone.
//!
//! `cargo run --example adaptive_bulkhead`

use std::{error::Error, io, time::Duration};

use steadfast::{AdaptiveLimit, Bulkhead, InvalidConfig, Pipeline, Runtime, Vegas, VirtualRuntime};

const WORKERS: u32 = 30;
const CALLERS: u32 = 150;

struct Service {
    // Virtual, so that the output is the same on every run. In a program it is `TokioRuntime`.
    runtime: VirtualRuntime,
    // The limit of its calls. Vegas keeps a queue of 3 to 6 of them at the server, and no longer one.
    bulkhead: Bulkhead,
    // In place of a server: so many workers, and a queue that takes everything.
    server: Bulkhead,
}

impl Service {
    fn new() -> Result<Self, InvalidConfig> {
        let limit = AdaptiveLimit::new(Vegas::new()).initial(10).min(4).max(200);
        Ok(Service {
            runtime: VirtualRuntime::new(1),
            bulkhead: Bulkhead::adaptive(limit).max_waiting(200).build()?,
            server: Bulkhead::max_concurrent(WORKERS).max_waiting(200).build()?,
        })
    }

    /// Somebody who always has one more call to make.
    fn caller(&self) -> impl Future<Output = ()> + Send + use<> {
        let runtime = self.runtime.clone();
        let calls = Pipeline::on(runtime.clone(), self.bulkhead.clone());
        let server = Pipeline::on(runtime.clone(), self.server.clone());
        async move {
            loop {
                let answer = calls.call(|| server.call(|| work(&runtime))).await;
                answer.expect("there is room for all callers to wait");
            }
        }
    }

    /// Prints how it stands, every second for so many seconds. Half of the usual limit is one that measures how
    /// long a call takes without a queue.
    fn watch(&self, seconds: u32) {
        for _ in 0..seconds {
            let second = self.runtime.sleep(Duration::from_secs(1));
            self.runtime.block_on(second);
            println!(
                "  {:>3?}: limit {:>2}, and {} calls wait at the server",
                self.runtime.elapsed(),
                self.bulkhead.limit(),
                self.server.waiting(),
            );
        }
    }
}

/// What a worker does: 5 to 15 ms.
async fn work(runtime: &VirtualRuntime) -> io::Result<()> {
    let micros = 5_000 + runtime.random() % 10_000;
    runtime.sleep(Duration::from_micros(micros)).await;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let service = Service::new()?;
    for _ in 0..CALLERS {
        drop(service.runtime.spawn(service.caller())); // it runs on
    }

    println!("{CALLERS} callers, and a server of {WORKERS} workers:");
    service.watch(8);

    service.server.resize(WORKERS / 2)?;
    println!("half of the workers are gone:");
    service.watch(8);
    Ok(())
}

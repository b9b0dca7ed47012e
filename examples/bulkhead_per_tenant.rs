//! One bulkhead for each tenant: a noisy one waits in its own queue, and does not delay another.
//!
//! `cargo run --example bulkhead_per_tenant`

use std::{error::Error, io, time::Duration};

use futures::future::{join, join_all};
use steadfast::{Bulkhead, InvalidConfig, Keyed, Pipeline, Runtime, VirtualRuntime};

const QUERY: Duration = Duration::from_millis(100);

struct Service {
    // Virtual, so that the output is the same on every run. In a program it is `TokioRuntime`.
    runtime: VirtualRuntime,
    // Made at the first call of a tenant; at most 1000, and one that nobody uses gives way.
    bulkheads: Keyed<String, Bulkhead>,
}

impl Service {
    fn new(bulkhead: Bulkhead) -> Result<Self, InvalidConfig> {
        Ok(Service {
            runtime: VirtualRuntime::new(1),
            bulkheads: Keyed::new(1000, move |_key: &String| bulkhead.fresh())?,
        })
    }

    async fn query(&self, key: &str) -> Result<(), steadfast::Error<io::Error>> {
        let bulkhead = self.bulkheads.get(key, &self.runtime)?;
        // A pipeline of references costs nothing to make.
        let calls = Pipeline::on(&self.runtime, &bulkhead);
        let database = || async {
            self.runtime.sleep(QUERY).await; // here the database would be
            Ok(())
        };
        calls.call(database).await
    }

    /// Sends so many queries, one `every` so long, and says what became of them.
    async fn load(&self, key: &str, queries: u32, every: Duration) -> String {
        let query = |nth| async move {
            self.runtime.sleep(every * nth).await;
            let began = self.runtime.now();
            let is_done = self.query(key).await.is_ok();
            is_done.then(|| self.runtime.now() - began)
        };
        let times = join_all((0..queries).map(query)).await;
        let done = times.iter().flatten().count();
        let slowest = times.into_iter().flatten().max().unwrap_or_default();
        format!("{done:>2} of {queries:>2} queries done, the slowest in {slowest:?}")
    }

    /// A noisy tenant sends everything at once, a quiet one a query now and then.
    fn compare(&self, noisy_key: &str, quiet_key: &str) {
        let noisy = self.load(noisy_key, 40, Duration::ZERO);
        let quiet = self.load(quiet_key, 10, 2 * QUERY);
        let (noisy, quiet) = self.runtime.block_on(join(noisy, quiet));
        println!("  noisy: {noisy}\n  quiet: {quiet}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let max_wait = Duration::from_secs(1);

    println!("one bulkhead for both tenants:");
    let shared = Bulkhead::max_concurrent(4).max_waiting(32);
    let service = Service::new(shared.max_wait(max_wait).build()?)?;
    service.compare("everybody", "everybody");

    // As many places in all, but half of them each.
    println!("one for each tenant:");
    let each = Bulkhead::max_concurrent(2).max_waiting(16);
    let service = Service::new(each.max_wait(max_wait).build()?)?;
    service.compare("noisy", "quiet");
    Ok(())
}

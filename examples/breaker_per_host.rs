//! One circuit breaker for each host: the host that is down is left alone, the other one is not affected.
//!
//! `cargo run --example breaker_per_host`

use std::{error::Error, io, time::Duration};

use steadfast::{
    CircuitBreaker, Keyed, KeyedFull, Pipeline, Ratio, Runtime, VirtualRuntime,
    circuit_breaker::Transitions,
};

/// Stands for the network: one host is down for the first ten seconds.
async fn fetch(host: &str, second: u64) -> io::Result<String> {
    if host == "b.example" && second < 10 {
        Err(io::ErrorKind::ConnectionRefused.into())
    } else {
        Ok(format!("page of {host}"))
    }
}

struct Client {
    // Virtual, so that twenty seconds pass at once. In a program it is `TokioRuntime`.
    runtime: VirtualRuntime,
    // Made at the first call for a host; at most 1000, and one that knows nothing bad gives way.
    breakers: Keyed<String, CircuitBreaker>,
}

impl Client {
    fn new() -> Result<Self, Box<dyn Error>> {
        let breaker = CircuitBreaker::failure_rate(Ratio::percent(50))
            .over_last(20)
            .min_calls(5)
            .open_for(Duration::from_secs(3))
            .factor(1.0) // each time as long, and no chance in it,
            .jitter(Ratio::percent(0)) // so that the output is easy to follow
            .build()?;
        Ok(Client {
            runtime: VirtualRuntime::new(1),
            breakers: Keyed::new(1000, move |_host: &String| breaker.fresh())?,
        })
    }

    async fn get(&self, host: &str, second: u64) -> Result<String, steadfast::Error<io::Error>> {
        let breaker = self.breakers.get(host, &self.runtime)?;
        // A pipeline of references costs nothing to make.
        let calls = Pipeline::on(&self.runtime, &breaker);
        calls.call(|| fetch(host, second)).await
    }

    fn follow(&self, host: &str) -> Result<Transitions, KeyedFull> {
        Ok(self.breakers.get(host, &self.runtime)?.subscribe())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::new()?;
    let runtime = client.runtime.clone();
    let mut transitions = client.follow("b.example")?;
    let began = runtime.now();

    println!("second  a.example        b.example");
    for second in 0..20 {
        for _ in 0..4 {
            let _ = runtime.block_on(client.get("b.example", second));
        }
        let a = runtime.block_on(client.get("a.example", second))?;
        let b = match runtime.block_on(client.get("b.example", second)) {
            Ok(page) => page,
            Err(error) => error.to_string(),
        };
        println!("{second:>6}  {a}  {b}");
        runtime.advance(Duration::from_secs(1));
    }

    println!("\ntransitions of b.example in {:?}:", runtime.now() - began);
    while let Some(step) = transitions.try_recv() {
        println!("  {} -> {}, {}", step.from, step.to, step.cause);
    }
    Ok(())
}

//! How to test your own code on virtual time: an hour of backoff takes microseconds, and chance is
//! the same on every run.
//!
//! `cargo run --example virtual_time_test`, or `cargo test --example virtual_time_test`

use std::{error::Error, io, time::Duration};

use steadfast::{
    InvalidConfig, Jitter, Pipeline, Report, Retry, Runtime, ThreadRuntime, TokioRuntime,
    VirtualRuntime,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The code to test. Its runtime is a parameter, which in production is tokio.
struct Mailer<R = TokioRuntime> {
    pipeline: Pipeline<Retry, R>,
}

impl<R: Runtime> Mailer<R> {
    fn on(runtime: R) -> Result<Self, InvalidConfig> {
        let retry = Retry::exponential(MINUTE)
            .max_delay(30 * MINUTE)
            .max_attempts(10)
            // With full jitter ten attempts may be over sooner: the test below found it.
            .jitter(Jitter::Equal)
            .build()?;
        Ok(Mailer {
            pipeline: Pipeline::on(runtime, retry),
        })
    }

    /// Delivers a mail to a server that accepts it once `is_up`.
    async fn deliver(&self, is_up: impl Fn() -> bool) -> Report<(), io::Error> {
        let send = || async {
            if is_up() {
                Ok(())
            } else {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        };
        self.pipeline.call(send).reported().await
    }
}

/// Delivers a mail in an outage of an hour: how many attempts, and how much virtual time, it took.
fn an_hour_of_outage(seed: u64) -> Result<(u32, Duration), Box<dyn Error>> {
    let runtime = VirtualRuntime::new(seed);
    let mailer = Mailer::on(runtime.clone())?;
    let is_up = || runtime.elapsed() >= 60 * MINUTE;
    let report = runtime.block_on(mailer.deliver(is_up));
    report.result?;
    Ok((report.attempts, runtime.elapsed()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let watch = ThreadRuntime; // the real clock
    for seed in [1, 2] {
        let began = watch.now();
        let (attempts, waited) = an_hour_of_outage(seed)?;
        let took = watch.now() - began;
        let minutes = waited.as_secs() / 60;
        println!(
            "seed {seed}: delivered at attempt {attempts} after {minutes} minutes, in {took:.1?}"
        );
    }
    let same = an_hour_of_outage(1)? == an_hour_of_outage(1)?;
    println!("the same seed gives the same delays, to the nanosecond: {same}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_outlasts_an_hour_of_outage() -> Result<(), Box<dyn Error>> {
        for seed in 0..100 {
            let (attempts, waited) = an_hour_of_outage(seed)?;
            assert!(attempts <= 10);
            assert!(
                (60 * MINUTE..90 * MINUTE).contains(&waited),
                "seed {seed}: {waited:?}"
            );
        }
        Ok(())
    }
}

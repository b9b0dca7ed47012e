//! Adaptive limits at work: callers, a bulkhead and a server in virtual time, through the public door.
//!
//! What the strategies do over many seeds and capacities is in `tests/adaptive`; here all parts run together.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::time::Duration;

use steadfast_bulkhead::{AdaptiveLimit, Aimd, Bulkhead, Gradient2, Vegas};
use steadfast_core::{Pipeline, Ratio, Runtime, VirtualRuntime};

const SERVICE: Duration = Duration::from_millis(10);

/// So many workers, a queue, and callers who never rest and go through the bulkhead.
struct World {
    runtime: VirtualRuntime,
    bulkhead: Bulkhead,
    server: Bulkhead,
}

impl World {
    fn new(limit: impl Into<AdaptiveLimit>, workers: u32, callers: u32) -> World {
        let runtime = VirtualRuntime::new(5);
        let bulkhead = Bulkhead::adaptive(limit)
            .max_waiting(10_000)
            .max_wait(Duration::from_secs(3600));
        let server = Bulkhead::max_concurrent(workers)
            .max_waiting(10_000)
            .max_wait(Duration::from_secs(3600));
        let world = World {
            runtime,
            bulkhead: bulkhead.build().unwrap(),
            server: server.build().unwrap(),
        };
        for _ in 0..callers {
            drop(world.runtime.spawn(world.caller()));
        }
        world
    }

    fn caller(&self) -> impl Future<Output = ()> + use<> {
        let runtime = self.runtime.clone();
        let calls = Pipeline::on(runtime.clone(), self.bulkhead.clone());
        let server = Pipeline::on(runtime.clone(), self.server.clone());
        async move {
            loop {
                let serve = || server.call(|| serve(&runtime));
                let _ = calls.call(serve).await;
            }
        }
    }

    /// Goes on for so many seconds; the mean of the limit, looked at every tenth of a second.
    fn mean_over(&self, secs: u32) -> f64 {
        let mut sum = 0.0;
        for _ in 0..10 * secs {
            let look = self.runtime.sleep(Duration::from_millis(100));
            self.runtime.block_on(look);
            sum += f64::from(self.bulkhead.limit());
        }
        sum / f64::from(10 * secs)
    }
}

/// Exponentially distributed.
async fn serve(runtime: &VirtualRuntime) -> Result<(), ()> {
    let chance = (runtime.random() >> 11) as f64 / (1_u64 << 53) as f64;
    runtime.sleep(SERVICE.mul_f64(-(1.0 - chance).ln())).await;
    Ok(())
}

#[track_caller]
fn assert_near(limit: f64, knee: f64) {
    assert!(
        (limit / knee - 1.0).abs() <= 0.2,
        "{limit} at a knee of {knee}"
    );
}

/// It finds the knee, and follows when half of the workers are gone.
fn follows(limit: AdaptiveLimit) {
    let world = World::new(limit, 80, 150);
    world.mean_over(25);
    assert_near(world.mean_over(15), 80.0);
    world.server.resize(40).unwrap();
    world.mean_over(10);
    assert_near(world.mean_over(15), 40.0);
}

#[test]
fn vegas_finds_the_knee_and_follows_it() {
    follows(Vegas::new().into());
}

#[test]
fn gradient2_finds_the_knee_and_follows_it() {
    let gradient = Gradient2::new().tolerance(Ratio::percent(100));
    follows(gradient.queue_size(2).into());
}

#[test]
fn aimd_with_a_timeout_finds_the_knee_and_follows_it() {
    follows(Aimd::new().timeout(Duration::from_millis(12)).into());
}

#[test]
fn a_limit_that_nobody_reaches_does_not_grow() {
    let world = World::new(Vegas::new(), 80, 5);
    world.mean_over(30);
    assert!(world.bulkhead.limit() <= 20, "{}", world.bulkhead.limit());
}

//! Clients with an adaptive rate and a server that throttles above its own, all in virtual time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast_core::{Pipeline, Runtime, Verdict, VirtualRuntime};
use steadfast_rate_limit::{AdaptiveRateLimit, AdaptiveRateLimitBuilder, RateLimit};

use crate::common::{adaptive, ms, secs};

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Of which clients; those of an earlier one go home.
    phase: u32,
    sent: u32,
    served: u32,
}

/// A server, and clients that share one limit.
struct World {
    runtime: VirtualRuntime,
    limit: AdaptiveRateLimit,
    server: RateLimit,
    counts: Arc<Mutex<Counts>>,
}

impl World {
    fn new(settings: AdaptiveRateLimitBuilder, capacity: u32) -> World {
        World {
            runtime: VirtualRuntime::new(5),
            limit: settings.build().unwrap(),
            server: RateLimit::per_second(capacity)
                .burst(capacity / 4)
                .build()
                .unwrap(),
            counts: Arc::default(),
        }
    }

    /// A call that takes 50 to 150 ms and is throttled where the server has nothing left.
    fn call(&self) -> impl Future<Output = bool> + use<> {
        let (runtime, server) = (self.runtime.clone(), self.server.clone());
        let counts = Arc::clone(&self.counts);
        let calls = Pipeline::on(runtime.clone(), self.limit.clone())
            .classify_errors(|_: &u16| Verdict::overloaded());
        async move {
            let answer = calls.call(|| async {
                counts.lock().unwrap().sent += 1;
                let way = Duration::from_micros(25_000 + runtime.random() % 50_000);
                runtime.sleep(way).await;
                let answer = server.try_acquire(&runtime, 1).map_err(|_| 429);
                runtime.sleep(way).await;
                answer
            });
            let is_served = answer.await.is_ok();
            counts.lock().unwrap().served += u32::from(is_served);
            is_served
        }
    }

    /// So many clients that always have one more call to make.
    fn greedy(self, clients: u32) -> World {
        for _ in 0..clients {
            let world = self.share();
            drop(self.runtime.spawn(async move {
                loop {
                    if !world.call().await {
                        world.runtime.sleep(ms(50)).await;
                    }
                }
            }));
        }
        self
    }

    /// Calls that come at random, so many a second on average.
    fn random(self, per_second: u32) -> World {
        let (world, phase) = (self.share(), self.next_phase());
        drop(self.runtime.spawn(async move {
            while world.phase() == phase {
                let chance = (world.runtime.random() >> 11) as f64 / (1_u64 << 53) as f64;
                let pause = Duration::from_secs(1).mul_f64(-(1.0 - chance).ln());
                world.runtime.sleep(pause / per_second).await;
                drop(world.runtime.spawn(world.call()));
            }
        }));
        self
    }

    fn phase(&self) -> u32 {
        self.counts.lock().unwrap().phase
    }

    fn next_phase(&self) -> u32 {
        let mut counts = self.counts.lock().unwrap();
        counts.phase += 1;
        counts.phase
    }

    fn share(&self) -> World {
        World {
            runtime: self.runtime.clone(),
            limit: self.limit.clone(),
            server: self.server.clone(),
            counts: Arc::clone(&self.counts),
        }
    }

    /// What goes on for so many seconds, each as a share of so many a second.
    fn seen(&self, length: u32, per_second: u32) -> (f64, f64) {
        let phase = self.phase();
        *self.counts.lock().unwrap() = Counts {
            phase,
            ..Counts::default()
        };
        self.runtime
            .block_on(self.runtime.sleep(secs(length.into())));
        let counts = *self.counts.lock().unwrap();
        let of_it = |calls: u32| f64::from(calls) / f64::from(length * per_second);
        (of_it(counts.sent), of_it(counts.served))
    }
}

#[track_caller]
fn assert_fits(name: &str, (sent, served): (f64, f64)) {
    println!("{name}: sent {sent:.3}, served {served:.3} of the capacity");
    assert!(sent <= 1.15, "{name}: {sent} sent");
    assert!(served >= 0.8, "{name}: {served} served");
}

#[test]
fn of_many_clients_a_server_gets_what_it_bears_and_little_more() {
    for capacity in [20, 100, 1000] {
        for (settings, mode) in [(adaptive().wait(secs(60)), "wait"), (adaptive(), "reject")] {
            let world = World::new(settings, capacity).greedy((capacity / 2).clamp(20, 250));
            world.seen(20, capacity);
            let name = format!("{capacity}/s, {mode}");
            assert_fits(&name, world.seen(40, capacity));
        }
    }
}

/// The twin: what it would be without a limit that adapts.
#[test]
fn without_it_the_server_is_overrun() {
    let never = steadfast_rate_limit::AdaptiveRate::new();
    let never = never.initial(100_000, secs(1)).min(100_000, secs(1));
    let world = World::new(RateLimit::adaptive(never).burst(1000), 100).greedy(100);
    world.seen(20, 100);
    let (sent, _) = world.seen(60, 100);
    println!("100/s, not limited: sent {sent:.3} of the capacity");
    assert!(sent > 2.0, "{sent}");
}

#[test]
fn it_follows_a_server_that_bears_less_and_more() {
    let world = World::new(adaptive().wait(secs(60)), 200).greedy(200);
    world.seen(30, 200);
    world.server.set_rate(&world.runtime, 50, secs(1)).unwrap();
    world.server.set_burst(&world.runtime, 12).unwrap();
    world.seen(5, 50);
    assert_fits("200/s, then 50/s", world.seen(60, 50));
    world.server.set_rate(&world.runtime, 400, secs(1)).unwrap();
    world.seen(25, 400);
    assert_fits("50/s, then 400/s", world.seen(60, 400));
}

#[test]
fn after_an_outage_it_is_back_within_seconds() {
    let world = World::new(adaptive().wait(secs(60)), 100).greedy(100);
    world.seen(20, 100);
    world
        .server
        .set_rate(&world.runtime, 1, secs(1_000_000))
        .unwrap();
    world.seen(30, 100);
    let (asked, _) = world.seen(60, 1);
    println!("in an outage: {asked:.2} calls a second");
    assert!(asked <= 0.6, "{asked}");
    world.server.set_rate(&world.runtime, 100, secs(1)).unwrap();
    world.seen(20, 100);
    assert_fits("100/s, 20 s after an outage", world.seen(30, 100));
}

#[test]
fn who_wants_less_than_the_server_bears_is_hardly_held_up() {
    for (settings, mode) in [(adaptive().wait(secs(60)), "wait"), (adaptive(), "reject")] {
        let world = World::new(settings, 100).random(300);
        world.seen(20, 100);
        assert!(world.limit.rate_per_second().is_some());
        let world = World {
            runtime: VirtualRuntime::new(6),
            ..world
        };
        let world = world.random(60);
        world.seen(90, 60); // also who waited
        let (_, served) = world.seen(120, 60);
        println!("60/s of 100/s at random, {mode}: served {served:.3}");
        assert!(served >= 0.97, "{mode}: {served}");
    }
}

//! The rate finds what the server lets through, and follows it.

use std::time::Duration;

use crate::{
    adaptive::AdaptiveRate,
    world::{Seen, World},
};

const SEEDS: [u64; 3] = [1, 2, 3];
/// Of what the server lets through.
const TOLERANCE: f64 = 0.2;
/// Calls a second, and milliseconds: from none on their way to 200.
const SERVERS: [(u64, u64); 7] = [
    (20, 1),
    (20, 200),
    (100, 10),
    (100, 50),
    (100, 200),
    (1000, 10),
    (1000, 200),
];

fn world(seed: u64, capacity: u64, latency_ms: u64) -> World {
    let mut world = World::new(seed, &AdaptiveRate::new(), capacity);
    world.latency = Duration::from_millis(latency_ms);
    world
}

/// Every server, each without a burst and with a quarter of a second's, each with every seed.
fn worlds() -> impl Iterator<Item = (String, World)> {
    let servers = SERVERS.iter().flat_map(|&(capacity, latency)| {
        [(capacity, latency, 1), (capacity, latency, capacity / 4)]
    });
    servers.flat_map(|(capacity, latency, burst)| {
        SEEDS.map(|seed| {
            let mut world = world(seed, capacity, latency);
            world.burst = burst.max(1);
            (
                format!("{capacity}/s {latency} ms, burst {burst}, seed {seed}"),
                world,
            )
        })
    })
}

#[track_caller]
fn assert_within_a_fifth(name: &str, seen: Seen, capacity: u64) {
    let of_it = seen.rate / capacity as f64;
    assert!((of_it - 1.0).abs() <= TOLERANCE, "{name}: {of_it:.3}");
    let served = seen.served / capacity as f64;
    assert!(served >= 1.0 - TOLERANCE, "{name}: {served:.3} served");
}

/// After how many seconds the mean of a second is within a fifth.
fn seconds_until(world: &mut World, is_there: impl Fn(f64) -> bool) -> u64 {
    let capacity = world.capacity as f64;
    let mut seconds = 1..=60;
    let there = seconds.find(|_| is_there(world.run(1).rate / capacity));
    there.expect("it does not follow")
}

#[test]
fn it_finds_what_the_server_lets_through() {
    for (name, mut world) in worlds() {
        let capacity = world.capacity;
        let found = seconds_until(&mut world, |rate| rate <= 1.0 + TOLERANCE);
        world.run(30);
        let seen = world.run(120);
        let of_it = |rate: f64| rate / capacity as f64;
        println!(
            "{name}: found in {found} s, rate {:.2}, served {:.2}, throttled {:.3}",
            of_it(seen.rate),
            of_it(seen.served),
            of_it(seen.throttled)
        );
        assert_within_a_fifth(&name, seen, capacity);
        assert!(found <= 2, "{name}: found in {found} s");
        let throttled = seen.throttled / (seen.served + seen.throttled);
        assert!(throttled <= 0.06, "{name}: {throttled:.3} throttled");
    }
}

#[test]
fn it_recovers_when_the_server_lets_twice_as_much_through() {
    for (name, mut world) in worlds() {
        world.run(60);
        world.capacity *= 2;
        world.wanted *= 2;
        let back = seconds_until(&mut world, |rate| rate >= 1.0 - TOLERANCE);
        let seen = world.run(60);
        println!("{name}: doubled, there in {back} s, rate {:.1}", seen.rate);
        assert!(back <= 25, "{name}: there in {back} s");
        assert_within_a_fifth(&name, seen, world.capacity);
    }
}

#[test]
fn it_halves_when_the_server_lets_half_as_much_through() {
    for (name, mut world) in worlds() {
        world.run(60);
        world.capacity /= 2;
        let down = seconds_until(&mut world, |rate| rate <= 1.0 + TOLERANCE);
        world.run(20);
        let seen = world.run(60);
        println!("{name}: halved, there in {down} s, rate {:.1}", seen.rate);
        assert!(down <= 3, "{name}: there in {down} s");
        assert_within_a_fifth(&name, seen, world.capacity);
    }
}

#[test]
fn of_a_few_calls_a_second_it_finds_three_quarters_and_half_of_them_are_throttled_at_most() {
    for capacity in [1, 2, 5] {
        for latency in [1, 200] {
            let mut world = world(1, capacity, latency);
            world.run(60);
            let seen = world.run(600);
            let of_it = seen.rate / capacity as f64;
            let throttled = seen.throttled / (seen.served + seen.throttled);
            println!("{capacity}/s {latency} ms: rate {of_it:.2}, throttled {throttled:.3}");
            assert!((0.75..1.25).contains(&of_it), "{capacity}/s: {of_it:.3}");
            assert!(throttled <= 0.51, "{capacity}/s: {throttled:.3} throttled");
        }
    }
}

#[test]
fn in_an_outage_it_asks_every_two_seconds_and_comes_back_from_there() {
    for (capacity, latency) in SERVERS {
        let mut world = world(1, capacity, latency);
        world.run(60);
        world.capacity = 0;
        world.run(30);
        let seen = world.run(60);
        let asked = seen.throttled * 60.0;
        assert!((29.0..=31.0).contains(&asked), "asked {asked} times");
        assert!((world.lowest - 0.5).abs() < 1e-6, "{}", world.lowest);
        world.capacity = capacity;
        let back = seconds_until(&mut world, |rate| rate >= 1.0 - TOLERANCE);
        println!("{capacity}/s {latency} ms: back from an outage in {back} s");
        assert!(back <= 25, "{capacity}/s {latency} ms: back in {back} s");
    }
}

#[test]
fn who_wants_less_than_the_server_lets_through_is_not_held_up() {
    let mut world = world(1, 100, 50);
    world.run(20); // so that it is limited
    world.wanted = 60;
    world.run(20);
    let seen = world.run(60);
    println!("60/s of 100/s wanted: {seen:?}");
    assert!(seen.served >= 59.0, "{seen:?}");
    assert!(seen.throttled < 0.1, "{seen:?}");
    assert!(seen.rate <= 121.0, "twice of what is sent, {seen:?}");
}

#[test]
fn after_a_lull_it_is_back_in_some_seconds() {
    let mut world = world(1, 100, 50);
    world.run(20);
    world.wanted = 1;
    world.run(60);
    let lull = world.rate();
    world.wanted = 400;
    let back = seconds_until(&mut world, |rate| rate >= 1.0 - TOLERANCE);
    println!("after a lull at {lull:.1}/s: back in {back} s");
    assert!((1.9..2.5).contains(&lull), "{lull}");
    assert!(back <= 8, "back in {back} s");
}

#[test]
fn it_never_goes_below_the_floor() {
    for (name, mut world) in worlds() {
        for capacity in [0, world.capacity, 1, 4 * world.capacity] {
            world.capacity = capacity;
            world.run(20);
        }
        assert!(world.lowest >= 0.499_999, "{name}: {}", world.lowest);
    }
}

/// The twin, without what it departs from its source by.
#[test]
fn were_every_throttled_call_counted_it_would_starve() {
    for (capacity, latency) in [(100, 200), (1000, 200)] {
        let mut world = world(1, capacity, latency);
        world.is_each_counted = true;
        world.run(60);
        let seen = world.run(60);
        let of_it = seen.rate / capacity as f64;
        println!("{capacity}/s {latency} ms, each counted: rate {of_it:.2}");
        assert!(of_it < 0.5, "{capacity}/s {latency} ms: {of_it:.3}");
    }
}

//! Nothing is answered for a while, and nothing is asked for a while.

use crate::{
    MS,
    adaptive::{AdaptiveLimit, Aimd, Gradient2, Vegas},
    ms,
    world::{Load, SERVICE, World},
};

const KNEE: u32 = 50;

fn each() -> [(&'static str, AdaptiveLimit); 3] {
    [
        ("aimd", Aimd::new().timeout(ms(12)).into()),
        ("vegas", Vegas::new().into()),
        ("gradient2", Gradient2::new().into()),
    ]
}

/// One that has found the knee, of a server whose callers wait for a second.
fn settled(seed: u64, limit: AdaptiveLimit) -> World {
    let mut world = World::new(seed, limit, KNEE)
        .callers(400)
        .timeout(1000 * MS);
    world.windows(200);
    assert!(world.limit() >= KNEE / 2);
    world
}

#[test]
fn in_an_outage_it_goes_down_to_the_floor_and_stays_there() {
    for floor in [1, 5] {
        for (name, limit) in each() {
            for seed in 1..=5 {
                let mut world = settled(seed, limit.clone().min(floor));
                world.hang();
                // The first window may be one of answers from before.
                world.windows(1);
                let limits = world.windows(150).to_vec();
                assert!(limits.is_sorted_by(|a, b| a >= b), "{name}: {limits:?}");
                let windows = limits.iter().position(|&limit| limit == floor);
                println!("{name}, floor {floor}, seed {seed}: {windows:?} windows");
                assert!(windows.unwrap() <= 100, "{name}: {limits:?}");
                assert_eq!(world.limit(), floor);
            }
        }
    }
}

#[test]
fn after_an_outage_it_grows_back() {
    for (name, limit) in each() {
        for seed in 1..=5 {
            let mut world = settled(seed, limit.clone());
            world.hang();
            world.windows(150);
            assert_eq!(world.limit(), 1);
            world.heal();
            let limits = world.windows(250);
            let windows = limits.iter().position(|&limit| limit >= KNEE * 4 / 5);
            println!("{name}, seed {seed}: back after {windows:?} windows");
            assert!(windows.unwrap() <= 100, "{name}: {limits:?}");
        }
    }
}

#[test]
fn while_nobody_calls_it_neither_grows_nor_shrinks() {
    for (name, limit) in each() {
        let mut world = settled(1, limit);
        world.change_load(Load::Callers(0));
        world.time(5000 * MS);
        let before = world.limit();
        assert!(world.time(3_600_000 * MS).is_empty(), "{name}");
        assert_eq!(world.limit(), before, "{name}");
    }
}

#[test]
fn with_one_call_in_flight_it_does_not_grow() {
    for (name, limit) in each() {
        for seed in 1..=5 {
            let mut world = World::new(seed, limit.clone(), KNEE).every(SERVICE);
            let limits = world.time(1_000_000 * MS);
            assert!(limits.len() > 300, "{name}: {}", limits.len());
            assert!(
                limits.iter().all(|&limit| limit <= 20),
                "{name}: {limits:?}"
            );
            if name != "aimd" {
                assert!(
                    limits.iter().all(|&limit| limit == 20),
                    "{name}: {limits:?}"
                );
            }
        }
    }
}

#[test]
fn what_a_call_that_was_cut_off_took_is_no_round_trip() {
    // Every call takes exactly one second: as even as can be, which is what makes limits grow.
    for (name, limit) in each() {
        let limit = limit.initial(40).min(2);
        let mut world = World::new(1, limit, KNEE).timeout(1000 * MS);
        world.hang();
        let mut world = world.callers(400);
        let limits = world.windows(100);
        assert!(limits.is_sorted_by(|a, b| a >= b), "{name}: {limits:?}");
        assert_eq!(limits[99], 2, "{name}");
    }
}

#[test]
fn where_calls_are_added_up_an_outage_of_few_calls_is_seen_too() {
    for (name, limit) in each() {
        let mut world = World::new(1, limit, KNEE)
            .look_every(10 * MS)
            .timeout(1000 * MS);
        world.hang();
        // One call in five seconds.
        let mut world = world.every(5000 * MS);
        world.time(500_000 * MS);
        assert_eq!(world.limit(), 1, "{name}: {:?}", world.limits);
    }
}

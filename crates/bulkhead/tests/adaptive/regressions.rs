//! Known defects elsewhere.

use steadfast_core::Ratio;

use crate::{
    adaptive::{AdaptiveLimit, Aimd, Gradient2, Vegas},
    answered, control,
    world::{SERVICE, World},
};

#[test]
fn tower_resilience_aimd_grows_while_idle() {
    let mut limit = control(Aimd::new());
    for _ in 0..10_000 {
        assert_eq!(limit.update(answered(10, 1), 0), 20);
    }
    assert_eq!(limit.update(answered(10, 10), 0), 21);
}

#[test]
fn tower_resilience_vegas_minimum_round_trip_only_falls() {
    // The dependency takes twice as long for a call, on as many workers: the knee is where it was.
    for seed in 1..=5 {
        for (name, limit) in [
            ("vegas", AdaptiveLimit::new(Vegas::new())),
            (
                "gradient2",
                Gradient2::new().tolerance(Ratio::percent(100)).into(),
            ),
        ] {
            let mut world = World::new(seed, limit, 50).callers(400);
            world.windows(300);
            world.service = 2 * SERVICE;
            world.windows(250);
            let limits = world.windows(100);
            let mean = f64::from(limits.iter().sum::<u32>()) / 100.0;
            println!("{name}, seed {seed}: {mean} of 50");
            assert!(
                (mean / 50.0 - 1.0).abs() <= 0.2,
                "{name}, seed {seed}: {mean}"
            );
        }
    }
}

#[test]
fn netflix_vegas_measures_the_base_under_load_and_creeps_up() {
    let mut world = World::new(1, Vegas::new(), 50).callers(400);
    world.windows(600);
    let limits = world.windows(600);
    let mean = f64::from(limits.iter().sum::<u32>()) / 600.0;
    assert!(mean <= 60.0, "{mean}");
}

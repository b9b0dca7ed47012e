//! The limits find the knee, and follow it.

use steadfast_core::Ratio;

use crate::{
    MS,
    adaptive::{AdaptiveLimit, Aimd, Gradient2, Vegas},
    ms, secs,
    world::{Load, SERVICE, World},
};

const SEEDS: [u64; 3] = [1, 2, 3];
/// Of the knee.
const TOLERANCE: f64 = 0.2;
/// A probe lasts two of them.
const STEADY: usize = 5;

/// What a limit came to in front of a server, and after half of its workers were gone.
#[derive(Debug)]
struct Found {
    before: f64,
    windows: usize,
    after: f64,
}

fn mean(limits: &[u32]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some hundred")]
    let windows = limits.len() as f64;
    limits.iter().copied().map(f64::from).sum::<f64>() / windows
}

/// After how many windows the limit stays for a while at or below this.
fn windows_until(limits: &[u32], most: f64) -> usize {
    let mut spans = limits.windows(STEADY);
    spans
        .position(|span| span.iter().all(|&limit| f64::from(limit) <= most))
        .expect("it does not follow")
}

/// The limit of each seed, in multiples of the knee.
#[track_caller]
fn find(name: &str, world: impl Fn(u64, u32) -> World, workers: u32, settle: usize) -> Vec<Found> {
    let knee = f64::from(workers);
    let find = |seed| {
        let mut world = world(seed, workers);
        world.windows(settle);
        let before = mean(world.windows(300)) / knee;
        world.workers = workers / 2;
        let limits = world.windows(200).to_vec();
        let windows = windows_until(&limits, (1.0 + TOLERANCE) * knee / 2.0);
        let after = mean(&limits[50..]) / (knee / 2.0);
        let found = Found {
            before,
            windows,
            after,
        };
        println!(
            "{name}, knee {workers}, seed {seed}: {before:.3} of the knee; halved: {windows} windows, {after:.3}"
        );
        found
    };
    SEEDS.into_iter().map(find).collect()
}

#[track_caller]
fn assert_within_a_fifth(found: &[Found]) {
    for found in found {
        assert!((found.before - 1.0).abs() <= TOLERANCE, "{found:?}");
        assert!((found.after - 1.0).abs() <= TOLERANCE, "{found:?}");
        assert!(found.windows <= 20, "{found:?}");
    }
}

fn aimd_with_a_timeout() -> Aimd {
    Aimd::new().timeout(ms(12))
}

fn tight_gradient() -> Gradient2 {
    Gradient2::new().tolerance(Ratio::percent(100))
}

#[test]
fn aimd_finds_the_knee_by_a_latency_of_a_fifth_more_than_at_rest() {
    let world = |seed, workers: u32| World::new(seed, aimd_with_a_timeout(), workers).callers(400);
    assert_within_a_fifth(&find("aimd by latency", world, 100, 300));
    assert_within_a_fifth(&find("aimd by latency", world, 50, 300));
}

#[test]
fn aimd_finds_the_knee_by_refusals_with_its_defaults() {
    let world = |seed, workers: u32| World::new(seed, Aimd::new(), workers).callers(400).room(2);
    assert_within_a_fifth(&find("aimd by refusals", world, 100, 300));
    assert_within_a_fifth(&find("aimd by refusals", world, 50, 300));
}

#[test]
fn vegas_finds_the_knee_with_its_defaults() {
    let world = |seed, workers: u32| World::new(seed, Vegas::new(), workers).callers(400);
    assert_within_a_fifth(&find("vegas", world, 100, 300));
    assert_within_a_fifth(&find("vegas", world, 60, 300));
}

#[test]
fn gradient2_finds_the_knee_with_a_tolerance_of_100_percent() {
    let world = |seed, workers: u32| World::new(seed, tight_gradient(), workers).callers(400);
    assert_within_a_fifth(&find("gradient2 tight", world, 100, 300));
    assert_within_a_fifth(&find("gradient2 tight", world, 80, 300));
}

#[test]
fn vegas_finds_a_low_knee_with_an_alpha_of_1_a_beta_of_2_and_windows_of_1000_calls() {
    let limit = || {
        AdaptiveLimit::new(Vegas::new().alpha(1).beta(2))
            .window_calls(1000)
            .max_window(secs(5))
    };
    let world = |seed, workers: u32| World::new(seed, limit(), workers).callers(400);
    assert_within_a_fifth(&find("vegas 1 to 2", world, 40, 300));
}

#[test]
fn gradient2_finds_a_low_knee_with_a_queue_of_2() {
    let limit = || {
        AdaptiveLimit::new(tight_gradient().queue_size(2))
            .window_calls(1000)
            .max_window(secs(5))
    };
    let world = |seed, workers: u32| World::new(seed, limit(), workers).callers(400);
    assert_within_a_fifth(&find("gradient2 with a queue of 2", world, 50, 300));
}

#[test]
fn gradient2_rests_at_one_and_a_half_knees_and_4_with_its_defaults() {
    for seed in SEEDS {
        let mut world = World::new(seed, Gradient2::new(), 50).callers(400);
        world.windows(300);
        let before = mean(world.windows(300));
        world.workers = 25;
        let limits = world.windows(300);
        let windows = windows_until(limits, (1.0 + TOLERANCE) * 41.5);
        let after = mean(&limits[150..]);
        println!(
            "gradient2, knee 50, seed {seed}: {before:.1}; halved: {windows} windows, {after:.1}"
        );
        assert!((before / 79.0 - 1.0).abs() < 0.1, "{before}");
        assert!((after / 41.5 - 1.0).abs() < 0.1, "{after}");
        assert!(windows <= 150, "{windows}");
    }
}

#[test]
fn each_finds_the_knee_when_half_as_many_calls_more_come_than_can_be_served() {
    let limits: [AdaptiveLimit; 3] = [
        aimd_with_a_timeout().into(),
        Vegas::new().into(),
        tight_gradient().into(),
    ];
    for limit in limits {
        // It stays the same when half of the workers are gone.
        let every = SERVICE * 2 / 3 / 80;
        let world = |seed, workers| World::new(seed, limit.clone(), workers).every(every);
        assert_within_a_fifth(&find("calls at random", world, 80, 300));
    }
}

#[test]
fn in_full_use_for_long_it_stays_where_it_is() {
    for seed in [1, 2] {
        let mut vegas = World::new(seed, Vegas::new(), 50).callers(400);
        let mut gradient = World::new(seed, tight_gradient(), 50).callers(400);
        for world in [&mut vegas, &mut gradient] {
            world.windows(1000);
            let limit = mean(world.windows(100)) / 50.0;
            assert!((limit - 1.0).abs() <= TOLERANCE, "{limit}");
        }
    }
}

#[test]
fn it_comes_down_from_four_times_the_knee() {
    for seed in SEEDS {
        for strategy in [
            AdaptiveLimit::new(aimd_with_a_timeout()),
            AdaptiveLimit::new(Vegas::new()),
            AdaptiveLimit::new(tight_gradient()),
        ] {
            let mut world = World::new(seed, strategy.initial(200), 50).callers(400);
            world.windows(300);
            let limit = mean(world.windows(100)) / 50.0;
            assert!((limit - 1.0).abs() <= TOLERANCE, "{limit}");
        }
    }
}

#[test]
fn measuring_costs_less_than_a_twentieth_of_what_could_be_served() {
    for seed in [1, 2] {
        for limit in [
            AdaptiveLimit::new(Vegas::new()),
            AdaptiveLimit::new(tight_gradient()),
            AdaptiveLimit::new(Gradient2::new()),
        ] {
            let mut world = World::new(seed, limit, 50).callers(400);
            world.windows(300);
            let before = world.served;
            world.time(100 * SERVICE * 50);
            let served = world.served - before;
            println!("seed {seed}: served {served} of {}", 100 * 50 * 50);
            assert!(served >= 100 * 50 * 50 * 95 / 100, "{served}");
        }
    }
}

#[test]
fn calls_may_be_added_up_for_a_tenth_of_a_window() {
    for limit in [AdaptiveLimit::new(Vegas::new()), tight_gradient().into()] {
        let world = |seed, workers: u32| {
            let world = World::new(seed, limit.clone(), workers);
            world.look_every(10 * MS).callers(400)
        };
        assert_within_a_fifth(&find("added up", world, 80, 200));
    }
}

#[test]
fn calls_that_take_a_second_are_as_good_as_calls_that_take_ten_milliseconds() {
    let aimd = Aimd::new().timeout(ms(1200));
    for limit in [
        AdaptiveLimit::new(aimd),
        AdaptiveLimit::new(Vegas::new()),
        AdaptiveLimit::new(tight_gradient()),
    ] {
        for seed in SEEDS {
            let mut world = World::new(seed, limit.clone(), 50);
            world.service = 1000 * MS;
            let mut world = world.callers(400);
            world.windows(300);
            let limit = mean(world.windows(300)) / 50.0;
            assert!((limit - 1.0).abs() <= TOLERANCE, "{limit}");
        }
    }
}

#[test]
fn gradient2_finds_a_high_knee_with_a_queue_of_20() {
    let limit = || AdaptiveLimit::new(tight_gradient().queue_size(20)).initial(200);
    let world = |seed, workers: u32| World::new(seed, limit(), workers).callers(1000);
    assert_within_a_fifth(&find("gradient2 with a queue of 20", world, 400, 100));
}

//! The engine against a store that fails, loses answers and is slow, and callers that crash: how often the effect of
//! a key happens.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::{Either, select};
use proptest::prelude::*;
use steadfast_idempotency::{Handled, State, StoreErrorKind};

use support::{Act, Fault, Rig, claim, id, ms, secs};

#[derive(Clone, Copy, Debug)]
enum Ends {
    Applied,
    NotApplied,
    /// With its effect, or without.
    Unknown(bool),
}

#[derive(Clone, Debug)]
struct Call {
    /// After the one before.
    after: Duration,
    /// Before its effect, and after that.
    takes: (Duration, Duration),
    ends: Ends,
    /// When its caller crashes.
    crash: Option<Duration>,
    process: usize,
}

fn millis(most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), (0..most).prop_map(ms)]
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let ends = prop_oneof![
        4 => Just(Ends::Applied),
        1 => Just(Ends::NotApplied),
        1 => any::<bool>().prop_map(Ends::Unknown),
    ];
    let crash = proptest::option::weighted(0.3, millis(4_000));
    let call = (
        millis(2_000),
        (millis(3_000), millis(3_000)),
        ends,
        crash,
        0..3_usize,
    );
    let call = call.prop_map(|(after, takes, ends, crash, process)| Call {
        after,
        takes,
        ends,
        crash,
        process,
    });
    proptest::collection::vec(call, 1..12)
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => Just(Fault::None),
        1 => Just(Fault::Fails(StoreErrorKind::Unavailable)),
        2 => Just(Fault::Loses),
        1 => millis(1_500).prop_map(Fault::Slow),
        1 => millis(1_500).prop_map(Fault::SlowAnswer),
        1 => Just(Fault::Hangs),
    ]
}

fn faults() -> impl Strategy<Value = Vec<(Act, Fault)>> {
    let act = prop_oneof![Just(Act::Claim), Just(Act::Renew), Just(Act::Finish)];
    proptest::collection::vec((act, fault()), 0..30)
}

#[derive(Default)]
struct World {
    effects: Vec<usize>,
    answers: Vec<(usize, String, bool)>,
}

/// What happened, and how the record stands in the end. The lease is a second.
fn run(
    seed: u64,
    retakes: bool,
    waits: bool,
    calls: &[Call],
    faults: &[(Act, Fault)],
) -> (World, Option<State>) {
    let rig = Rig::seeded(seed);
    for (act, fault) in faults {
        rig.store.next(*act, *fault);
    }
    let processes: Vec<_> = (0..3)
        .map(|process| {
            let mut builder = rig.builder().lease(secs(1)).store_patience(ms(700));
            if retakes {
                builder = builder.retake();
            }
            if waits {
                builder = builder.wait_in_flight(secs(4));
            }
            // One of them has no background.
            if process == 0 {
                Err(builder.build().unwrap())
            } else {
                Ok(builder.spawn_on(rig.clock.clone()).build().unwrap())
            }
        })
        .collect();
    let world: Arc<Mutex<World>> = Arc::default();
    let mut start = Duration::ZERO;
    let mut tasks = Vec::new();
    for (number, call) in calls.iter().cloned().enumerate() {
        start += call.after;
        let (runtime, clock, world) = (rig.runtime.clone(), rig.clock.clone(), Arc::clone(&world));
        let process = match &processes[call.process] {
            Ok(detached) => Ok(claim(detached, "k")),
            Err(inline) => Err(claim(inline, "k")),
        };
        let delay = start;
        tasks.push(rig.runtime.spawn(async move {
            runtime.sleep(delay).await;
            let handler = |_ctx| {
                let (runtime, world) = (runtime.clone(), Arc::clone(&world));
                async move {
                    runtime.sleep(call.takes.0).await;
                    if matches!(call.ends, Ends::Applied | Ends::Unknown(true)) {
                        world.lock().unwrap().effects.push(number);
                    }
                    runtime.sleep(call.takes.1).await;
                    match call.ends {
                        Ends::Applied => Handled::Applied(number.to_string()),
                        Ends::NotApplied => Handled::NotApplied("not applied"),
                        Ends::Unknown(_) => Handled::Unknown("unknown"),
                    }
                }
            };
            let answer = async {
                match &process {
                    Ok(claim) => claim.run_inline_on(clock, handler).await,
                    Err(claim) => claim.run_inline_on(clock, handler).await,
                }
            };
            let crash = runtime.sleep(call.crash.unwrap_or(secs(3_600)));
            if let Either::Left((Ok(answer), _)) = select(std::pin::pin!(answer), crash).await {
                let mut world = world.lock().unwrap();
                world.answers.push((number, answer.value, answer.replayed));
            }
        }));
    }
    rig.pass(start + secs(30));
    rig.store.mend();
    rig.pass(secs(60));
    drop(tasks);
    let world = std::mem::take(&mut *world.lock().unwrap());
    (world, rig.store.state(&id("k")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn in_block_mode_the_effect_happens_at_most_once(
        seed: u64, waits: bool, calls in calls(), faults in faults()
    ) {
        let (world, state) = run(seed, false, waits, &calls, &faults);
        prop_assert!(world.effects.len() <= 1, "effects of {:?}", world.effects);
        for (number, value, replayed) in &world.answers {
            prop_assert_eq!(value, &world.effects[0].to_string());
            prop_assert_eq!(*replayed, *number != world.effects[0]);
        }
        if !world.effects.is_empty() {
            prop_assert!(state != Some(State::Released) && state.is_some());
        }
    }

    #[test]
    fn in_retake_mode_who_has_a_result_has_had_the_effect(
        seed: u64, waits: bool, calls in calls(), faults in faults()
    ) {
        let (world, state) = run(seed, true, waits, &calls, &faults);
        for (_, value, _) in &world.answers {
            prop_assert!(world.effects.iter().any(|effect| effect.to_string() == *value));
        }
        if !world.answers.is_empty() {
            prop_assert!(!world.effects.is_empty());
        }
        if !world.effects.is_empty() {
            prop_assert!(state != Some(State::Released) && state.is_some());
        }
    }
}

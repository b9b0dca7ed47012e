//! Every short history over a small alphabet, from the beginning and from every state, on small breakers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may do as the tests do"
)]

mod small;
mod world;

use steadfast_circuit_breaker::State;
use steadfast_core::VirtualRuntime;

use self::{
    small::{ALPHABET, BIT, End, Event, OPEN, Small},
    world::World,
};

/// Plays a history on a new breaker; whether the last event can happen there.
fn play(small: Small, history: &[Event]) -> bool {
    let breaker = small.build();
    let runtime = VirtualRuntime::new(history.len() as u64);
    let mut world = World::new(small, &breaker, &runtime);
    for event in history {
        if !world.happens(*event) {
            return false;
        }
    }
    world.check();
    true
}

/// Plays all histories that begin so and go on for up to so many events; how many there are.
fn explore(small: Small, history: &mut Vec<Event>, events: usize) -> u64 {
    let mut histories = 0;
    for event in ALPHABET {
        history.push(event);
        if play(small, history) {
            histories += 1;
            if events > 1 {
                histories += explore(small, history, events - 1);
            }
        }
        history.pop();
    }
    histories
}

/// From the beginning, and from open, half-open and closed again with late calls under way. `failures`
/// open it, `successes` close it.
fn explore_all(small: Small, failures: usize, successes: usize) {
    let trip = vec![Event::Call(End::Bad); failures];
    let open = [vec![Event::Begin], trip, vec![Event::Begin]].concat();
    let half_open = [
        open.clone(),
        vec![Event::Pass(OPEN), Event::Begin, Event::Pass(BIT)],
    ]
    .concat();
    let probes = vec![Event::Call(End::Good); successes];
    let closed = [open.clone(), vec![Event::Pass(OPEN)], probes].concat();
    let back = if small.ramps {
        State::Ramping
    } else {
        State::Closed
    };
    for (mut from, state, events) in [
        (Vec::new(), State::Closed, 5),
        (open, State::Open, 4),
        (half_open, State::HalfOpen, 4),
        (closed, back, 4),
    ] {
        let breaker = small.build();
        let runtime = VirtualRuntime::new(0);
        let mut world = World::new(small, &breaker, &runtime);
        assert!(from.iter().all(|event| world.happens(*event)));
        assert_eq!(breaker.state(), state, "{small:?} {from:?}");
        let histories = explore(small, &mut from, events);
        assert!(histories > 5_000, "only {histories} histories");
    }
}

#[test]
fn a_window_of_two_calls_and_one_probe() {
    let small = Small {
        rate: Some((2, 2, (1, 2))),
        ..Small::PLAIN
    };
    explore_all(small, 2, 1);
}

#[test]
fn a_window_of_three_calls_and_two_probes() {
    let small = Small {
        rate: Some((3, 2, (2, 3))),
        probes: 2,
        ..Small::PLAIN
    };
    explore_all(small, 2, 2);
}

#[test]
fn a_window_of_four_calls_and_three_probes_that_may_be_slow() {
    let small = Small {
        rate: Some((4, 3, (2, 4))),
        slow: Some((1, 2)),
        probes: 3,
        ..Small::PLAIN
    };
    explore_all(small, 3, 3);
}

#[test]
fn a_window_of_two_calls_that_all_fail_and_a_ramp() {
    let small = Small {
        rate: Some((2, 1, (1, 1))),
        probes: 2,
        ramps: true,
        ..Small::PLAIN
    };
    explore_all(small, 1, 2);
}

#[test]
fn failures_in_a_row_and_two_probes() {
    let small = Small {
        consecutive: Some(2),
        probes: 2,
        ..Small::PLAIN
    };
    explore_all(small, 2, 2);
}

#[test]
fn every_rule_at_once_and_a_ramp() {
    let small = Small {
        rate: Some((4, 4, (3, 4))),
        slow: Some((3, 4)),
        consecutive: Some(2),
        probes: 3,
        ramps: true,
    };
    explore_all(small, 2, 3);
}

//! What happens to a limit, at random.

use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Bucket,
    Sliding,
    Fixed,
}

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) shape: Shape,
    pub(crate) n: u32,
    /// In nanoseconds, few of them, so that turns are near each other.
    pub(crate) per: u64,
    pub(crate) burst: u32,
    pub(crate) max_wait: u64,
    pub(crate) max_waiting: u32,
}

/// Numbers of calls count those that wait, and go round.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A call that is polled at once, with a time limit of its own or none.
    Arrive {
        cost: u32,
        timeout: Option<u64>,
    },
    TryAcquire(u32),
    Poll(usize),
    PollWoken,
    Cancel(usize),
    Pass(u64),
}

pub(crate) fn setup(shape: Shape) -> impl Strategy<Value = Setup> {
    let numbers = (1..=7_u32, 5..=40_u64, 1..=6_u32, 0..=60_u64, 1..=6_u32);
    numbers.prop_map(move |(n, per, burst, max_wait, max_waiting)| Setup {
        shape,
        n: n.min(per as u32),
        per,
        burst: if shape == Shape::Bucket {
            burst
        } else {
            n.min(per as u32)
        },
        max_wait,
        max_waiting,
    })
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let number = 0..10_usize;
    let step = prop_oneof![
        10 => (0..=4_u32, prop::option::weighted(0.2, 0..60_u64))
            .prop_map(|(cost, timeout)| Step::Arrive { cost, timeout }),
        2 => (0..=4_u32).prop_map(Step::TryAcquire),
        2 => number.clone().prop_map(Step::Poll),
        5 => Just(Step::PollWoken),
        3 => number.prop_map(Step::Cancel),
        5 => (0..12_u64).prop_map(Step::Pass),
        1 => (0..200_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..most)
}

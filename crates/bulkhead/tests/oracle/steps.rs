//! What happens to a bulkhead, at random.

use proptest::prelude::*;
use steadfast_bulkhead::Order;

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) limit: u32,
    pub(crate) max_waiting: u32,
    pub(crate) max_wait: u64,
    pub(crate) order: Order,
}

/// Numbers of calls count those that are there, and go round.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A call that is polled at once, with a time limit of its own or none.
    Arrive {
        cost: u32,
        priority: u8,
        timeout: Option<u64>,
    },
    /// Woken or not.
    Poll(usize),
    PollWoken,
    /// Ends a call that runs.
    End(usize),
    Cancel(usize),
    Resize(u32),
    Pass(u64),
    TryAcquire(u32),
}

pub(crate) fn setup(order: Order) -> impl Strategy<Value = Setup> {
    // For CoDel there have to be enough who wait for long enough.
    let (waiting, waits) = match order {
        Order::Codel { .. } => (4..=12_u32, 20..=80_u64),
        _ => (0..=4, 1..=20),
    };
    let numbers = (1..=5_u32, waiting, waits);
    numbers.prop_map(move |(limit, max_waiting, max_wait)| Setup {
        limit,
        max_waiting,
        max_wait,
        order,
    })
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..20_usize;
    prop_oneof![
        10 => (0..=4_u32, 0..3_u8, prop::option::weighted(0.3, 0..30_u64)).prop_map(
            |(cost, priority, timeout)| Step::Arrive { cost, priority, timeout }
        ),
        2 => number.clone().prop_map(Step::Poll),
        4 => Just(Step::PollWoken),
        6 => number.clone().prop_map(Step::End),
        3 => number.prop_map(Step::Cancel),
        2 => (1..=6_u32).prop_map(Step::Resize),
        3 => (0..12_u64).prop_map(Step::Pass),
        1 => (0..=3_u32).prop_map(Step::TryAcquire),
    ]
}

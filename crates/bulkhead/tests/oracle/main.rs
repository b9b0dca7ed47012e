//! The bulkhead decides as a naive one does, which keeps every call in a list and looks through it each time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "../stories/common.rs"]
#[allow(dead_code, reason = "the stories use all of it")]
mod common;
mod naive;
mod replay;
mod steps;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use steadfast_bulkhead::Order;

use self::{
    common::ms,
    replay::{Reached, replay},
    steps::{setup, steps},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_bulkhead_in_order_of_arrival_decides_as_the_list_does(
        setup in setup(Order::Fifo),
        steps in steps(60),
    ) {
        replay(&setup, &steps)?;
    }

    #[test]
    fn a_bulkhead_of_the_newest_first_decides_as_the_list_does(
        setup in setup(Order::Lifo),
        steps in steps(60),
    ) {
        replay(&setup, &steps)?;
    }

    #[test]
    fn a_bulkhead_by_priority_decides_as_the_list_does(
        setup in setup(Order::Priority),
        steps in steps(60),
    ) {
        replay(&setup, &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_bulkhead_under_overload_decides_as_the_rfc_says(
        setup in setup(OVERLOAD),
        steps in steps(200),
    ) {
        replay(&setup, &steps)?;
    }
}

/// CoDel in a hurry.
const OVERLOAD: Order = Order::Codel {
    target: ms(3),
    interval: ms(10),
};

/// Without this the properties might hold because nothing ever happens.
#[test]
fn the_histories_reach_waits_turns_and_refusals_of_every_kind() {
    for order in [Order::Fifo, Order::Lifo, Order::Priority, OVERLOAD] {
        let mut runner = TestRunner::deterministic();
        let mut all = Reached::default();
        for _ in 0..500 {
            let histories = (
                setup(order),
                steps(if order == OVERLOAD { 200 } else { 60 }),
            );
            let (setup, steps) = histories.new_tree(&mut runner).unwrap().current();
            all += replay(&setup, &steps).unwrap();
        }
        let enough = [
            ("ran at once", all.at_once),
            ("had their turn", all.turns),
            ("were refused at once", all.refused),
            ("waited in vain", all.waited_in_vain),
            ("passed a turn on", all.passed_on),
            ("were given up", all.given_up),
        ];
        for (what, times) in enough {
            assert!(times > 30, "{order:?}: only {times} {what}");
        }
    }
}

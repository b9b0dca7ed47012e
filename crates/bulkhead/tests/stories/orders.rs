//! In which order turns come.

use crate::common::{Held, Rig, cost, one, poll_woken, priority, with_queue};

/// Ends one call after another; in which order the others, by their numbers, had their turn.
fn order_of_turns(first: Held, mut calls: Vec<Held>) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..calls.len()).collect();
    let mut order = Vec::new();
    let mut running = first;
    while !calls.is_empty() {
        running.end(Ok(()));
        let woken = poll_woken(&mut calls);
        assert_eq!(woken.len(), 1);
        running = calls.remove(woken[0]);
        order.push(numbers.remove(woken[0]));
    }
    running.end(Ok(()));
    order
}

#[test]
fn the_last_to_come_is_the_first_of_a_lifo() {
    let rig = Rig::new(one().lifo());
    let first = rig.start();
    let calls = (0..4).map(|_| rig.waiter()).collect();
    assert_eq!(order_of_turns(first, calls), [3, 2, 1, 0]);
}

#[test]
fn who_matters_more_comes_first_and_of_equals_who_has_waited_longer() {
    let rig = Rig::new(one().by_priority());
    let first = rig.start();
    let priorities = [1, 5, 0, 5, 255, 1];
    let calls = priorities.map(|each| rig.waiter_with(priority(each)));
    assert_eq!(order_of_turns(first, calls.into()), [4, 1, 3, 0, 5, 2]);
}

#[test]
fn priorities_count_in_no_other_order() {
    for (settings, order) in [(one(), [0, 1, 2]), (one().lifo(), [2, 1, 0])] {
        let rig = Rig::new(settings);
        let first = rig.start();
        let calls = [9, 1, 5].map(|each| rig.waiter_with(priority(each)));
        assert_eq!(order_of_turns(first, calls.into()), order);
    }
}

#[test]
fn a_full_queue_gives_up_the_last_of_the_least_for_one_that_matters_more() {
    let rig = Rig::new(one().by_priority().max_waiting(3));
    let first = rig.start();
    let kept = rig.waiter_with(priority(1));
    let given_up = rig.waiter_with(priority(1));
    let high = rig.waiter_with(priority(3));
    assert_eq!(
        rig.refused(priority(1)),
        (1, 3),
        "it matters no more than they do"
    );
    let higher = rig.waiter_with(priority(2));
    assert!(given_up.is_woken() && !kept.is_woken());
    assert_eq!(given_up.refusal(), (1, 3));
    assert_eq!(order_of_turns(first, vec![kept, high, higher]), [1, 2, 0]);
}

#[test]
fn a_full_queue_of_another_order_gives_nobody_up() {
    for settings in [
        one(),
        one().lifo(),
        one().order(steadfast_bulkhead::Order::CODEL),
    ] {
        let rig = Rig::new(settings.max_waiting(1));
        let _first = rig.start();
        let low = rig.waiter_with(priority(0));
        assert_eq!(rig.refused(priority(255)), (1, 1));
        assert!(!low.is_woken());
    }
}

#[test]
fn who_was_given_up_and_is_cancelled_gives_nothing_back() {
    let rig = Rig::new(one().by_priority().max_waiting(1));
    let first = rig.start();
    let low = rig.waiter_with(priority(0));
    let _high = rig.waiter_with(priority(1));
    drop(low);
    assert_eq!(rig.counts(), (1, 1));
    first.end(Ok(()));
    assert_eq!(rig.counts(), (1, 0));
}

#[test]
fn who_comes_first_and_fits_passes_one_that_does_not() {
    for settings in [with_queue(3).by_priority(), with_queue(3).lifo()] {
        let rig = Rig::new(settings);
        let two = rig.start_with(cost(2));
        let mut heavy = rig.waiter_with(cost(2).priority(steadfast_core::Priority(1)));
        let light = rig.start_with(priority(2));
        assert!(light.runs(), "there is room for it, and it is the first");
        assert_eq!(light.wakes(), 0);
        assert_eq!(rig.counts(), (3, 1));
        two.end(Ok(()));
        assert!(heavy.poll().is_pending() && heavy.runs());
    }
}

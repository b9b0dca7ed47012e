//! The limit changes while calls run.

use steadfast_core::CallOptions;

use crate::common::{Held, Rig, cost, one, poll_woken, priority, with_queue};

#[test]
fn upwards_as_many_have_their_turn_as_fit() {
    let rig = Rig::new(one());
    let _running = rig.start();
    let mut calls: Vec<Held> = (0..5).map(|_| rig.waiter()).collect();
    rig.bulkhead.resize(4).unwrap();
    assert_eq!(rig.bulkhead.limit(), 4);
    assert_eq!(poll_woken(&mut calls), [0, 1, 2]);
    assert_eq!(rig.counts(), (4, 2));
    rig.bulkhead.resize(100).unwrap();
    assert_eq!(poll_woken(&mut calls), [3, 4]);
    assert_eq!(rig.counts(), (6, 0));
    let more = rig.start();
    assert_eq!(rig.counts(), (7, 0));
    drop(more);
}

#[test]
fn downwards_permits_are_retired_as_they_come_back() {
    let rig = Rig::new(with_queue(4));
    let mut running: Vec<Held> = (0..4).map(|_| rig.start()).collect();
    rig.bulkhead.resize(2).unwrap();
    assert_eq!((rig.bulkhead.limit(), rig.counts()), (2, (4, 0)));
    let mut calls = vec![rig.waiter()];
    for in_flight in [3, 2] {
        running.pop().unwrap().end(Ok(()));
        assert_eq!(poll_woken(&mut calls), []);
        assert_eq!(rig.counts(), (in_flight, 1));
    }
    running.pop().unwrap().end(Ok(()));
    assert_eq!(poll_woken(&mut calls), [0]);
    assert_eq!(rig.counts(), (2, 0));
}

#[test]
fn downwards_and_upwards_again_nothing_is_lost() {
    let rig = Rig::new(with_queue(3));
    let running: Vec<Held> = (0..3).map(|_| rig.start()).collect();
    let mut calls = vec![rig.waiter()];
    rig.bulkhead.resize(1).unwrap();
    rig.bulkhead.resize(3).unwrap();
    assert_eq!(poll_woken(&mut calls), []);
    assert_eq!(rig.counts(), (3, 1));
    rig.bulkhead.resize(4).unwrap();
    assert_eq!(poll_woken(&mut calls), [0]);
    drop(running);
    assert_eq!(rig.counts(), (1, 0));
}

#[test]
fn who_needs_more_than_the_new_limit_is_refused_and_nobody_else() {
    let rig = Rig::new(with_queue(4));
    let running = rig.start_with(cost(4));
    let heavy = rig.waiter_with(cost(3));
    let mut fits = vec![rig.waiter_with(cost(2)), rig.waiter()];
    rig.bulkhead.resize(2).unwrap();
    assert!(heavy.is_woken());
    assert_eq!(heavy.refusal(), (4, 2));
    assert_eq!(poll_woken(&mut fits), []);
    running.end(Ok(()));
    assert_eq!(poll_woken(&mut fits), [0]);
    rig.bulkhead.resize(1).unwrap();
    assert_eq!(rig.counts(), (2, 1), "who fits waits on");
}

#[test]
fn a_light_queue_is_not_shed_after_a_heavy_one() {
    let rig = Rig::new(with_queue(4));
    let running = rig.start_with(cost(4));
    drop(rig.waiter_with(cost(4)));
    let mut light = vec![rig.waiter(), rig.waiter()];
    for limit in [3, 1, 2] {
        rig.bulkhead.resize(limit).unwrap();
        assert_eq!(rig.counts(), (4, 2));
    }
    running.end(Ok(()));
    assert_eq!(poll_woken(&mut light), [0, 1]);
}

#[test]
fn it_leaves_a_full_queue_full_and_an_empty_one_empty() {
    let rig = Rig::new(one().max_waiting(1));
    let running = rig.start();
    let _waits = rig.waiter();
    rig.bulkhead.resize(1).unwrap();
    assert_eq!(rig.refused(CallOptions::new()), (1, 1));
    rig.bulkhead.resize(2).unwrap();
    let _third = rig.waiter();
    running.end(Ok(()));
    assert_eq!(rig.counts(), (2, 0));

    let none = Rig::new(steadfast_bulkhead::Bulkhead::max_concurrent(1));
    none.bulkhead.resize(2).unwrap();
    let _two = (none.start(), none.start());
    assert_eq!(none.refused(CallOptions::new()), (2, 0));
}

#[test]
fn a_heavy_one_that_comes_after_another_is_shed() {
    let rig = Rig::new(with_queue(5).by_priority());
    let _running = rig.start_with(cost(5));
    let light = rig.waiter_with(priority(1));
    let heavy = rig.waiter_with(cost(5));
    rig.bulkhead.resize(4).unwrap();
    assert!(heavy.is_woken() && !light.is_woken());
}

#[test]
fn a_limit_that_is_none_is_refused_and_nothing_changes() {
    let rig = Rig::new(one());
    for (limit, allowed) in [(0, "1 to 2147483647"), (1 << 31, "1 to 2147483647")] {
        let error = rig.bulkhead.resize(limit).unwrap_err();
        let (field, value) = (error.field(), error.value());
        assert_eq!((field, value), ("limit", limit.to_string().as_str()));
        assert_eq!(error.allowed(), allowed);
    }
    assert_eq!(rig.bulkhead.limit(), 1);
    rig.bulkhead.resize((1 << 31) - 1).unwrap();
    assert_eq!(rig.bulkhead.limit(), (1 << 31) - 1);
    let _whole = rig.start_with(cost((1 << 31) - 1));
    assert_eq!(rig.refused(cost(1).deadline(rig.now())), ((1 << 31) - 1, 0));
}

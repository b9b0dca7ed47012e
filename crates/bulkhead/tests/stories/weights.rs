//! Calls that take several permits, or none.

use std::task::Poll;

use crate::common::{Rig, cost, one, poll_woken, with_queue};

#[test]
fn a_call_takes_as_many_permits_as_it_costs_and_gives_them_back() {
    let rig = Rig::new(with_queue(10));
    let heavy = rig.start_with(cost(7));
    assert_eq!(rig.counts(), (7, 0));
    let light = rig.start_with(cost(3));
    assert_eq!(rig.counts(), (10, 0));
    heavy.end(Ok(()));
    assert_eq!(rig.counts(), (3, 0));
    light.end(Err("down"));
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_call_that_costs_nothing_passes_and_takes_nothing() {
    let rig = Rig::new(one().max_waiting(1));
    let _running = rig.start();
    let _waits = rig.waiter();
    let free = rig.start_with(cost(0));
    assert!(free.runs());
    assert_eq!(rig.counts(), (1, 1));
    free.end(Ok(()));
    assert_eq!(rig.counts(), (1, 1));
    let permit = rig.bulkhead.try_acquire(&rig.runtime, 0).unwrap();
    assert_eq!(permit.cost(), 0);
    drop(permit);
    assert_eq!(rig.counts(), (1, 1));
}

#[test]
fn a_heavy_call_waits_until_there_is_room_for_all_of_it_and_light_ones_wait_behind() {
    let rig = Rig::new(with_queue(4));
    let calls: Vec<_> = (0..4).map(|_| rig.start()).collect();
    let mut heavy = rig.waiter_with(cost(3));
    let mut light = vec![rig.waiter(), rig.waiter()];
    let mut calls = calls.into_iter();
    for _ in 0..2 {
        calls.next().unwrap().end(Ok(()));
        assert!(!heavy.is_woken());
        assert_eq!(poll_woken(&mut light), []);
    }
    assert_eq!(rig.counts(), (2, 3));
    calls.next().unwrap().end(Ok(()));
    assert!(heavy.is_woken());
    assert_eq!(heavy.poll(), Poll::Pending);
    assert!(heavy.runs());
    assert_eq!(rig.counts(), (4, 2));
    calls.next().unwrap().end(Ok(()));
    assert_eq!(poll_woken(&mut light), [0]);
}

#[test]
fn a_call_of_the_whole_limit_runs_alone() {
    let rig = Rig::new(with_queue(5));
    let whole = rig.start_with(cost(5));
    let mut light = vec![rig.waiter()];
    whole.end(Ok(()));
    assert_eq!(poll_woken(&mut light), [0]);
}

//! Permits by hand.

use std::task::Poll;

use steadfast_core::{Event, Observed, VirtualRuntime};

use crate::common::{Rig, counts, one, with_queue};

#[test]
fn a_permit_by_hand_counts_as_a_call() {
    let rig = Rig::new(with_queue(3));
    let permit = rig.bulkhead.try_acquire(&rig.runtime, 2).unwrap();
    assert_eq!((permit.cost(), rig.counts()), (2, (2, 0)));
    let running = rig.start();
    let refused = rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap_err();
    assert_eq!(counts(&refused), (3, 0));
    drop(permit);
    assert_eq!(rig.counts(), (1, 0));
    running.end(Ok(()));
}

#[test]
fn an_owned_permit_goes_with_a_task() {
    let rig = Rig::new(one());
    let permit = rig.bulkhead.try_acquire_owned(rig.runtime.clone(), 1);
    let permit = permit.unwrap();
    assert_eq!(permit.cost(), 1);
    let mut waits = rig.waiter();
    let clock = rig.runtime.clone();
    let task = rig.runtime.spawn(async move {
        let _permit = permit;
        clock.sleep(crate::common::ms(5)).await;
    });
    assert!(
        rig.bulkhead
            .try_acquire_owned(rig.runtime.clone(), 1)
            .is_err()
    );
    rig.runtime.block_on(task);
    assert_eq!(waits.poll(), Poll::Pending);
    assert!(waits.runs());
}

#[test]
fn by_hand_nobody_waits_and_nobody_overtakes() {
    let rig = Rig::new(one());
    let first = rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap();
    let waits = rig.waiter();
    let refused = rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap_err();
    assert_eq!(counts(&refused), (1, 1));
    drop(first);
    assert!(waits.is_woken());
    assert!(rig.bulkhead.try_acquire(&rig.runtime, 1).is_err());
}

#[test]
fn a_refusal_by_hand_is_an_event_too() {
    let bulkhead = one().named("db").build().unwrap();
    let seen = std::cell::RefCell::new(Vec::new());
    let runtime = Observed::new(VirtualRuntime::new(1), |event: &Event<'_>| {
        seen.borrow_mut().push(event.policy().to_owned());
    });
    let _held = bulkhead.try_acquire(&runtime, 1).unwrap();
    assert!(bulkhead.try_acquire(&runtime, 1).is_err());
    assert_eq!(*seen.borrow(), ["db"]);
}

#[test]
fn a_permit_that_is_leaked_is_gone_and_a_resize_makes_up_for_it() {
    let rig = Rig::new(one());
    std::mem::forget(rig.bulkhead.try_acquire(&rig.runtime, 1).unwrap());
    assert_eq!(rig.counts(), (1, 0));
    rig.bulkhead.resize(2).unwrap();
    rig.start().end(Ok(()));
}

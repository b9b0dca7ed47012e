//! One for each key.

use steadfast_core::{Idle, Keyed};
use steadfast_rate_limit::{AdaptiveRate, RateLimit};

use crate::common::{GOOD, Rig, SECOND, THROTTLED, adaptive, ms, secs};

/// Whether it is idle, and whether it is dispensable.
fn asked(rig: &Rig) -> (bool, bool) {
    let now = rig.now();
    (rig.limit.is_idle_at(now), rig.limit.is_dispensable_at(now))
}

#[test]
fn a_fresh_one_has_learnt_nothing() {
    let rig = Rig::throttled(adaptive().named("search").burst(7));
    let fresh = rig.limit.fresh();
    assert_eq!(fresh.rate_per_second(), None);
    assert_eq!((fresh.name(), fresh.burst()), ("search", 7));
    assert!(!fresh.is_shared_with(&rig.limit));
    assert!(rig.limit.is_shared_with(&rig.limit.clone()));
}

#[test]
fn while_it_has_learnt_nothing_it_is_idle_between_calls() {
    let rig = Rig::new(adaptive());
    rig.pass(secs(100));
    assert_eq!(asked(&rig), (true, true));
    rig.one(GOOD);
    assert_eq!(asked(&rig), (false, false));
    rig.pass(ms(500));
    assert_eq!(asked(&rig), (true, false));
    let handle = rig.limit.clone();
    assert_eq!(asked(&rig), (false, false));
    drop(handle);
    rig.pass(secs(60));
    assert_eq!(asked(&rig), (true, true));
}

#[test]
fn what_it_has_learnt_is_dispensable_after_a_minute_without_a_call() {
    let rig = Rig::throttled(adaptive());
    rig.pass(secs(60));
    assert_eq!(asked(&rig), (false, false), "half a second is left");
    rig.pass(ms(500));
    assert_eq!(asked(&rig), (false, true));
}

#[test]
fn who_waits_keeps_it() {
    let slow = AdaptiveRate::new()
        .initial(1, secs(1000))
        .min(1, secs(1000));
    let rig = Rig::new(RateLimit::adaptive(slow).burst(1).wait(secs(3600)));
    rig.one(GOOD);
    let waiter = rig.start(GOOD, SECOND);
    rig.pass(secs(100));
    assert_eq!(asked(&rig), (false, false));
    drop(waiter);
    assert_eq!(asked(&rig), (false, true), "a unit is taken");
    rig.pass(secs(1000));
    assert_eq!(asked(&rig), (true, true), "as it was built");
}

#[test]
fn a_full_map_has_a_place_for_another_host_after_a_minute() {
    let rig = Rig::new(adaptive());
    let one = rig.limit.fresh();
    let hosts = Keyed::new(1, move |_host: &String| one.fresh()).unwrap();
    let first = hosts.get("a", &rig.runtime).unwrap();
    first.try_acquire(&rig.runtime, 1).unwrap();
    first.record(&rig.runtime, rig.now(), &THROTTLED.unwrap_err());
    drop(first);
    assert!(hosts.get("b", &rig.runtime).is_err());
    rig.pass(secs(61));
    assert!(hosts.get("b", &rig.runtime).is_ok());
}

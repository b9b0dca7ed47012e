//! Handles, and one limit for each key.

use std::{future::ready, task::Poll};

use steadfast_core::{CallOptions, Idle as _, Keyed, Pipeline};
use steadfast_rate_limit::RateLimit;

use crate::common::{Rig, ms, secs, tenth};

#[test]
fn clones_share_one_limit_and_a_fresh_one_is_another() {
    let rig = Rig::new(RateLimit::per_second(10).burst(3).named("search"));
    let (clone, fresh) = (rig.limit.clone(), rig.limit.fresh());
    rig.take(3);
    assert_eq!(clone.available(&rig.runtime), 0);
    assert_eq!(fresh.available(&rig.runtime), 3);
    assert!(clone.is_shared_with(&rig.limit) && !fresh.is_shared_with(&rig.limit));
    assert_eq!(fresh.name(), "search");
    rig.limit.set_burst(&rig.runtime, 7).unwrap();
    assert_eq!((clone.burst(), rig.limit.fresh().burst()), (7, 3));
}

#[test]
fn it_is_idle_when_nothing_is_lost() {
    for settings in [
        RateLimit::per_second(10).burst(2),
        RateLimit::new(2, ms(200)).sliding(),
        RateLimit::new(2, ms(200)).fixed(),
    ] {
        let rig = Rig::new(settings);
        assert!(rig.limit.is_idle_at(rig.now()));
        rig.take(1);
        assert!(!rig.limit.is_idle_at(rig.now() + ms(99)));
        assert!(rig.limit.is_idle_at(rig.now() + ms(200)));
        let clone = rig.limit.clone();
        assert!(!rig.limit.is_idle_at(rig.now() + ms(200)));
        drop(clone);
    }
}

#[test]
fn it_is_not_idle_with_another_rate_than_it_was_built_with() {
    let rig = Rig::new(RateLimit::per_second(10).burst(2));
    rig.limit.set_rate(&rig.runtime, 20, secs(1)).unwrap();
    assert!(!rig.limit.is_idle_at(rig.now()));
    rig.limit.set_rate(&rig.runtime, 10, secs(1)).unwrap();
    assert!(rig.limit.is_idle_at(rig.now()));
}

#[test]
fn it_is_idle_with_the_rate_that_it_was_built_with_whatever_it_had_in_between() {
    for settings in [
        RateLimit::per_second(2).burst(2),
        RateLimit::per_second(2).sliding(),
        RateLimit::per_second(2).fixed(),
    ] {
        let rig = Rig::new(settings);
        rig.limit.set_rate(&rig.runtime, 5, secs(1)).unwrap();
        let there = rig.available();
        rig.take(there);
        rig.limit.set_rate(&rig.runtime, 2, secs(1)).unwrap();
        assert!(!rig.limit.is_idle_at(rig.now()));
        assert!(rig.limit.is_idle_at(rig.now() + secs(1)));
    }
}

#[test]
fn it_is_not_idle_while_somebody_waits() {
    let rig = Rig::new(tenth());
    rig.take(1);
    let calls = Pipeline::on(rig.runtime.clone(), &rig.limit);
    let mut waits = rig.runtime.drive(calls.call(|| ready(Ok::<_, ()>(()))));
    assert!(waits.poll().is_pending());
    assert!(!rig.limit.is_idle_at(rig.now() + secs(50)));
    rig.pass(ms(100));
    assert_eq!(waits.poll(), Poll::Ready(Ok(())));
    assert!(rig.limit.is_idle_at(rig.now() + ms(100)));
}

#[test]
fn one_for_each_key_gives_way_only_when_it_is_full_again() {
    let rig = Rig::new(RateLimit::per_second(1).burst(1));
    let one = rig.limit.fresh();
    let tenants = Keyed::new(1, move |_: &String| one.fresh()).unwrap();
    let acme = tenants.get("acme", &rig.runtime).unwrap();
    acme.try_acquire(&rig.runtime, 1).unwrap();
    drop(acme);
    assert!(tenants.get("other", &rig.runtime).is_err());
    rig.pass(secs(1));
    assert!(tenants.get("other", &rig.runtime).is_ok());
    rig.runs(CallOptions::new());
}

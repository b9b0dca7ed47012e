//! One bulkhead per tenant.

use std::sync::Arc;

use steadfast_bulkhead::Bulkhead;
use steadfast_core::{Idle, Keyed, Pipeline, Runtime, VirtualRuntime};

use crate::common::{Answer, Rig, one};

#[test]
fn a_tenant_that_fills_its_own_delays_no_other() {
    let runtime = VirtualRuntime::new(1);
    let one = Bulkhead::max_concurrent(1).build().unwrap();
    let tenants = Keyed::new(10, move |_: &&str| one.fresh()).unwrap();
    let loud = tenants.get(&"loud", &runtime).unwrap();
    let _held = loud.try_acquire(&runtime, 1).unwrap();
    let call = |tenant| {
        let bulkhead = tenants.get(tenant, &runtime).unwrap();
        let calls = Pipeline::on(&runtime, &bulkhead);
        runtime.block_on(calls.call(|| std::future::ready(Answer::Ok(()))))
    };
    assert!(call(&"loud").unwrap_err().rejection().is_some());
    assert_eq!(call(&"quiet"), Ok(()));
}

#[test]
fn a_fresh_one_has_the_settings_and_nothing_else() {
    let rig = Rig::new(one().named("db"));
    let _running = rig.start();
    let _waits = rig.waiter();
    rig.bulkhead.resize(5).unwrap();
    let fresh = rig.bulkhead.fresh();
    assert!(!fresh.is_shared_with(&rig.bulkhead));
    assert!(rig.bulkhead.is_shared_with(&rig.bulkhead.clone()));
    assert_eq!((fresh.name(), fresh.limit()), ("db", 1));
    assert_eq!((fresh.in_flight(), fresh.waiting()), (0, 0));
}

#[test]
fn one_that_is_in_use_keeps_its_place() {
    let runtime = VirtualRuntime::new(1);
    let tenants = Keyed::new(1, |_: &&str| one().build().unwrap()).unwrap();
    let a = tenants.get(&"a", &runtime).unwrap();
    let permit = a.try_acquire_owned(runtime.clone(), 1).unwrap();
    drop(a);
    assert!(tenants.get(&"b", &runtime).is_err());
    drop(permit);
    let b = tenants.get(&"b", &runtime).unwrap();
    assert_eq!(Arc::strong_count(&b), 2, "the map has it, and the test");
}

#[test]
fn it_is_idle_when_nothing_is_lost_with_it() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = one().build().unwrap();
    let is_idle = || bulkhead.is_idle_at(runtime.now());
    assert!(is_idle());
    let permit = bulkhead.try_acquire(&runtime, 1).unwrap();
    assert!(!is_idle(), "in flight");
    let calls = Pipeline::on(runtime.clone(), &bulkhead);
    let mut waits = runtime.drive(calls.call(std::future::pending::<Answer>));
    assert!(waits.poll().is_pending());
    std::mem::forget(permit);
    assert!(!is_idle(), "somebody waits");
    drop(waits);

    let bulkhead = one().build().unwrap();
    let is_idle = || bulkhead.is_idle_at(runtime.now());
    let held = bulkhead.clone();
    assert!(!is_idle(), "somebody holds it");
    drop(held);
    assert!(is_idle());
    bulkhead.resize(7).unwrap();
    assert!(!is_idle(), "its limit was set by hand");
    bulkhead.resize(1).unwrap();
    assert!(is_idle());
}

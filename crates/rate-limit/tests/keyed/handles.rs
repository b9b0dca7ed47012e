//! The map as its users hold it, and one key of it as a policy.

use std::{cell::RefCell, future::ready, rc::Rc};

use static_assertions::{assert_impl_all, const_assert};
use steadfast_core::{Event, InvalidConfig, Pipeline, Runtime, VirtualRuntime};
use steadfast_rate_limit::{KeyRateLimit, KeyedRateLimit, Rate, RateLimit};

use crate::common::{ByName, by_name, ms};

assert_impl_all!(ByName: Send, Sync, Clone, std::fmt::Debug);
assert_impl_all!(Rate: Send, Sync, Copy, Eq, std::hash::Hash, std::fmt::Debug);
const_assert!(size_of::<KeyRateLimit<'static, u64>>() == 2 * size_of::<usize>());

#[test]
fn clones_share_the_keys_and_a_name_is_that_of_the_handle() {
    let runtime = VirtualRuntime::new(1);
    let limits = by_name(100);
    let named = limits.clone().named("per tenant");
    limits.try_acquire(&runtime, "a", 3).unwrap();
    let refused = named.try_acquire(&runtime, "a", 1).unwrap_err();
    let says = "per tenant has no permit left; try again after 100ms";
    assert_eq!(refused.to_string(), says);
    assert_eq!((limits.name(), named.name()), ("rate limit", "per tenant"));
    let built = RateLimit::per_second(1).named("search");
    assert_eq!(
        KeyedRateLimit::<u8>::new(1, built).unwrap().name(),
        "search"
    );
}

#[test]
fn what_cannot_work_cannot_be_built() {
    let says = |limits: Result<KeyedRateLimit<u8>, InvalidConfig>| limits.unwrap_err().to_string();
    let rate = || RateLimit::per_second(1);
    for (capacity, said) in [(0, "0"), (16_777_217, "16777217")] {
        let error = says(KeyedRateLimit::new(capacity, rate()));
        assert!(
            error.contains("capacity") && error.contains(said) && error.contains("1 to 16777216")
        );
    }
    assert!(says(KeyedRateLimit::new(1, rate().sliding())).contains("shape"));
    assert!(says(KeyedRateLimit::new(1, rate().wait(ms(1)))).contains("wait"));
    assert!(says(KeyedRateLimit::new(1, rate().burst(0))).contains("burst"));
    assert!(RateLimit::per_second(0).rate().is_err());
}

#[test]
fn one_key_is_a_policy_that_speaks_and_does_nothing_before_the_first_poll() {
    let runtime = VirtualRuntime::new(1);
    let events = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&events);
    let limits: KeyedRateLimit<String> =
        KeyedRateLimit::new(10, RateLimit::per_second(10).burst(1).named("per host")).unwrap();
    let key = limits.key("a.example");
    let calls = Pipeline::on(runtime.clone(), (key, limits.key("total")))
        .observe(move |event: &Event<'_>| log.borrow_mut().push(format!("{event:?}")));
    drop(calls.call(|| ready(Ok::<_, ()>(()))));
    assert!(limits.is_empty());
    assert!(
        runtime
            .block_on(calls.call(|| ready(Ok::<_, ()>(()))))
            .is_ok()
    );
    assert_eq!(limits.len(), 2);
    let refused = runtime.block_on(calls.call(|| -> std::future::Ready<Result<(), ()>> {
        panic!("a refused call is not started")
    }));
    let refused = *refused.unwrap_err().rejection().unwrap();
    assert_eq!(refused.retry_after(), Some(ms(100)));
    assert_eq!(refused.policy(), "per host");
    assert_eq!(events.borrow().len(), 1, "{events:?}");
    assert_eq!(limits.available_at("total", runtime.now()), 0);
    runtime.advance(ms(100));
    assert!(
        runtime
            .block_on(calls.call(|| ready(Ok::<_, ()>(()))))
            .is_ok()
    );
}

//! What can be built, and what it says when it cannot.

use std::time::Duration;

use steadfast_bulkhead::{Bulkhead, BulkheadBuilder, Order};

use crate::common::{ms, one, secs};

#[track_caller]
fn refuses(settings: BulkheadBuilder, message: &str) {
    assert_eq!(settings.build().unwrap_err().to_string(), message);
}

#[test]
fn zero_limits_cannot_be_built() {
    let allowed = "allowed: 1 to 2147483647";
    refuses(
        Bulkhead::max_concurrent(0),
        &format!("`max_concurrent` is 0; {allowed}"),
    );
    refuses(
        Bulkhead::max_concurrent(1 << 31),
        &format!("`max_concurrent` is 2147483648; {allowed}"),
    );
    assert!(Bulkhead::max_concurrent((1 << 31) - 1).build().is_ok());
}

#[test]
fn settings_out_of_range_cannot_be_built() {
    refuses(
        one().max_waiting(1_000_001),
        "`max_waiting` is 1000001; allowed: 0 to 1000000",
    );
    assert!(one().max_waiting(1_000_000).build().is_ok());
    refuses(
        one().max_wait(secs(86_400) + Duration::from_nanos(1)),
        "`max_wait` is 86400.000000001s; allowed: 0ns to 86400s",
    );
    assert!(one().max_wait(secs(86_400)).build().is_ok());
}

#[test]
fn a_target_is_at_most_its_interval_and_neither_is_nothing() {
    refuses(
        one().codel(ms(1), ms(1) - Duration::from_nanos(1)),
        "`interval` is 999.999µs; allowed: 1ms to 86400s",
    );
    refuses(
        one().codel(ms(1), secs(86_401)),
        "`interval` is 86401s; allowed: 1ms to 86400s",
    );
    refuses(
        one().codel(Duration::ZERO, ms(100)),
        "`target` is 0ns; allowed: 1ns to 100ms",
    );
    refuses(
        one().codel(ms(101), ms(100)),
        "`target` is 101ms; allowed: 1ns to 100ms",
    );
    assert!(one().codel(ms(1), ms(1)).build().is_ok());
    assert!(one().codel(secs(86_400), secs(86_400)).build().is_ok());
}

#[test]
fn the_usual_target_and_interval_are_those_of_the_paper() {
    let order = Order::Codel {
        target: ms(5),
        interval: ms(100),
    };
    assert_eq!(Order::CODEL, order);
    assert!(one().order(order).build().is_ok());
    assert_eq!(Order::default(), Order::Fifo);
}

#[test]
fn it_is_built_empty_and_with_its_name() {
    let bulkhead = one().build().unwrap();
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
    assert_eq!((bulkhead.limit(), bulkhead.name()), (1, "bulkhead"));
    assert_eq!(one().named("db").build().unwrap().name(), "db");
}

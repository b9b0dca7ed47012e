//! Rates that change and units that come back while calls wait and leave: nobody is forgotten or overtaken.

use std::{cell::RefCell, future::Future, future::ready, pin::Pin, rc::Rc, time::Duration};

use proptest::{prelude::*, test_runner::TestCaseError};
use steadfast_core::{CallOptions, Driven, Error, Pipeline, Runtime, VirtualRuntime};
use steadfast_rate_limit::RateLimit;

use crate::steps::{Setup, Shape};

#[derive(Clone, Debug)]
pub(crate) enum Order {
    Arrive(u32),
    Cancel(usize),
    Rate(u32, u64),
    Burst(u32),
    Refund(u32),
    Pass(u64),
    PollWoken,
}

pub(crate) fn orders() -> impl Strategy<Value = Vec<Order>> {
    let order = prop_oneof![
        8 => (1..=3_u32).prop_map(Order::Arrive),
        2 => (0..10_usize).prop_map(Order::Cancel),
        2 => (1..=9_u32, 9..=50_u64).prop_map(|(n, per)| Order::Rate(n, per)),
        1 => (1..=6_u32).prop_map(Order::Burst),
        1 => (1..=4_u32).prop_map(Order::Refund),
        4 => (0..20_u64).prop_map(Order::Pass),
        4 => Just(Order::PollWoken),
    ];
    prop::collection::vec(order, 1..80)
}

type Call = Driven<Pin<Box<dyn Future<Output = Result<(), Error<()>>>>>>;

pub(crate) fn drill(setup: &Setup, orders: &[Order]) -> Result<(), TestCaseError> {
    let nanos = Duration::from_nanos;
    let limit = RateLimit::new(setup.n, nanos(setup.per)).wait(nanos(setup.max_wait));
    let limit = match setup.shape {
        Shape::Bucket => limit.burst(setup.burst),
        Shape::Sliding => limit.sliding(),
        Shape::Fixed => limit.fixed(),
    };
    let limit = limit.build().unwrap();
    let runtime = VirtualRuntime::new(1);
    let ran = Rc::new(RefCell::new(Vec::new()));
    let mut calls: Vec<Call> = Vec::new();
    // In order, as each turn is polled before the next one comes.
    let poll_woken = |calls: &mut Vec<Call>| {
        calls.retain_mut(|call| !(call.is_woken() && call.poll().is_ready()));
    };
    for (number, order) in orders.iter().enumerate() {
        match *order {
            Order::Arrive(cost) => {
                let (ran, runtime_of) = (Rc::clone(&ran), runtime.clone());
                let pipeline = Pipeline::on(runtime_of, limit.clone());
                let mut call: Call = runtime.drive(Box::pin(async move {
                    let call = pipeline.call(move || {
                        ran.borrow_mut().push(number);
                        ready(Ok(()))
                    });
                    call.options(CallOptions::new().cost(cost)).await
                }));
                poll_woken(&mut calls);
                if call.poll().is_pending() {
                    calls.push(call);
                }
            }
            Order::Cancel(at) if !calls.is_empty() => {
                drop(calls.remove(at % calls.len()));
            }
            Order::Cancel(_) => {}
            Order::Rate(n, per) => {
                limit.set_rate(&runtime, n, nanos(per)).unwrap();
            }
            Order::Burst(units) => {
                let is_bucket = setup.shape == Shape::Bucket;
                prop_assert_eq!(limit.set_burst(&runtime, units).is_ok(), is_bucket);
            }
            Order::Refund(units) => limit.refund(&runtime, units),
            Order::Pass(length) => runtime.set_now(runtime.now() + nanos(length)),
            Order::PollWoken => poll_woken(&mut calls),
        }
        prop_assert!(limit.available(&runtime) <= limit.burst());
    }
    poll_woken(&mut calls);
    while !calls.is_empty() {
        prop_assert!(runtime.step(), "somebody waits for nothing");
        poll_woken(&mut calls);
    }
    prop_assert_eq!(limit.waiting(), 0);
    prop_assert_eq!(runtime.sleeps_waiting(), 0);
    prop_assert!(ran.borrow().is_sorted(), "{:?}", ran.borrow());
    // Whatever was taken is refilled, and no more than that.
    runtime.advance(Duration::from_secs(1));
    prop_assert_eq!(limit.available(&runtime), limit.burst());
    Ok(())
}

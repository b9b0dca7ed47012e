//! A timeout among others: in a stack, with a limit of the call, beside policies that wait or repeat.

mod common;

use std::{
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};

use common::{Answer, after, is_timed_out, ms};
use steadfast_core::{
    Attempt, CallOptions, Operation, Outcome, Pipeline, Policies, Policy, Runtime, VirtualRuntime,
};
use steadfast_timeout::Timeout;

#[test]
fn of_nested_timeouts_the_tightest_wins_and_speaks() {
    let runtime = VirtualRuntime::new(1);
    for (outer, inner, policy) in [(50, 100, "total"), (100, 50, "attempt"), (50, 50, "total")] {
        let stack = (
            Timeout::new(ms(outer)).named("total"),
            Timeout::new(ms(inner)).named("attempt"),
        );
        let calls = Pipeline::on(runtime.clone(), stack);
        let start = runtime.elapsed();
        let result = runtime.block_on(calls.call(pending::<Answer>));
        assert!(is_timed_out(&result, policy, ms(50)), "{result:?}");
        assert_eq!(runtime.elapsed() - start, ms(50));
    }
}

#[test]
fn where_an_outer_timer_ends_the_call_no_later_the_inner_one_arms_none() {
    let runtime = VirtualRuntime::new(1);
    let stack = (Timeout::new(ms(50)), Timeout::new(ms(100)));
    let calls = Pipeline::on(runtime.clone(), stack);
    let _ = runtime.block_on(calls.call(pending::<Answer>));
    assert_eq!(runtime.sleeps_started(), 1);
}

/// Tightens the deadline, and leaves it to others to keep it.
struct Tighten(Duration);

impl Policies for Tighten {}

impl<'p, O: Operation> Policy<'p, O> for Tighten {
    type Future = O::Future;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        let deadline = attempt.now() + self.0;
        attempt.tighten_deadline(deadline);
        operation.start(attempt)
    }
}

#[test]
fn a_deadline_that_nobody_holds_a_timer_for_gets_one() {
    let runtime = VirtualRuntime::new(1);
    let stack = (
        Timeout::new(ms(100)).named("total"),
        Tighten(ms(30)),
        Timeout::new(ms(50)).named("attempt"),
    );
    let calls = Pipeline::on(runtime.clone(), stack);
    let result = runtime.block_on(calls.call(pending::<Answer>));
    assert!(is_timed_out(&result, "attempt", ms(30)), "{result:?}");
}

#[test]
fn a_deadline_of_the_call_counts_when_it_is_tighter() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    for (deadline, policy, ends) in [(ms(30), "call", ms(30)), (ms(1000), "timeout", ms(100))] {
        let start = runtime.elapsed();
        let options = CallOptions::new().deadline(runtime.now() + deadline);
        let result = runtime.block_on(calls.call(pending::<Answer>).options(options));
        assert!(is_timed_out(&result, policy, ends), "{result:?}");
        assert_eq!(runtime.elapsed() - start, ends);
    }
}

#[test]
fn a_timeout_of_the_call_replaces_that_of_the_outermost_policy_only() {
    let runtime = VirtualRuntime::new(1);
    let stack = (
        Timeout::new(ms(100)).named("total"),
        Timeout::new(ms(80)).named("attempt"),
    );
    let calls = Pipeline::on(runtime.clone(), stack);
    for (own, policy, ends) in [(30, "call", 30), (5000, "attempt", 80)] {
        let options = CallOptions::new().timeout(ms(own));
        let result = runtime.block_on(calls.call(pending::<Answer>).options(options));
        assert!(is_timed_out(&result, policy, ms(ends)), "{result:?}");
    }
    let longer = CallOptions::new().timeout(ms(5000));
    let total = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    let result = runtime.block_on(total.call(|| after(&runtime, ms(4000))).options(longer));
    assert_eq!(result, Ok("done"), "a longer one counts too");
}

#[test]
fn a_time_limit_of_the_call_holds_without_any_timeout_policy() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), None::<Timeout>);
    let start = runtime.elapsed();
    let result = runtime.block_on(calls.call(pending::<Answer>).timeout(ms(30)));
    assert!(is_timed_out(&result, "call", ms(30)), "{result:?}");
    let deadline = runtime.now() + ms(30);
    let result = runtime.block_on(calls.call(pending::<Answer>).deadline(deadline));
    assert!(is_timed_out(&result, "call", ms(30)), "{result:?}");
    assert_eq!(runtime.elapsed() - start, ms(60));
    let nothing = CallOptions::new().cost(2);
    let result = runtime.block_on(calls.call(|| after(&runtime, ms(5000))).options(nothing));
    assert_eq!(result, Ok("done"), "options without a limit have none");
}

/// Runs what is inside a second time when the first time ends in an error.
struct Twice;

impl Policies for Twice {}

impl<'p, O: Operation + Clone + 'p> Policy<'p, O> for Twice {
    type Future = Pin<Box<dyn Future<Output = Outcome<O::Ok, O::Err>> + 'p>>;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        Box::pin(async move {
            let mut inner = attempt.clone();
            inner.nest();
            let first = operation.clone().start(inner).await;
            if first.result.is_ok() {
                return first;
            }
            let mut again = attempt.repeated(1);
            again.nest();
            operation.start(again).await
        })
    }
}

#[test]
fn a_time_limit_of_the_call_leaves_the_timeout_of_each_attempt_as_it_is() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), (Twice, Timeout::new(ms(20))));
    let start = runtime.elapsed();
    let result = runtime.block_on(calls.call(pending::<Answer>).timeout(ms(5000)));
    assert!(is_timed_out(&result, "timeout", ms(20)), "{result:?}");
    assert_eq!(runtime.elapsed() - start, ms(40), "two attempts of 20 ms");
    let start = runtime.elapsed();
    let result = runtime.block_on(calls.call(pending::<Answer>).timeout(ms(30)));
    assert!(is_timed_out(&result, "call", ms(30)), "{result:?}");
    assert_eq!(runtime.elapsed() - start, ms(30));
}

/// Waits before it starts what is inside.
struct Queue(VirtualRuntime, Duration);

impl Policies for Queue {}

impl<'p, O: Operation + 'p> Policy<'p, O> for Queue {
    type Future = Pin<Box<dyn Future<Output = Outcome<O::Ok, O::Err>> + 'p>>;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        attempt.now();
        Box::pin(async move {
            self.0.sleep(self.1).await;
            attempt.begins_now();
            operation.start(attempt).await
        })
    }
}

#[test]
fn a_timeout_does_not_count_the_wait_of_a_policy_outside_it() {
    let runtime = VirtualRuntime::new(1);
    let stack = (Queue(runtime.clone(), ms(300)), Timeout::new(ms(20)));
    let calls = Pipeline::on(runtime.clone(), stack);
    assert_eq!(
        runtime.block_on(calls.call(|| after(&runtime, ms(10)))),
        Ok("done")
    );
}

#[test]
fn what_outlives_the_call_gets_a_timer_of_its_own() {
    struct Shield;
    impl Policies for Shield {}
    impl<'p, O: Operation> Policy<'p, O> for Shield {
        type Future = O::Future;

        fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
            attempt.outlives();
            operation.start(attempt)
        }
    }
    let runtime = VirtualRuntime::new(1);
    let stack = (Timeout::new(ms(50)), Shield, Timeout::new(ms(50)));
    let calls = Pipeline::on(runtime.clone(), stack);
    let _ = runtime.block_on(calls.call(pending::<Answer>));
    assert_eq!(runtime.sleeps_started(), 2);
}

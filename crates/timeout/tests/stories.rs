//! What a timeout promises: what it bounds, when it fires, what it costs.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn, ready},
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use steadfast_core::{
    Attempt, CallOptions, Class, Error, Event, Instant, Operation, Outcome, Pipeline, Policies,
    Policy, RejectionKind, Runtime, StopReason, VirtualRuntime,
};
use steadfast_timeout::{FutureExt, Timeout};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Answer = Result<&'static str, &'static str>;

fn after(runtime: &VirtualRuntime, length: Duration) -> impl Future<Output = Answer> {
    let sleep = runtime.sleep(length);
    async {
        sleep.await;
        Ok("done")
    }
}

fn is_timed_out<T>(result: &Result<T, Error<&'static str>>, policy: &str, after: Duration) -> bool {
    match result {
        Err(Error::Rejected(rejection)) => {
            rejection.policy() == policy && rejection.kind() == RejectionKind::TimedOut { after }
        }
        _ => false,
    }
}

#[test]
fn what_is_slower_is_cut_off_and_what_is_quicker_is_not() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    assert_eq!(
        runtime.block_on(calls.call(|| after(&runtime, ms(99)))),
        Ok("done")
    );
    let result = runtime.block_on(calls.call(|| after(&runtime, ms(101))));
    assert!(is_timed_out(&result, "timeout", ms(100)), "{result:?}");
    assert_eq!(runtime.elapsed(), ms(199));
    assert_eq!(runtime.sleeps_waiting(), 0, "the operation was dropped");
}

#[test]
fn work_comes_before_the_clock() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    // Both are ready in the same poll: the result wins.
    let mut call = runtime.drive(calls.call(|| after(&runtime, ms(100))));
    assert!(call.poll().is_pending());
    runtime.set_now(runtime.now() + ms(5000));
    assert_eq!(call.poll(), Poll::Ready(Ok("done")));
}

#[test]
fn zero_lets_a_ready_operation_through_and_nothing_else_without_a_timer() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(0)));
    let result = runtime.block_on(calls.call(|| ready(Answer::Ok("done"))));
    assert_eq!(result, Ok("done"));
    let mut call = runtime.drive(calls.call(pending::<Answer>));
    let Poll::Ready(result) = call.poll() else {
        panic!("it is over at the first poll")
    };
    assert!(is_timed_out(&result, "timeout", ms(0)), "{result:?}");
    assert_eq!(runtime.sleeps_started(), 0);
}

#[test]
fn the_longest_duration_never_ends_and_arms_nothing() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(Duration::MAX));
    let mut call = runtime.drive(calls.call(pending::<Answer>));
    assert!(call.poll().is_pending());
    runtime.set_now(Instant::MAX);
    assert!(call.poll().is_pending());
    assert_eq!(runtime.sleeps_started(), 0);
}

#[test]
fn the_timer_is_armed_once_and_only_when_the_operation_is_pending() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    let _ = runtime.block_on(calls.call(|| ready(Answer::Ok("done"))));
    assert_eq!((runtime.sleeps_started(), runtime.clock_reads()), (0, 1));
    let mut call = runtime.drive(calls.call(pending::<Answer>));
    for _ in 0..10 {
        assert!(call.poll().is_pending());
        assert!(!call.is_woken(), "it never wakes itself");
    }
    assert_eq!((runtime.sleeps_started(), runtime.clock_reads()), (1, 2));
    runtime.step();
    assert!(call.is_woken());
    assert!(call.poll().is_ready());
    assert_eq!(call.wakes(), 1);
}

#[test]
fn the_time_counts_from_the_first_poll() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    let call = calls.call(|| after(&runtime, ms(80)));
    let plain = pending::<()>().timeout_on(runtime.clone(), ms(100));
    runtime.advance(ms(500));
    assert_eq!(runtime.block_on(call), Ok("done"));
    let start = runtime.elapsed();
    assert!(runtime.block_on(plain).is_err());
    assert_eq!(runtime.elapsed() - start, ms(100));
}

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
fn a_dynamic_timeout_is_asked_for_each_attempt() {
    let runtime = VirtualRuntime::new(1);
    let by_cost = Timeout::from_fn(|attempt| ms(10) * attempt.cost);
    let calls = Pipeline::on(runtime.clone(), by_cost);
    for cost in [1, 7] {
        let options = CallOptions::new().cost(cost);
        let result = runtime.block_on(calls.call(pending::<Answer>).options(options));
        assert!(
            is_timed_out(&result, "timeout", ms(10) * cost),
            "{result:?}"
        );
    }
}

#[test]
fn the_operation_is_told_how_much_time_it_has() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    let expected = runtime.now() + ms(100);
    let result = runtime.block_on(calls.call_with(|attempt| async move {
        assert_eq!(attempt.remaining, Some(ms(100)));
        assert_eq!(attempt.deadline, expected);
        Answer::Ok("done")
    }));
    assert_eq!(result, Ok("done"));
}

#[test]
fn a_timeout_is_transient_and_may_have_executed() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    let report = runtime.block_on(calls.call(pending::<Answer>).reported());
    assert_eq!(report.verdict.class(), Class::Transient);
    assert!(report.verdict.may_have_executed());
    assert_eq!((report.attempts, report.stop), (1, StopReason::Deadline));
}

#[test]
fn it_is_told_to_the_observer_once() {
    let runtime = VirtualRuntime::new(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)).named("total"))
        .observe(move |event: &Event<'_>| sink.lock().unwrap().push(format!("{event:?}")));
    let _ = runtime.block_on(calls.call(pending::<Answer>));
    assert_eq!(
        *seen.lock().unwrap(),
        [r#"Rejected { policy: "total", kind: TimedOut { after: 100ms } }"#]
    );
}

#[test]
fn a_mutable_capture_works_where_nothing_repeats() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), (Timeout::new(ms(100)),));
    let mut log = String::new();
    let result = runtime.block_on(calls.call(|| async {
        log.push_str("ran");
        Answer::Ok("done")
    }));
    assert_eq!((result, log.as_str()), (Ok("done"), "ran"));
}

#[test]
fn cancelling_at_every_await_drops_operation_and_timer() {
    let runtime = VirtualRuntime::new(1);
    let stack = (Timeout::new(ms(100)), Timeout::new(ms(90)));
    let calls = Pipeline::on(runtime.clone(), stack);
    let alive = Cell::new(0);
    struct Guard<'a>(&'a Cell<i32>);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let mut points = Vec::new();
    runtime.cancel_at_every_await(
        || {
            calls.call(|| async {
                alive.set(alive.get() + 1);
                let _guard = Guard(&alive);
                runtime.sleep(ms(40)).await;
                runtime.sleep(ms(40)).await;
                runtime.sleep(ms(40)).await;
                Answer::Ok("done")
            })
        },
        |polls| points.push((polls, alive.get(), runtime.sleeps_waiting())),
    );
    // The first poll, two sleeps, and the end of the time.
    assert_eq!(points, (0..=4).map(|n| (n, 0, 0)).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_jumps_backwards_only_delays_it() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(100)));
    let mut call = runtime.drive(calls.call(pending::<Answer>));
    assert!(call.poll().is_pending());
    runtime.set_now(Instant::from_nanos(0));
    assert!(call.poll().is_pending());
    runtime.step();
    assert!(call.poll().is_ready());
}

#[test]
fn a_plain_future_of_any_output_gets_a_timeout() {
    let runtime = VirtualRuntime::new(1);
    let quick = ready(5).timeout_on(runtime.clone(), ms(10));
    assert_eq!(runtime.block_on(quick), Ok(5));
    let never = pending::<u8>().timeout_on(runtime.clone(), ms(10));
    let elapsed = runtime.block_on(never).unwrap_err();
    assert_eq!(elapsed.after(), ms(10));
    let at_once = poll_fn(|_| Poll::<u8>::Pending).timeout_on(runtime.clone(), ms(0));
    assert!(runtime.block_on(at_once).is_err());
    assert_eq!(runtime.sleeps_started(), 1, "only the ten milliseconds");
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

#[test]
fn what_is_cut_off_is_dropped_before_anybody_is_told() {
    let runtime = VirtualRuntime::new(1);
    let alive = Arc::new(());
    let seen = Arc::clone(&alive);
    let counts = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&counts);
    let told = move |_: &Event<'_>| sink.lock().unwrap().push(Arc::strong_count(&seen));
    let calls = Pipeline::on(runtime.clone(), Timeout::new(ms(10))).observe(told);
    let hold = |held: Arc<()>| async move {
        let _held = held;
        pending::<Answer>().await
    };
    let mut call = runtime.drive(calls.call(|| hold(Arc::clone(&alive))));
    let mut own = runtime.drive(calls.call(|| hold(Arc::clone(&alive))).timeout(ms(10)));
    assert!(call.poll().is_pending() && own.poll().is_pending());
    runtime.step();
    assert!(call.poll().is_ready() && own.poll().is_ready());
    // Ours and the observer's, and of the first the other call's.
    assert_eq!(*counts.lock().unwrap(), [3, 2]);
    let mut plain = runtime.drive(hold(Arc::clone(&alive)).timeout_on(runtime.clone(), ms(10)));
    assert!(plain.poll().is_pending());
    runtime.step();
    assert!(plain.poll().is_ready());
    assert_eq!(
        Arc::strong_count(&alive),
        2,
        "although the future is still there"
    );
}

//! What a timeout promises: what it bounds, when it fires, what it costs.

mod common;

use std::{
    cell::Cell,
    future::{pending, poll_fn, ready},
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use common::{Answer, after, is_timed_out, ms};
use steadfast_core::{
    CallOptions, Class, Event, Instant, Pipeline, Runtime, StopReason, VirtualRuntime,
};
use steadfast_timeout::{FutureExt, Timeout};

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

//! What a caller says of a call and gets to know of it, and that nothing happens before the first poll.

use std::{cell::Cell, future::ready};

use steadfast_core::{
    Attempt, AttemptInfo, CallOptions, Error, IdempotencyKey, Instant, Operation, Pipeline,
    Policies, Policy, Priority, Runtime, StopReason, Verdict, VirtualRuntime,
};

use crate::{
    Failed, SECOND, a_retry_per_call, a_retry_per_call_under_way, on_virtual_time,
    policies::{Again, Asks, Bounds, Log, Mark, Pass, Refuses},
};

fn again(budget: steadfast_core::RetryBudget) -> Again {
    Again {
        budget,
        wait: SECOND,
    }
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let (window, under_way) = (a_retry_per_call(), a_retry_per_call_under_way());
    let (log, asks) = (Log::default(), Asks::default());
    let policies = (
        Mark("mark", log.clone()),
        again(window.clone()),
        again(under_way.clone()),
        asks.clone(),
    );
    let (runtime, pipeline) = on_virtual_time(policies);
    let start = runtime.now();
    let started = Cell::new(false);
    let options = CallOptions::new()
        .timeout(SECOND)
        .key(IdempotencyKey::from_u128(1));
    let call = pipeline.call(|| {
        started.set(true);
        ready(Ok::<_, Failed>(()))
    });
    let call = call.options(options).reported();
    assert!(!started.get());
    assert_eq!(log.take(), "");
    assert_eq!(runtime.clock_reads(), 1, "this test's own");
    assert_eq!(
        window.available_at(start) + under_way.available_at(start),
        0
    );
    assert!(runtime.block_on(call).result.is_ok());
    assert!(started.get());
    assert_eq!(log.take(), ">mark <mark");
    assert_eq!(runtime.clock_reads(), 2);
    assert_eq!(window.available_at(start), 1);
}

#[test]
fn a_call_that_is_dropped_unpolled_has_not_happened() {
    let budget = a_retry_per_call();
    let (runtime, pipeline) = on_virtual_time(again(budget.clone()));
    let started = Cell::new(false);
    drop(pipeline.call(|| {
        started.set(true);
        ready(Ok::<_, Failed>(()))
    }));
    assert!(!started.get());
    assert_eq!(budget.available_at(runtime.now()), 0);
}

#[test]
fn what_the_caller_says_reaches_its_closure() {
    let (runtime, pipeline) = on_virtual_time((Pass, Pass));
    let key = IdempotencyKey::from_u128(77);
    let deadline = runtime.now() + SECOND * 5;
    let options = CallOptions::new()
        .deadline(deadline)
        .key(key)
        .priority(Priority::HIGH)
        .cost(3);
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info)));
    let info = runtime.block_on(call.options(options)).unwrap();
    assert_eq!(info.number, 1);
    assert_eq!(info.deadline, deadline);
    assert_eq!(info.remaining, Some(SECOND * 5));
    assert_eq!(info.key, Some(key));
    assert_eq!(info.priority, Priority::HIGH);
    assert_eq!(info.cost, 3);
    let zero = IdempotencyKey::from_u128(0); // a key as good as any
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info.key)));
    let told = runtime.block_on(call.options(CallOptions::new().key(zero)));
    assert_eq!(told, Ok(Some(zero)));
}

#[test]
fn each_option_can_be_said_by_itself_and_keeps_what_was_said_before() {
    let (runtime, pipeline) = on_virtual_time(Pass);
    let key = IdempotencyKey::from_u128(7);
    let deadline = runtime.now() + SECOND * 5;
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info)));
    let call = call.cost(3).priority(Priority::HIGH).key(key);
    let info = runtime.block_on(call.deadline(deadline)).unwrap();
    assert_eq!((info.cost, info.priority), (3, Priority::HIGH));
    assert_eq!((info.key, info.deadline), (Some(key), deadline));
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info)));
    let call = call.timeout(SECOND).priority(Priority::LOW).cost(0);
    let info = runtime.block_on(call).unwrap();
    assert_eq!((info.cost, info.priority), (0, Priority::LOW));
    assert_eq!(info.remaining, Some(SECOND));
}

#[test]
fn a_caller_who_says_nothing_gets_the_defaults() {
    let (runtime, pipeline) = on_virtual_time(Pass);
    for said_nothing in [false, true] {
        let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info)));
        let info = if said_nothing {
            runtime.block_on(call.options(CallOptions::new()))
        } else {
            runtime.block_on(call)
        };
        let info = info.unwrap();
        assert_eq!((info.number, info.cost), (1, 1));
        assert_eq!((info.deadline, info.remaining), (Instant::MAX, None));
        assert_eq!((info.key, info.priority), (None, Priority::NORMAL));
    }
}

#[test]
fn attempts_are_numbered_and_keep_key_priority_cost_and_deadline() {
    let (runtime, pipeline) = on_virtual_time(again(a_retry_per_call()));
    let seen = std::sync::Mutex::new(Vec::new());
    let key = IdempotencyKey::from_u128(5);
    let deadline = runtime.now() + SECOND * 10;
    let options = CallOptions::new().key(key).cost(2).priority(Priority::LOW);
    let call = pipeline.call_with(|info: AttemptInfo| {
        seen.lock().unwrap().push(info);
        ready(Err::<(), _>(Failed))
    });
    let result = runtime.block_on(call.options(options.deadline(deadline)));
    assert_eq!(result, Err(Error::Operation(Failed)));
    let seen = seen.into_inner().unwrap();
    let numbers: Vec<_> = seen.iter().map(|info| info.number).collect();
    assert_eq!(numbers, [1, 2]);
    let remaining: Vec<_> = seen.iter().map(|info| info.remaining).collect();
    assert_eq!(remaining, [Some(SECOND * 10), Some(SECOND * 9)]);
    for info in seen {
        let same = (info.key, info.cost, info.priority, info.deadline);
        assert_eq!(same, (Some(key), 2, Priority::LOW, deadline));
    }
}

#[test]
fn the_tighter_of_the_callers_deadline_and_the_policies_wins() {
    let (runtime, pipeline) = on_virtual_time(Bounds(SECOND * 4));
    let now = runtime.now();
    for (asked, kept) in [(2, 2), (4, 4), (9, 4)] {
        let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info.deadline)));
        let options = CallOptions::new().deadline(now + SECOND * asked);
        let deadline = runtime.block_on(call.options(options));
        assert_eq!(deadline, Ok(now + SECOND * kept));
    }
}

#[test]
fn a_timeout_of_the_call_sets_its_deadline_from_the_first_poll_on() {
    let (runtime, pipeline) = on_virtual_time(Pass);
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info)));
    let call = call.options(CallOptions::new().timeout(SECOND * 2));
    runtime.advance(SECOND * 60); // between the call and its first poll
    let info = runtime.block_on(call).unwrap();
    assert_eq!(runtime.clock_reads(), 1);
    assert_eq!(info.deadline, runtime.now() + SECOND * 2);
    assert_eq!(info.remaining, Some(SECOND * 2));
}

#[test]
fn a_timeout_and_a_deadline_of_one_call_are_both_kept() {
    let (runtime, pipeline) = on_virtual_time(Pass);
    let now = runtime.now();
    for (timeout, deadline, kept) in [(2, 5, 2), (5, 2, 2)] {
        let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info.deadline)));
        let options = CallOptions::new().timeout(SECOND * timeout);
        let options = options.deadline(now + SECOND * deadline);
        let deadline = runtime.block_on(call.options(options));
        assert_eq!(deadline, Ok(now + SECOND * kept));
    }
}

/// Logs what an attempt says of itself.
struct Sees(Log);

impl Policies for Sees {}

impl<'p, O: Operation> Policy<'p, O> for Sees {
    type Future = O::Future;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        let idempotent = if attempt.is_idempotent() {
            "may repeat"
        } else {
            "once"
        };
        let overridden = attempt.take_timeout_override();
        self.0.add(format!("{idempotent}, timeout {overridden}"));
        assert!(!attempt.take_timeout_override(), "it is told once");
        operation.start(attempt)
    }
}

#[test]
fn a_policy_sees_whether_the_call_may_repeat_and_has_a_timeout_of_its_own() {
    let log = Log::default();
    let (runtime, pipeline) = on_virtual_time(Sees(log.clone()));
    let key = IdempotencyKey::from_u128(0);
    let said = [
        (CallOptions::new(), "once, timeout false"),
        (CallOptions::new().idempotent(), "may repeat, timeout false"),
        (CallOptions::new().key(key), "may repeat, timeout false"),
        (CallOptions::new().timeout(SECOND), "once, timeout true"),
        (
            CallOptions::new().deadline(Instant::MAX),
            "once, timeout false",
        ),
    ];
    for (options, seen) in said {
        let call = pipeline.call(|| ready(Ok::<_, Failed>(())));
        assert_eq!(runtime.block_on(call.options(options)), Ok(()));
        assert_eq!(log.take(), seen);
    }
}

#[test]
fn a_report_says_how_often_the_operation_was_started_and_why_not_again() {
    let fails = || ready(Err::<(), _>(Failed));
    let report = |budget| {
        let (runtime, pipeline) = on_virtual_time(again(budget));
        runtime.block_on(pipeline.call(fails).reported())
    };
    let twice = report(a_retry_per_call());
    assert_eq!((twice.attempts, twice.stop), (2, StopReason::Attempts));
    let empty = steadfast_core::Ratio::percent(1);
    let empty = steadfast_core::RetryBudget::ratio(empty).min_per_second(0);
    let once = report(empty.build().unwrap());
    assert_eq!((once.attempts, once.stop), (1, StopReason::Budget));
    let (runtime, pipeline) = on_virtual_time((Pass, Refuses::because("closed")));
    let never = runtime.block_on(pipeline.call(fails).reported());
    assert_eq!((never.attempts, never.stop), (0, StopReason::NotRetryable));
    let (runtime, pipeline) = on_virtual_time(Pass);
    let well = runtime.block_on(pipeline.call(|| ready(Ok::<_, Failed>(9))).reported());
    assert_eq!((well.attempts, well.stop), (1, StopReason::Succeeded));
    assert_eq!(well.result, Ok(9));
}

#[test]
fn results_are_classified_once_an_attempt_and_handed_on_unchanged() {
    let classified = Cell::new(0);
    let classify = |result: &Result<u8, Failed>| {
        classified.set(classified.get() + 1);
        match result {
            Ok(_) => Verdict::overloaded(), // an answer may say that there is too much to do
            Err(_) => Verdict::success(),   // and an error may be the answer that was wanted
        }
    };
    let runtime = VirtualRuntime::new(1);
    let policies = (again(a_retry_per_call()), Pass, Pass);
    let pipeline = Pipeline::on(runtime.clone(), policies).classify(classify);
    let busy = runtime.block_on(pipeline.call(|| ready(Ok(1))).reported());
    assert_eq!((busy.result, busy.attempts), (Ok(1), 2));
    assert_eq!(classified.take(), 2);
    let not_found = runtime.block_on(pipeline.call(|| ready(Err(Failed))).reported());
    assert_eq!(not_found.result, Err(Error::Operation(Failed)));
    assert_eq!(not_found.attempts, 1);
    assert_eq!(classified.take(), 1);
}

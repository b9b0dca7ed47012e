//! What is counted as a request and as accepted.

use std::{pin::pin, time::Duration};

use steadfast_core::{
    Error, Event, Idle, Pipeline, Policies, Rejection, RejectionKind, Runtime, Verdict,
};

use crate::{Answer::Bad, Answer::Good, Client, DOWN, Fate};

const WINDOW: Duration = Duration::from_secs(100);

#[test]
fn permanent_and_overloaded_answers_are_not_accepted() {
    for verdict in [Verdict::permanent(), Verdict::overloaded()] {
        let client = Client::over(WINDOW);
        client.calls(100, Bad(verdict));
        assert!(client.shedding() > 0.9, "{verdict:?}");
    }
}

#[test]
fn the_callers_own_faults_are_not_counted() {
    let client = Client::over(WINDOW);
    client.calls(1000, Bad(Verdict::caller()));
    client.calls(1, Good);
    client.calls(3, DOWN);
    // Four requests, one accepted.
    assert!((client.shedding() - 2.0 / 5.0).abs() < 1e-9);
}

#[test]
fn calls_that_are_dropped_are_not_counted() {
    let client = Client::over(WINDOW);
    let on_runtime = client.throttle.on(client.runtime.clone());
    for _ in 0..100 {
        let mut call = Box::pin(on_runtime.call(std::future::pending::<Result<(), String>>));
        let mut driven = client.runtime.drive(&mut call);
        assert!(driven.poll().is_pending());
    }
    client.calls(10, Good);
    assert!(client.shedding().abs() < 1e-9);
    client.calls(11, DOWN);
    assert!((client.shedding() - 1.0 / 22.0).abs() < 1e-9);
}

#[test]
fn refused_calls_count_as_requests() {
    let client = Client::over(WINDOW);
    client.calls(10, Good);
    client.calls(30, DOWN);
    let before = client.shedding();
    let mut shed = 0;
    while shed < 100 {
        // Answers that count for nothing, so that only the refusals move it.
        shed += u32::from(client.call(Bad(Verdict::caller())) == Fate::Shed);
    }
    let after = client.shedding();
    assert!(before < 0.6 && after > 0.8, "{before}, then {after}");
}

#[test]
fn a_refusal_is_reported_and_was_not_executed() {
    let client = Client::over(WINDOW);
    client.calls(1000, DOWN);
    let seen = std::cell::RefCell::new(Vec::new());
    let pipeline = Pipeline::on(client.runtime.clone(), &client.throttle)
        .observe(|event: &Event<'_>| seen.borrow_mut().push(event.clone().policy().to_owned()));
    let report = client
        .runtime
        .block_on(pipeline.call(|| async { Ok::<_, String>(()) }).reported());
    assert_eq!(report.attempts, 0);
    assert!(!report.verdict.may_have_executed());
    let rejection = Rejection::new("throttle", RejectionKind::Throttled);
    assert_eq!(report.result, Err(Error::Rejected(rejection)));
    assert_eq!(*seen.borrow(), ["throttle"]);
}

#[test]
fn the_clock_is_read_once_for_a_call_that_is_ready_and_once_more_for_one_that_waits() {
    let client = Client::over(WINDOW);
    client.call(Good);
    let before = client.runtime.clock_reads();
    client.call(Good);
    assert_eq!(client.runtime.clock_reads() - before, 1);

    let on_runtime = client.throttle.on(client.runtime.clone());
    let before = client.runtime.clock_reads();
    let sleeper = client.runtime.clone();
    let call = pin!(on_runtime.call(|| async {
        sleeper.sleep(Duration::from_secs(1)).await;
        Ok::<_, String>(())
    }));
    client.runtime.block_on(call).unwrap();
    assert_eq!(client.runtime.clock_reads() - before, 2);
    let _ = client.runtime.now();
}

#[test]
fn a_call_that_blocks_for_longer_than_the_window_does_not_empty_it() {
    let client = Client::over(WINDOW);
    let on_runtime = client.throttle.on(client.runtime.clone());
    let blocking = on_runtime.call(|| async {
        client.runtime.advance(2 * WINDOW);
        client.calls(10, Good);
        Ok::<_, String>(())
    });
    client.runtime.block_on(blocking).unwrap();
    client.calls(12, DOWN);
    // 23 requests, 11 of them accepted.
    assert!((client.shedding() - 1.0 / 24.0).abs() < 1e-9);
}

#[test]
fn looking_at_it_counts_nothing_and_moves_nothing() {
    let client = Client::over(WINDOW);
    client.calls(10, Good);
    client.calls(20, DOWN);
    let before = client.shedding();
    let far = client.runtime.now() + 10 * WINDOW;
    assert!(client.throttle.shedding_at(far).abs() < 1e-9);
    assert!(client.throttle.is_idle_at(far));
    assert!((client.shedding() - before).abs() < 1e-9, "as it was");
    assert!(!client.throttle.is_idle_at(client.runtime.now()));
}

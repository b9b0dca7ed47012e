//! The same stories on every runtime: tokio (both flavours, and paused), smol, a bare executor with
//! a timer thread, and virtual time.
//!
//! They assert results and orders, never how long something took.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{
    future::{Future, pending, poll_fn, ready},
    mem,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use futures::FutureExt as _;
use steadfast::{
    Bulkhead, CallOptions, CircuitBreaker, Class, Error, IdempotencyKey, Jitter, Pipeline,
    RateLimit, Ratio, Rejection, Retry, RetryBudget, Runtime, SmolRuntime, Spawn, Spawning,
    StopReason, ThreadRuntime, Throttle, Timeout, TokioRuntime, Verdict, VirtualRuntime,
    circuit_breaker::State, prelude::*,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Answer = Result<u32, &'static str>;

fn stack() -> (Timeout, Retry, Timeout) {
    let retry = Retry::exponential(ms(2)).max_attempts(4).build().unwrap();
    (
        Timeout::new(Duration::from_secs(60)).named("total"),
        retry,
        Timeout::new(Duration::from_secs(20)).named("attempt"),
    )
}

async fn it_retries_until_it_works<R: Runtime>(runtime: R) {
    let calls = Pipeline::on(runtime, stack());
    let report = calls
        .call_with(|attempt| {
            ready(if attempt.number < 3 {
                Err("flaky")
            } else {
                Ok(7)
            })
        })
        .reported()
        .await;
    assert_eq!(report.result, Ok(7));
    assert_eq!((report.attempts, report.stop), (3, StopReason::Succeeded));
}

async fn it_returns_the_last_error<R: Runtime>(runtime: R) {
    let calls = Pipeline::on(runtime, stack());
    let report = calls.call(|| ready(Answer::Err("down"))).reported().await;
    assert_eq!(report.result, Err(Error::Operation("down")));
    assert_eq!((report.attempts, report.stop), (4, StopReason::Attempts));
}

async fn an_attempt_that_hangs_is_cut_off_and_repeated<R: Runtime>(runtime: R) {
    let retry = Retry::constant(ms(1)).build().unwrap();
    let calls = Pipeline::on(runtime, (retry, Timeout::new(ms(10))));
    let hangs_once = |attempt: steadfast::AttemptInfo| async move {
        if attempt.number == 1 {
            pending::<()>().await;
        }
        Answer::Ok(attempt.number)
    };
    assert_eq!(calls.call_with(hangs_once).await, Ok(2));
}

async fn a_total_timeout_ends_it_all<R: Runtime>(runtime: R) {
    let retry = Retry::constant(ms(1)).max_attempts(100).build().unwrap();
    let calls = Pipeline::on(runtime, (Timeout::new(ms(20)).named("total"), retry));
    let error = calls.call(pending::<Answer>).await.unwrap_err();
    assert_eq!(error.rejection().map(Rejection::policy), Some("total"));
    assert!(error.is_timed_out());
}

async fn a_deadline_stops_the_retries_with_the_last_error<R: Runtime>(runtime: R) {
    let retry = Retry::constant(Duration::from_secs(30))
        .jitter(Jitter::None)
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime, (Timeout::new(Duration::from_secs(20)), retry));
    let report = calls.call(|| ready(Answer::Err("down"))).reported().await;
    assert_eq!(report.result, Err(Error::Operation("down")));
    assert_eq!((report.attempts, report.stop), (1, StopReason::Deadline));
}

async fn a_classifier_decides<R: Runtime>(runtime: R) {
    let calls = Pipeline::on(runtime, stack()).classify(|result: &Answer| match result {
        Ok(_) => Verdict::success(),
        Err("fatal") => Verdict::permanent(),
        Err(_) => Verdict::transient(),
    });
    let report = calls.call(|| ready(Answer::Err("fatal"))).reported().await;
    assert_eq!(
        (report.attempts, report.stop),
        (1, StopReason::NotRetryable)
    );
    assert_eq!(report.verdict.class(), Class::Permanent);
}

async fn a_spent_budget_is_shared<R: Runtime>(runtime: R) {
    let budget = RetryBudget::token_bucket(3, Ratio::percent(10))
        .build()
        .unwrap();
    let retry = Retry::constant(ms(0)).budget(&budget).build().unwrap();
    let (one, two) = (
        Pipeline::on(runtime.clone(), retry.clone()),
        Pipeline::on(runtime, retry),
    );
    let mut attempts = Vec::new();
    for calls in [&one, &two, &one] {
        attempts.push(
            calls
                .call(|| ready(Answer::Err("down")))
                .reported()
                .await
                .attempts,
        );
    }
    assert_eq!(attempts, [3, 2, 1]);
}

async fn a_breaker_opens_and_closes_again<R: Runtime>(runtime: R) {
    let breaker = CircuitBreaker::consecutive_failures(2)
        .open_for(ms(20))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), &breaker);
    for _ in 0..2 {
        assert_eq!(
            calls.call(|| ready(Answer::Err("down"))).await,
            Err(Error::Operation("down"))
        );
    }
    assert_eq!(breaker.state(), State::Open);
    let opened = runtime.now();
    // It may be over by now, on a machine that stops for so long.
    match calls.call(|| ready(Answer::Ok(1))).await {
        Ok(1) => {}
        refused => {
            let refused = refused.unwrap_err();
            let remaining = refused.rejection().unwrap().retry_after().unwrap();
            assert!(remaining <= ms(20), "{remaining:?}");
            runtime.sleep_until(opened + ms(20)).await;
            assert_eq!(calls.call(|| ready(Answer::Ok(2))).await, Ok(2));
        }
    }
    assert_eq!(breaker.state(), State::Closed);
}

async fn a_throttle_sheds<R: Runtime>(runtime: R) {
    let throttle = Throttle::default();
    let calls = Pipeline::on(runtime.clone(), &throttle);
    for _ in 0..1000 {
        let _ = calls.call(|| ready(Answer::Err("down"))).await;
    }
    assert!(throttle.shedding_at(runtime.now()) > 0.9);
}

async fn a_bulkhead_lets_others_wait_and_refuses_the_rest<R: Runtime>(runtime: R) {
    let bulkhead = Bulkhead::max_concurrent(1)
        .max_waiting(1)
        .max_wait(Duration::from_secs(60))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), &bulkhead);
    let clock = &runtime;
    let call = |number| {
        let call = calls.call(move || async move {
            // A sleep may be over at its first poll, where the machine is busy.
            let mut is_begun = false;
            poll_fn(|cx| {
                if mem::replace(&mut is_begun, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            clock.sleep_until(clock.now() + ms(1)).await;
            Answer::Ok(number)
        });
        call.map(Result::ok)
    };
    let ends = futures::future::join3(call(1), call(2), call(3)).await;
    assert_eq!(ends, (Some(1), Some(2), None));

    let held = bulkhead.try_acquire(&runtime, 1).unwrap();
    let started = runtime.now();
    let call = calls.call(|| ready(Answer::Ok(1))).timeout(ms(5)).await;
    assert_eq!(
        call.unwrap_err().rejection().map(Rejection::policy),
        Some("bulkhead"),
        "it waited, and was not executed"
    );
    assert!(runtime.now() - started >= ms(5));
    drop(held);
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
}

async fn a_rate_limit_spreads_calls_and_refuses_the_rest<R: Runtime>(runtime: R) {
    let limit = RateLimit::per_second(200)
        .burst(1)
        .wait(Duration::from_secs(60))
        .max_waiting(2)
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), &limit);
    let started = runtime.now();
    let call = |number| {
        let call = calls.call(move || ready(Answer::Ok(number)));
        call.map(Result::ok)
    };
    let ends = futures::future::join4(call(1), call(2), call(3), call(4)).await;
    assert_eq!(ends, (Some(1), Some(2), Some(3), None));
    assert!(runtime.now() - started >= ms(10));
    assert_eq!(limit.waiting(), 0);
}

async fn options_reach_the_operation<R: Runtime>(runtime: R) {
    let calls = Pipeline::on(runtime, stack());
    let key = IdempotencyKey::from_u128(5);
    let options = CallOptions::new().key(key).cost(3);
    let told = calls
        .call_with(|attempt| ready(Ok::<_, ()>((attempt.key, attempt.cost))))
        .options(options)
        .await;
    assert_eq!(told, Ok((Some(key), 3)));
}

async fn combinators_chain_inside_out<R: Runtime>(runtime: R) {
    let timeout = Timeout::new(Duration::from_secs(20));
    let retry = Retry::constant(ms(1)).build().unwrap();
    let plain = async { Answer::Ok(1) };
    assert_eq!(plain.with_on(runtime.clone(), &timeout).await, Ok(1));
    let starts = AtomicU32::new(0);
    let result = (|| async {
        Answer::Err("down").inspect_err(|_| {
            starts.fetch_add(1, SeqCst);
        })
    })
    .with_on(runtime, &timeout)
    .with(&retry)
    .await;
    assert_eq!(result, Err(Error::Operation("down")));
    assert_eq!(starts.load(SeqCst), 3);
}

/// One purse, calls in turn on two clocks of the process: they count from one origin.
#[test]
fn a_budget_serves_several_runtimes() {
    let budget = RetryBudget::ratio(Ratio::percent(10))
        .min_per_second(0)
        .build()
        .unwrap();
    let retry = Retry::constant(ms(0)).budget(&budget).build().unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut attempts = 0;
    for _ in 0..500 {
        let on_tokio = Pipeline::on(TokioRuntime, &retry);
        let call = on_tokio.call(|| ready(Answer::Err("down"))).reported();
        attempts += tokio.block_on(call).attempts;
        let on_thread = Pipeline::on(ThreadRuntime, &retry);
        let call = on_thread.call(|| ready(Answer::Err("down"))).reported();
        attempts += futures::executor::block_on(call).attempts;
        let on_smol = Pipeline::on(SmolRuntime, &retry);
        let call = on_smol.call(|| ready(Answer::Err("down"))).reported();
        attempts += futures::executor::block_on(call).attempts;
    }
    assert_eq!(attempts, 1650, "1.1 times 1500");
}

/// Runs every story that needs no more than a runtime.
async fn every_story<R: Runtime>(runtime: R) {
    it_retries_until_it_works(runtime.clone()).await;
    it_returns_the_last_error(runtime.clone()).await;
    an_attempt_that_hangs_is_cut_off_and_repeated(runtime.clone()).await;
    a_total_timeout_ends_it_all(runtime.clone()).await;
    a_deadline_stops_the_retries_with_the_last_error(runtime.clone()).await;
    a_classifier_decides(runtime.clone()).await;
    a_spent_budget_is_shared(runtime.clone()).await;
    a_breaker_opens_and_closes_again(runtime.clone()).await;
    a_throttle_sheds(runtime.clone()).await;
    a_bulkhead_lets_others_wait_and_refuses_the_rest(runtime.clone()).await;
    a_rate_limit_spreads_calls_and_refuses_the_rest(runtime.clone()).await;
    options_reach_the_operation(runtime.clone()).await;
    combinators_chain_inside_out(runtime).await;
}

/// A detached task calls through a pipeline that it shares with its parent.
async fn a_detached_task_calls_too<R>(runtime: R)
where
    R: Spawn + Send + Sync + 'static,
    for<'p> R::Lent<'p>: Send,
    R::Sleep: Send,
{
    let calls = Arc::new(Pipeline::on(runtime.clone(), stack()));
    let (sender, receiver) = futures::channel::oneshot::channel();
    let shared = Arc::clone(&calls);
    runtime.spawn_detached(async move {
        let borrowed = String::from("borrowed across an await");
        let length = shared.call(|| async { Ok::<_, ()>(borrowed.len()) }).await;
        let _ = sender.send(length);
    });
    assert_eq!(receiver.await.unwrap(), Ok(24));
}

fn spawner<F>(spawn: F) -> impl Fn(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>)
where
    F: Fn(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
{
    spawn
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_tokio_with_threads() {
    every_story(TokioRuntime).await;
    a_detached_task_calls_too(TokioRuntime).await;
}

#[tokio::test(start_paused = true)]
async fn on_tokio_with_a_paused_clock() {
    every_story(TokioRuntime).await;
    a_detached_task_calls_too(TokioRuntime).await;
}

#[test]
fn on_smol() {
    smol::block_on(async {
        every_story(SmolRuntime).await;
        let spawn = spawner(|task| smol::spawn(task).detach());
        a_detached_task_calls_too(Spawning::new(SmolRuntime, spawn)).await;
    });
}

#[test]
fn on_a_bare_executor() {
    futures::executor::block_on(async {
        every_story(ThreadRuntime).await;
        let spawn = spawner(|task| drop(std::thread::spawn(|| futures::executor::block_on(task))));
        a_detached_task_calls_too(Spawning::new(ThreadRuntime, spawn)).await;
    });
}

#[test]
fn on_virtual_time() {
    let runtime = VirtualRuntime::new(1);
    runtime.block_on(every_story(runtime.clone()));
    runtime.block_on(a_detached_task_calls_too(runtime.clone()));
    assert_eq!(runtime.tasks_alive(), 0);
}

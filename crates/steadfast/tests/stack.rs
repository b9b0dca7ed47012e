//! A full stack: what it leaves behind when it is cancelled, how large its future is, what can be
//! done with it on threads.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{cell::Cell, collections::HashMap, future::ready, rc::Rc, sync::Arc, time::Duration};

use steadfast::{
    BoxPipeline, Bulkhead, CircuitBreaker, Error, Jitter, Pipeline, RateLimit, Ratio, Retry,
    RetryBudget, Runtime, Timeout, TokioRuntime, VirtualRuntime, prelude::*,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn stack(budget: &RetryBudget) -> (Timeout, Retry, Timeout) {
    let retry = Retry::constant(ms(10))
        .jitter(Jitter::None)
        .budget(budget)
        .build()
        .unwrap();
    (Timeout::new(ms(1000)), retry, Timeout::new(ms(50)))
}

#[test]
fn cancelling_at_every_await_leaves_everything_as_before() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::share_of_in_flight(Ratio::percent(10))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), stack(&budget));
    let before = (budget.available_at(runtime.now()), format!("{budget:?}"));
    let alive = Rc::new(());
    let mut points = 0;
    runtime.cancel_at_every_await(
        || {
            let (clock, alive) = (runtime.clone(), Rc::clone(&alive));
            calls.call_with(move |attempt| async move {
                let _alive = alive;
                clock.sleep(ms(5)).await; // the second attempt gets no further than this
                if attempt.number == 1 {
                    clock.sleep(ms(100)).await; // the first is cut off here
                }
                Err::<u8, _>("down")
            })
        },
        |_| {
            points += 1;
            let after = (budget.available_at(runtime.now()), format!("{budget:?}"));
            assert_eq!(after, before);
            assert_eq!(Rc::strong_count(&alive), 1, "the operation is dropped");
            assert_eq!(runtime.sleeps_waiting(), 0, "so is every timer");
        },
    );
    assert!(points >= 8, "attempts and waits were cancelled: {points}");
}

#[test]
fn the_future_of_timeout_retry_timeout_is_small() {
    let calls: Pipeline<(Timeout, Retry, Timeout)> = Pipeline::new(stack(&RetryBudget::default()));
    let call = calls.call(|| ready(Ok::<u64, ()>(1)));
    assert!(size_of_val(&call) <= 400, "{}", size_of_val(&call));
}

#[test]
fn the_future_of_the_five_classic_policies_is_small() {
    let policies = (
        Retry::exponential(ms(10)).build().unwrap(),
        CircuitBreaker::failure_rate(Ratio::percent(50))
            .build()
            .unwrap(),
        Bulkhead::max_concurrent(64).build().unwrap(),
        RateLimit::per_second(1000).build().unwrap(),
        Timeout::new(ms(1000)),
    );
    let calls: Pipeline<_> = Pipeline::new(policies);
    let call = calls.call(|| ready(Ok::<u64, ()>(1)));
    assert!(size_of_val(&call) <= 250, "{}", size_of_val(&call));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_spawns_with_owned_and_with_borrowed_captures() {
    struct Client {
        calls: Pipeline<(Timeout, Retry, Timeout)>,
        greeting: String,
    }
    impl Client {
        async fn greet(&self, name: &str) -> Result<String, Error<std::io::Error>> {
            self.calls
                .call(|| async {
                    tokio::task::yield_now().await;
                    Ok(format!("{} {name}", self.greeting))
                })
                .await
        }
    }
    let client = Arc::new(Client {
        calls: Pipeline::new(stack(&RetryBudget::default())),
        greeting: "hello".into(),
    });
    let borrowed = tokio::spawn({
        let client = Arc::clone(&client);
        async move {
            let name = String::from("borrower");
            client.greet(&name).await.unwrap()
        }
    });
    assert_eq!(borrowed.await.unwrap(), "hello borrower");
    let body = String::from("owned");
    let owned = tokio::spawn(async move {
        let post = move || async move { Ok::<_, ()>(body.len()) };
        client.calls.call(post).await
    });
    assert_eq!(owned.await.unwrap(), Ok(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_of_borrowed_policies_is_put_together_in_a_spawned_task() {
    async fn fetch(retry: &Retry, each: Option<&Timeout>) -> Result<u8, Error<()>> {
        let total = Timeout::new(ms(1000));
        let inner = Arc::new(Timeout::new(ms(70)));
        let calls = Pipeline::new((&total, (retry, each), inner));
        calls
            .call(|| async {
                tokio::task::yield_now().await;
                Ok(7)
            })
            .await
    }
    let task = tokio::spawn(async {
        let (_, retry, timeout) = stack(&RetryBudget::default());
        fetch(&retry, Some(&timeout)).await
    });
    assert_eq!(task.await.unwrap(), Ok(7));
}

#[test]
fn operations_that_are_not_send_work() {
    let runtime = VirtualRuntime::new(1);
    let calls = Pipeline::on(runtime.clone(), stack(&RetryBudget::default()));
    let count = Rc::new(Cell::new(0));
    let result = runtime.block_on(calls.call(|| {
        let count = Rc::clone(&count);
        async move {
            count.set(count.get() + 1);
            if count.get() < 3 {
                Err("flaky")
            } else {
                Ok(count.get())
            }
        }
    }));
    assert_eq!(result, Ok(3));
}

#[tokio::test]
async fn a_pipeline_is_chosen_at_run_time() {
    let mut by_host: HashMap<&str, BoxPipeline<u8, String>> = HashMap::new();
    by_host.insert(
        "slow",
        Pipeline::new(stack(&RetryBudget::default())).boxed(),
    );
    by_host.insert("quick", Pipeline::new(Timeout::new(ms(100))).boxed());
    let local = String::from("borrowed");
    for pipeline in by_host.values() {
        let result = pipeline.call(|| async { Ok(local.len() as u8) }).await;
        assert_eq!(result, Ok(8));
    }
    let slow = by_host["slow"].clone();
    let task = tokio::spawn(async move {
        let down = || async { Err("down".to_string()) };
        slow.report_with(steadfast::CallOptions::new(), |_| down())
            .await
    });
    let report = task.await.unwrap();
    assert_eq!(report.attempts, 3);
    assert_eq!(report.result, Err(Error::Operation("down".into())));
}

#[test]
fn policies_are_shared_borrowed_left_out_and_called_alone() {
    let runtime = VirtualRuntime::new(1);
    let shared = Arc::new(Retry::constant(ms(1)).build().unwrap());
    let local = Timeout::new(ms(100));
    let none: Option<Timeout> = None;
    let calls = Pipeline::on(runtime.clone(), (none, Arc::clone(&shared), &local));
    let report = runtime.block_on(calls.call(|| ready(Err::<u8, _>("down"))).reported());
    assert_eq!(report.attempts, 3);
    let alone = shared.on(runtime.clone());
    let report = runtime.block_on(alone.call(|| ready(Err::<u8, _>("down"))).reported());
    assert_eq!(report.attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn combinators_work_on_tokio_without_naming_it() {
    let timeout = Timeout::new(ms(100));
    let retry = Retry::constant(ms(1)).build().unwrap();
    let fetch = || async { Ok::<_, &str>("page") };
    assert_eq!(fetch().with(&timeout).await, Ok("page"));
    assert_eq!(fetch.with(&timeout).with(&retry).await, Ok("page"));
    assert_eq!(retry.call(fetch).await, Ok("page"));
    assert_eq!(async { 5 }.timeout(ms(1)).await, Ok(5));
    let _: Pipeline<&Retry, TokioRuntime> = retry.on(TokioRuntime);
}

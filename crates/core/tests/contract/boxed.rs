//! Pipelines behind one type: stored, chosen at run time, called from threads.

use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex},
    thread,
};

use futures::executor;
use steadfast_core::{
    AttemptInfo, BoxPipeline, CallOptions, Error, IdempotencyKey, Pipeline, Priority, Rejection,
    RejectionKind, StopReason, Verdict, VirtualRuntime,
};

use crate::{
    Failed, SECOND, a_retry_per_call, a_retry_per_call_under_way,
    policies::{Again, Asks, Bounds, Log, Mark, Pass, Refuses},
};

fn boxed<P>(runtime: &VirtualRuntime, policies: P) -> BoxPipeline<u32, Failed>
where
    P: steadfast_core::Policies,
    Pipeline<P, VirtualRuntime>: steadfast_core::IntoBoxed<u32, Failed>,
{
    Pipeline::on(runtime.clone(), policies).boxed()
}

fn again() -> Again {
    Again {
        budget: a_retry_per_call(),
        wait: SECOND,
    }
}

#[test]
fn pipelines_of_different_policies_are_stored_in_one_collection() {
    let runtime = VirtualRuntime::new(1);
    let (log, asks) = (Log::default(), Asks::default());
    let pipelines = [
        boxed(&runtime, Pass),
        boxed(
            &runtime,
            (Mark("mark", log.clone()), again(), Bounds(SECOND)),
        ),
        boxed(&runtime, (asks.clone(), None::<Pass>)),
        boxed(&runtime, Refuses::because("closed")),
    ];
    let results: Vec<_> = pipelines
        .iter()
        .map(|pipeline| runtime.block_on(pipeline.call(|| ready(Ok(7)))))
        .collect();
    let refused = Rejection::new("gate", RejectionKind::Other("closed"));
    assert_eq!(results[..3], [Ok(7), Ok(7), Ok(7)]);
    assert_eq!(results[3], Err(Error::Rejected(refused)));
    assert_eq!(log.take(), ">mark <mark");
    assert_eq!(asks.answers().len(), 1);
}

#[test]
fn a_pipeline_is_chosen_by_name_at_run_time_and_called_from_many_threads() {
    let runtime = VirtualRuntime::new(1);
    let log = Log::default();
    let mut by_name = HashMap::new();
    by_name.insert("plain", boxed(&runtime, Pass));
    by_name.insert("marked", boxed(&runtime, (Pass, Mark("m", log.clone()))));
    by_name.insert("closed", boxed(&runtime, Refuses::because("closed")));
    let by_name = Arc::new(by_name);
    let threads: Vec<_> = ["plain", "marked", "closed", "marked"]
        .into_iter()
        .zip(0..)
        .map(|(name, number)| {
            let by_name = Arc::clone(&by_name);
            thread::spawn(move || {
                let call = by_name[name].call(|| async move { Ok(number) });
                executor::block_on(call).ok()
            })
        })
        .collect();
    let results: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(results, [Some(0), Some(1), None, Some(3)]);
    assert_eq!(log.take().matches(">m").count(), 2);
}

#[test]
fn a_boxed_call_can_be_spawned_and_outlive_the_handle_it_came_from() {
    let runtime = VirtualRuntime::new(1);
    let task = {
        let (pipeline, clock) = (boxed(&runtime, again()), runtime.clone());
        runtime.spawn(async move {
            let slow = || async {
                clock.sleep(SECOND).await;
                Ok(4)
            };
            pipeline.call(slow).await
        })
    };
    assert_eq!(runtime.block_on(task), Ok(4));
}

#[test]
fn a_boxed_call_borrows_what_its_closure_borrows() {
    let runtime = VirtualRuntime::new(1);
    let pipeline = boxed(&runtime, again());
    let starts = Mutex::new(0);
    let fails_first = || async {
        let mut starts = starts.lock().unwrap();
        *starts += 1;
        if *starts == 1 {
            Err(Failed)
        } else {
            Ok(*starts)
        }
    };
    assert_eq!(runtime.block_on(pipeline.call(fails_first)), Ok(2));
    assert_eq!(runtime.elapsed(), SECOND);
}

#[test]
fn what_the_caller_says_reaches_the_closure_of_a_boxed_call() {
    let runtime = VirtualRuntime::new(1);
    let pipeline = boxed(&runtime, again());
    let seen = Mutex::new(Vec::new());
    let key = IdempotencyKey::from_u128(3);
    let options = CallOptions::new().key(key).cost(5).priority(Priority::LOW);
    let call = pipeline.call_with(options.timeout(SECOND * 9), |info: AttemptInfo| {
        seen.lock().unwrap().push(info);
        ready(Err(Failed))
    });
    assert_eq!(runtime.block_on(call), Err(Error::Operation(Failed)));
    let seen = seen.into_inner().unwrap();
    let told: Vec<_> = seen.iter().map(|i| (i.number, i.remaining)).collect();
    assert_eq!(told, [(1, Some(SECOND * 9)), (2, Some(SECOND * 8))]);
    for info in seen {
        let said = (info.key, info.cost, info.priority);
        assert_eq!(said, (Some(key), 5, Priority::LOW));
    }
}

#[test]
fn a_boxed_call_can_be_reported() {
    let runtime = VirtualRuntime::new(1);
    let report = |pipeline: BoxPipeline<u32, Failed>| {
        let call = pipeline.report_with(CallOptions::new(), |_| ready(Err(Failed)));
        let report = runtime.block_on(call);
        (report.attempts, report.stop)
    };
    assert_eq!(report(boxed(&runtime, again())), (2, StopReason::Attempts));
    assert_eq!(report(boxed(&runtime, Pass)), (1, StopReason::Attempts));
    let closed = boxed(&runtime, Refuses::because("closed"));
    assert_eq!(report(closed), (0, StopReason::NotRetryable));
}

#[test]
fn clones_of_a_boxed_pipeline_share_its_policies() {
    let runtime = VirtualRuntime::new(1);
    let budget = a_retry_per_call();
    let policy = Again {
        budget: budget.clone(),
        wait: SECOND,
    };
    let pipeline = boxed(&runtime, policy);
    let clone = pipeline.clone();
    for handle in [pipeline, clone] {
        assert_eq!(runtime.block_on(handle.call(|| ready(Ok(1)))), Ok(1));
    }
    assert_eq!(
        budget.available_at(steadfast_core::Runtime::now(&runtime)),
        2
    );
}

#[test]
fn a_boxed_pipeline_keeps_its_classifier_and_its_observer() {
    let runtime = VirtualRuntime::new(1);
    let log = Log::default();
    let events = log.clone();
    let pipeline: BoxPipeline<u32, Failed> = Pipeline::on(runtime.clone(), again())
        .classify(|result: &Result<u32, Failed>| match result {
            Ok(0) => Verdict::overloaded(),
            _ => Verdict::success(),
        })
        .observe(move |event| events.add(event.policy()))
        .boxed();
    assert_eq!(runtime.block_on(pipeline.call(|| ready(Ok(0)))), Ok(0));
    assert_eq!(log.take(), "again");
    assert!(
        runtime
            .block_on(pipeline.call(|| ready(Err(Failed))))
            .is_err()
    );
    assert_eq!(log.take(), "");
}

#[test]
fn nothing_happens_before_the_first_poll_of_a_boxed_call() {
    let runtime = VirtualRuntime::new(1);
    let (log, budget) = (Log::default(), a_retry_per_call_under_way());
    let policy = Again {
        budget: budget.clone(),
        wait: SECOND,
    };
    let pipeline = boxed(&runtime, (Mark("mark", log.clone()), policy));
    let started = Mutex::new(false);
    let options = CallOptions::new().timeout(SECOND);
    let call = pipeline.call_with(options, |_| {
        *started.lock().unwrap() = true;
        ready(Ok(1))
    });
    assert_eq!(log.take(), "");
    assert_eq!(runtime.clock_reads(), 0);
    drop(call);
    assert!(!*started.lock().unwrap());
    assert_eq!(log.take(), "");
}

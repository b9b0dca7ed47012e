//! No more run than the limit says, and a permit comes back however a call ends.

#![allow(
    clippy::disallowed_types,
    reason = "counts for one test, nothing is decided by them"
)]

use std::{
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use steadfast_bulkhead::Bulkhead;
use steadfast_core::{CallOptions, Error, Pipeline, RejectionKind, VirtualRuntime};

use crate::common::{Answer, Rig, ms, one, secs, with_queue};

#[test]
fn as_many_run_as_the_limit_says_and_the_next_is_refused() {
    let rig = Rig::new(Bulkhead::max_concurrent(3));
    let calls: Vec<_> = (0..3).map(|_| rig.start()).collect();
    assert_eq!(rig.refused(CallOptions::new()), (3, 0));
    let mut others = Vec::new();
    for call in calls {
        call.end(Ok(()));
        others.push(rig.start());
        assert_eq!(rig.counts(), (3, 0));
    }
    drop(others);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_thousand_calls_run_three_at_a_time() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = with_queue(3).build().unwrap();
    let calls = Arc::new(Pipeline::on(runtime.clone(), bulkhead.clone()));
    let (run, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let tasks: Vec<_> = (0..1000_u64)
        .map(|number| {
            let (calls, clock) = (Arc::clone(&calls), runtime.clone());
            let (run, most) = (Arc::clone(&run), Arc::clone(&most));
            runtime.spawn(async move {
                let call = calls.call(|| async {
                    most.fetch_max(run.fetch_add(1, SeqCst) + 1, SeqCst);
                    clock.sleep(ms(1 + number % 7)).await;
                    run.fetch_sub(1, SeqCst);
                    Ok::<_, ()>(())
                });
                call.await
            })
        })
        .collect();
    let ends = runtime.block_on(futures::future::join_all(tasks));
    assert!(ends.iter().all(Result::is_ok));
    assert_eq!(most.load(SeqCst), 3);
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
}

/// Threads that call, wait, cancel and resize at once.
#[test]
fn the_limit_holds_on_threads() {
    let bulkhead = Bulkhead::max_concurrent(3)
        .max_waiting(4)
        .max_wait(Duration::from_micros(50))
        .build()
        .unwrap();
    let (run, most) = (AtomicU32::new(0), AtomicU32::new(0));
    let (ran, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (bulkhead, run, most) = (&bulkhead, &run, &most);
            let (ran, refused) = (&ran, &refused);
            scope.spawn(move || {
                let calls = Pipeline::on(steadfast_core::ThreadRuntime, bulkhead);
                for number in 0..2000 {
                    let cost = 1 + (number + thread) % 2;
                    let call = calls.call(|| async {
                        most.fetch_max(run.fetch_add(cost, SeqCst) + cost, SeqCst);
                        std::thread::yield_now();
                        run.fetch_sub(cost, SeqCst);
                        Ok::<_, ()>(())
                    });
                    let call = call.options(CallOptions::new().cost(cost));
                    if number % 16 == 5 {
                        use futures::FutureExt;
                        let _ = call.now_or_never();
                        continue;
                    }
                    match futures::executor::block_on(call) {
                        Ok(()) => ran.fetch_add(1, SeqCst),
                        Err(_) => refused.fetch_add(1, SeqCst),
                    };
                }
            });
        }
    });
    assert!(most.load(SeqCst) <= 3, "{most:?}");
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
    assert!(ran.load(SeqCst) > 0);
    assert_eq!(ran.load(SeqCst) + refused.load(SeqCst), 8 * (2000 - 125));
}

#[test]
fn a_permit_comes_back_on_success_and_on_error() {
    for answer in [Ok(()), Err("down")] {
        let rig = Rig::new(one());
        rig.start().end(answer);
        assert_eq!(rig.counts(), (0, 0));
    }
}

#[test]
fn a_permit_comes_back_with_the_result_and_not_when_the_future_is_dropped() {
    let rig = Rig::new(one());
    let runtime = rig.runtime.clone();
    let calls = Pipeline::on(runtime, &rig.bulkhead);
    let mut call = rig.runtime.drive(calls.call(|| ready(Answer::Ok(()))));
    assert_eq!(call.poll(), Poll::Ready(Ok(())));
    assert_eq!(rig.counts(), (0, 0));
    drop(call);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_permit_comes_back_when_the_operation_panics() {
    let rig = Rig::new(one());
    let mut call = rig.start();
    call.panic();
    let panicked = catch_unwind(AssertUnwindSafe(|| call.poll()));
    assert!(panicked.is_err());
    drop(call);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_permit_comes_back_when_the_closure_panics_at_once_or_after_a_wait() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    #[allow(unreachable_code, reason = "the type of what never is")]
    let explodes = || {
        calls.call(|| {
            panic!("before there is a future");
            ready(Answer::Ok(()))
        })
    };
    let mut at_once = rig.runtime.drive(explodes());
    assert!(catch_unwind(AssertUnwindSafe(|| at_once.poll())).is_err());
    drop(at_once);
    assert_eq!(rig.counts(), (0, 0));

    let running = rig.start();
    let mut waits = rig.runtime.drive(explodes());
    assert!(waits.poll().is_pending());
    running.end(Ok(()));
    assert!(catch_unwind(AssertUnwindSafe(|| waits.poll())).is_err());
    drop(waits);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_permit_comes_back_on_a_timeout() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = calls.call(pending::<Answer>).timeout(ms(10));
    let error = rig.runtime.block_on(call).unwrap_err();
    assert!(error.is_timed_out());
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn a_call_that_is_dropped_ends_before_its_permit_comes_back() {
    /// What it leaves behind still works while it is dropped.
    struct Slow<'a>(&'a Bulkhead);
    impl Drop for Slow<'_> {
        fn drop(&mut self) {
            assert_eq!(self.0.in_flight(), 1, "another might run beside it");
        }
    }
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let mut call = rig.runtime.drive(calls.call(|| async {
        let _slow = Slow(&rig.bulkhead);
        pending::<Answer>().await
    }));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn an_error_of_the_operation_passes_through_as_it_is() {
    let rig = Rig::new(one());
    let calls = Pipeline::on(rig.runtime.clone(), &rig.bulkhead);
    let call = calls.call(|| ready(Answer::Err("down"))).reported();
    let report = rig.runtime.block_on(call);
    assert_eq!(report.result, Err(Error::Operation("down")));
    assert_eq!(report.attempts, 1);
}

#[test]
fn two_bulkheads_never_delay_one_another() {
    let rig = Rig::new(one());
    let other = Rig {
        runtime: rig.runtime.clone(),
        bulkhead: rig.bulkhead.fresh(),
        events: rig.events.clone(),
    };
    let running = rig.start();
    let waiting = rig.waiter();
    let elsewhere = other.start();
    assert_eq!((rig.counts(), other.counts()), ((1, 1), (1, 0)));
    elsewhere.end(Ok(()));
    assert!(!waiting.is_woken());
    drop(running);
    assert!(waiting.is_woken());
    assert_eq!(other.counts(), (0, 0));
}

#[test]
fn a_bulkhead_inside_itself_takes_two_permits() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1)
        .max_waiting(1)
        .max_wait(secs(1))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), (&bulkhead, &bulkhead));
    let refused = runtime.block_on(calls.call(|| ready(Answer::Ok(()))));
    let rejection = *refused.unwrap_err().rejection().unwrap();
    let kind = RejectionKind::BulkheadFull {
        running: 1,
        waiting: 0,
    };
    assert_eq!(
        rejection.kind(),
        kind,
        "it waited for itself, and no longer"
    );
    assert_eq!(runtime.elapsed(), secs(1));
    assert_eq!(bulkhead.in_flight(), 0);
}

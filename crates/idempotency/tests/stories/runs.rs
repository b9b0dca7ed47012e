//! Handlers: detached from their caller, or part of it.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};

use steadfast_core::{
    Error, Outcome, Pipeline, Policies, Rejection, RejectionKind, Report, Runtime, Verdict,
};
use steadfast_idempotency::{Handled, Idempotency, IntoOutcome, Refusal, State};

use crate::support::{Act, Rig, claim, ms, secs};

type Failed = &'static str;

#[test]
fn a_caller_that_goes_away_does_not_stop_the_effect() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let (effects, clock) = (rig.notes.clone(), rig.clock.clone());
    let mut caller = rig.runtime.drive(claim.run(move |ctx| async move {
        clock.sleep_until(clock.now() + secs(5)).await;
        clock.emit(&steadfast_core::Event::noted(
            "effect",
            ctx.id().key().as_str(),
        ));
        Ok::<_, Failed>("paid".to_owned())
    }));
    assert!(caller.poll().is_pending());
    rig.pass(secs(1));
    drop(caller);
    rig.pass(secs(10));
    assert_eq!(effects.take(), "k executed");
    assert_eq!(rig.state("k"), Some(State::Completed));
    let again = claim.run(|_| async { Ok::<_, Failed>("never".to_owned()) });
    let again = rig.runtime.block_on(again).unwrap();
    assert_eq!((again.value.as_str(), again.replayed), ("paid", true));
}

#[test]
fn the_caller_has_the_result_and_hears_that_it_is_the_first() {
    let rig = Rig::new();
    let run = rig.claim("k").run(|ctx| async move {
        assert!(!ctx.is_taken_over());
        assert_eq!(ctx.fence().get(), 1);
        Ok::<_, Failed>("paid".to_owned())
    });
    let answer = rig.runtime.block_on(run).unwrap();
    assert_eq!((answer.value.as_str(), answer.replayed), ("paid", false));
}

#[test]
fn an_error_of_the_handler_comes_back_as_it_is_and_counts_as_unknown() {
    let rig = Rig::new();
    let run = rig.claim("k").run(|_| async { Err::<String, _>("lost") });
    assert_eq!(rig.runtime.block_on(run), Err(Error::Operation("lost")));
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn a_handler_that_proves_that_nothing_happened_frees_the_key() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let handled = claim.run_inline(|_| async { Handled::<String, _>::NotApplied("no funds") });
    assert_eq!(
        rig.runtime.block_on(handled),
        Err(Error::Operation("no funds"))
    );
    assert_eq!(rig.state("k"), Some(State::Released));
    let handled = claim.run_inline(|_| async { Handled::<String, _>::Unknown("lost") });
    assert_eq!(rig.runtime.block_on(handled), Err(Error::Operation("lost")));
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
    let claim = rig.claim("l");
    let handled = claim.run_inline(|_| async { Handled::<_, Failed>::Applied("paid".to_owned()) });
    assert_eq!(rig.runtime.block_on(handled).unwrap().value, "paid");
}

#[test]
fn a_handler_may_borrow_from_its_caller_where_it_is_part_of_it() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let (order, charged) = ("order-7".to_owned(), Cell::new(0));
    let run = claim.run_inline(|_| async {
        charged.set(charged.get() + 1);
        Ok::<_, Failed>(order.clone())
    });
    assert_eq!(rig.runtime.block_on(run).unwrap().value, "order-7");
    // On a runtime of the caller's, where there is no background.
    let inline = Idempotency::builder(rig.store.clone()).build().unwrap();
    let inline = crate::support::claim(&inline, "k");
    let run = inline.run_inline_on(&rig.clock, |_| async {
        charged.set(charged.get() + 1);
        Ok::<_, Failed>(order.clone())
    });
    assert!(rig.runtime.block_on(run).unwrap().replayed);
    assert_eq!(charged.get(), 1);
}

#[test]
fn a_handler_that_panics_is_unknown_and_its_caller_is_told() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let mut caller = rig.runtime.drive(claim.run(|_| async {
        if true {
            panic!("in the handler");
        }
        Ok::<String, Failed>(String::new())
    }));
    assert!(caller.poll().is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| rig.runtime.run_ready())).is_err());
    let Poll::Ready(Err(Error::Rejected(rejection))) = caller.poll() else {
        panic!("it is told");
    };
    assert_eq!(Refusal::of(&rejection), Some(Refusal::Indeterminate));
    rig.runtime.run_ready();
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn a_pipeline_inside_says_by_its_report_whether_anything_was_executed() {
    let rig = Rig::new();
    let open = Rejection::new("breaker", RejectionKind::CircuitOpen);
    let calls = Pipeline::on(rig.clock.clone(), Gate(open));
    let claim = rig.claim("k");
    let run = claim.run_inline(|_| {
        calls
            .call(|| async { Ok::<_, Failed>(String::new()) })
            .reported()
    });
    assert_eq!(rig.runtime.block_on(run), Err(Error::Rejected(open)));
    assert_eq!(rig.state("k"), Some(State::Released));
    // Of a single attempt the rejection says as much.
    let run = claim.run_inline(|_| async {
        Handled::of_one_attempt(
            calls
                .call(|| async { Ok::<_, Failed>(String::new()) })
                .await,
        )
    });
    assert_eq!(rig.runtime.block_on(run), Err(Error::Rejected(open)));
    assert_eq!(rig.state("k"), Some(State::Released));
    // Of several it does not, so nobody takes its word.
    let run = claim.run_inline(|_| async {
        Handled::of_call(
            calls
                .call(|| async { Ok::<_, Failed>(String::new()) })
                .await,
        )
    });
    assert_eq!(rig.runtime.block_on(run), Err(Error::Rejected(open)));
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn the_report_of_a_call_that_may_have_executed_earlier_is_unknown() {
    let rig = Rig::new();
    let open = Rejection::new("breaker", RejectionKind::CircuitOpen);
    let calls = Pipeline::on(rig.clock.clone(), Gate(open));
    let report = rig
        .runtime
        .block_on(calls.call(|| async { Ok::<(), Failed>(()) }).reported());
    let mut report: Report<(), Failed> = report;
    assert!(!report.clone().into_outcome().verdict.may_have_executed());
    report.verdict = report.verdict.may_be_executed();
    let outcome: Outcome<(), Failed> = report.into_outcome();
    assert!(outcome.verdict.may_have_executed());
    assert_eq!(outcome.rejection(), Some(&open));
}

#[test]
fn a_refusal_of_an_inner_claim_is_not_mistaken_for_proof() {
    let inner: Result<(), Error<Failed>> =
        Err(Refusal::Indeterminate.rejection("idempotency").into());
    assert!(Handled::of_one_attempt(inner).verdict.may_have_executed());
    let inner: Result<(), Error<Failed>> = Err(Refusal::InFlight.rejection("idempotency").into());
    assert!(!Handled::of_one_attempt(inner).verdict.may_have_executed());
    assert_eq!(
        Handled::of_call(Ok::<_, Error<Failed>>(3)).verdict,
        Verdict::success()
    );
}

#[test]
fn duplicates_that_are_detached_wait_for_the_first() {
    let rig = Rig::new();
    let idempotency = rig.detached().wait_in_flight(secs(5)).build().unwrap();
    let callers: Vec<_> = (0..5)
        .map(|_| {
            let clock = rig.clock.clone();
            claim(&idempotency, "k").run(move |_| async move {
                clock.sleep_until(clock.now() + ms(300)).await;
                Ok::<_, Failed>("paid".to_owned())
            })
        })
        .collect();
    let answers = rig.runtime.block_on(futures::future::join_all(callers));
    let fresh = answers
        .iter()
        .filter(|answer| !answer.as_ref().unwrap().replayed);
    assert_eq!(fresh.count(), 1);
    assert_eq!(
        (rig.store.calls(Act::Claim), rig.store.calls(Act::Finish)),
        (1, 1)
    );
}

struct Gate(Rejection);

impl Policies for Gate {}

impl<'p, O: steadfast_core::Operation> steadfast_core::Policy<'p, O> for Gate {
    type Future = std::future::Ready<Outcome<O::Ok, O::Err>>;

    fn run(&'p self, _: O, _: steadfast_core::Attempt<O::Runtime>) -> Self::Future {
        std::future::ready(Outcome::rejected(self.0))
    }
}

type Taken = Option<Result<steadfast_idempotency::Answered<String>, Error<Failed>>>;

/// Polls a run as soon as it is woken, and keeps it.
struct AtOnce(std::sync::Mutex<(Option<steadfast_idempotency::Run<String, Failed>>, Taken)>);

impl std::task::Wake for AtOnce {
    fn wake(self: std::sync::Arc<Self>) {
        let waker = std::sync::Arc::clone(&self).into();
        let mut cell = self.0.lock().unwrap();
        let (run, taken) = &mut *cell;
        let run = std::pin::Pin::new(run.as_mut().unwrap());
        if let Poll::Ready(answer) = run.poll(&mut std::task::Context::from_waker(&waker)) {
            *taken = Some(answer);
        }
    }
}

#[test]
fn a_task_whose_result_was_taken_is_not_lost() {
    let rig = Rig::new();
    let run = rig
        .claim("k")
        .run(|_| async { Ok::<_, Failed>("paid".to_owned()) });
    let at_once = std::sync::Arc::new(AtOnce(std::sync::Mutex::new((Some(run), None))));
    std::task::Wake::wake(std::sync::Arc::clone(&at_once)); // starts it
    rig.runtime.run_ready();
    let taken = at_once.0.lock().unwrap().1.take();
    assert_eq!(taken.unwrap().unwrap().value, "paid");
    assert_eq!(rig.notes.take(), "executed");
}

#[test]
#[should_panic(expected = "after its end")]
fn a_run_that_is_polled_after_its_end_panics_and_does_not_hang() {
    let rig = Rig::new();
    let run = rig
        .claim("k")
        .run(|_| async { Ok::<_, Failed>("paid".to_owned()) });
    let mut run = rig.runtime.drive(run);
    assert!(run.poll().is_pending());
    rig.runtime.run_ready();
    assert!(run.poll().is_ready());
    let _ = run.poll();
}

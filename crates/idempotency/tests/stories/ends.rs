//! How a claim ends by the verdict of what ran under it.

use std::cell::Cell;

use steadfast_core::{
    Class, Error, Pipeline, Policies, Rejection, RejectionKind, Verdict, WithPolicy,
};
use steadfast_idempotency::{Ending, Fingerprint, Key, Refusal, State};

use crate::support::{Act, Rig, claim, id, ms, print, scope, secs};

type Failed = &'static str;

/// Calls through the claim, with an operation that ends in this.
fn call(rig: &Rig, key: &str, result: Result<String, Failed>) -> Result<String, Error<Failed>> {
    let calls = Pipeline::on(rig.clock.clone(), rig.claim(key));
    rig.runtime.block_on(calls.call(|| async { result }))
}

fn refusal<T>(result: &Result<T, Error<Failed>>) -> Option<Refusal> {
    Refusal::of(result.as_ref().err()?.rejection()?)
}

#[test]
fn the_second_call_has_the_result_of_the_first_and_runs_nothing() {
    let rig = Rig::new();
    assert_eq!(call(&rig, "k", Ok("first".into())), Ok("first".into()));
    assert_eq!(rig.state("k"), Some(State::Completed));
    assert_eq!(rig.notes.take(), "executed");
    for _ in 0..100 {
        assert_eq!(call(&rig, "k", Ok("another".into())), Ok("first".into()));
        assert_eq!(rig.notes.take(), "replayed");
    }
    assert_eq!(rig.store.calls(Act::Finish), 1);
    assert_eq!(rig.store.calls(Act::Claim), 101);
}

#[test]
fn other_keys_and_other_scopes_are_other_requests() {
    let rig = Rig::new();
    assert_eq!(call(&rig, "k", Ok("mine".into())), Ok("mine".into()));
    assert_eq!(call(&rig, "l", Ok("other".into())), Ok("other".into()));
    let idempotency = rig.detached().build().unwrap();
    let theirs = steadfast_idempotency::Scope::new("customer-8", "charge").unwrap();
    let claim = idempotency.key(&theirs, Key::new("k").unwrap(), print());
    let calls = claim.on(rig.clock.clone());
    let answer = rig
        .runtime
        .block_on(calls.call(|| async { Ok::<_, Failed>("theirs".to_owned()) }));
    assert_eq!(answer, Ok("theirs".into()));
}

#[test]
fn a_failure_that_may_have_had_an_effect_blocks_the_key_until_somebody_says() {
    let rig = Rig::new();
    assert_eq!(
        call(&rig, "k", Err("lost")),
        Err(Error::Operation("lost")),
        "the outcome is returned as it is"
    );
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
    assert_eq!(rig.notes.take(), "unknown");
    let second = call(&rig, "k", Ok("again".into()));
    assert_eq!(refusal(&second), Some(Refusal::Indeterminate));
    assert_eq!(rig.notes.take(), "indeterminate");
    let idempotency = rig.detached().build().unwrap();
    let kept = steadfast_idempotency::Codec::encode(
        &steadfast_idempotency::Raw,
        &"it was paid".to_owned(),
    )
    .unwrap();
    let resolved = idempotency
        .resolve(&id("k"), Ending::Completed(kept))
        .await_on(&rig);
    assert!(resolved.unwrap());
    assert_eq!(
        call(&rig, "k", Ok("again".into())),
        Ok("it was paid".into())
    );
    let again = idempotency
        .resolve(&id("k"), Ending::Released)
        .await_on(&rig);
    assert!(!again.unwrap(), "it is known by now");
    let found = idempotency.find(&id("k")).await_on(&rig).unwrap().unwrap();
    assert_eq!(found.state, State::Completed);
}

#[test]
fn a_key_that_is_resolved_as_not_done_runs_again() {
    let rig = Rig::new();
    assert!(call(&rig, "k", Err("lost")).is_err());
    let idempotency = rig.detached().build().unwrap();
    assert!(
        idempotency
            .resolve(&id("k"), Ending::Released)
            .await_on(&rig)
            .unwrap()
    );
    assert_eq!(call(&rig, "k", Ok("paid".into())), Ok("paid".into()));
}

#[test]
fn a_failure_that_proves_that_nothing_happened_frees_the_key() {
    let rig = Rig::new();
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"))
        .classify_errors(|_: &Failed| Verdict::transient().not_executed());
    let failed = rig
        .runtime
        .block_on(calls.call(|| async { Err::<String, _>("refused") }));
    assert_eq!(failed, Err(Error::Operation("refused")));
    assert_eq!(rig.state("k"), Some(State::Released));
    assert_eq!(rig.notes.take(), "released");
    assert_eq!(call(&rig, "k", Ok("paid".into())), Ok("paid".into()));
}

#[test]
fn a_rejection_of_another_policy_inside_frees_the_key() {
    let rig = Rig::new();
    let refuses = Gate(Rejection::new("breaker", RejectionKind::CircuitOpen));
    let calls = Pipeline::on(rig.clock.clone(), (rig.claim("k"), refuses));
    let result = rig
        .runtime
        .block_on(calls.call(|| async { Ok::<_, Failed>("never".to_owned()) }));
    assert!(matches!(result, Err(Error::Rejected(r)) if r.policy() == "breaker"));
    assert_eq!(rig.state("k"), Some(State::Released));
    // One that cut the call off proves nothing.
    let timed_out = Gate(Rejection::new(
        "timeout",
        RejectionKind::TimedOut { after: ms(5) },
    ));
    let calls = Pipeline::on(rig.clock.clone(), (rig.claim("k"), timed_out));
    let result = rig
        .runtime
        .block_on(calls.call(|| async { Ok::<_, Failed>("never".to_owned()) }));
    assert!(result.unwrap_err().is_timed_out());
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn a_release_after_a_takeover_proves_nothing_of_the_earlier_claim() {
    let rig = Rig::new();
    assert!(call(&rig, "k", Err("lost")).is_err());
    let retaking = rig.detached().retake().build().unwrap();
    let refuses = Gate(Rejection::new("breaker", RejectionKind::CircuitOpen));
    let calls = Pipeline::on(rig.clock.clone(), (claim(&retaking, "k"), refuses));
    let result = rig
        .runtime
        .block_on(calls.call(|| async { Ok::<_, Failed>("never".to_owned()) }));
    assert!(result.is_err());
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
}

#[test]
fn in_retake_mode_what_is_unknown_runs_again() {
    let rig = Rig::new();
    assert!(call(&rig, "k", Err("lost")).is_err());
    let retaking = rig.detached().retake().build().unwrap();
    let calls = claim(&retaking, "k").on_clock(&rig);
    assert_eq!(calls, Ok("again".into()));
    assert_eq!(rig.notes.take(), "unknown taken_over executed");
    assert_eq!(rig.state("k"), Some(State::Completed));
}

#[test]
fn a_key_that_was_used_for_another_request_is_the_callers_fault_whatever_its_state() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    let other = idempotency.key(
        &scope(),
        Key::new("k").unwrap(),
        Fingerprint::of(b"amount=11"),
    );
    let refused = || {
        let calls = other.on(rig.clock.clone());
        let call = calls.call(|| async { Ok::<_, Failed>("never".to_owned()) });
        let report = rig.runtime.block_on(call.reported());
        assert_eq!(report.verdict.class(), Class::Caller);
        assert_eq!(report.attempts, 0);
        refusal(&report.result)
    };
    assert!(call(&rig, "k", Err("lost")).is_err());
    assert_eq!(refused(), Some(Refusal::Mismatch), "indeterminate");
    rig.store.put(steadfast_idempotency::Record {
        state: State::InFlight,
        ..rig.store.record(&id("k")).unwrap()
    });
    assert_eq!(refused(), Some(Refusal::Mismatch), "in flight");
    rig.pass(secs(60));
    assert_eq!(refused(), Some(Refusal::Mismatch), "after the lease");
    assert_eq!(
        rig.state("k"),
        Some(State::InFlight),
        "and the record is as it was"
    );
}

#[test]
fn a_result_that_has_gone_still_says_that_it_was_done() {
    let rig = Rig::new();
    assert!(call(&rig, "k", Ok("paid".into())).is_ok());
    rig.pass(secs(24 * 60 * 60 - 1));
    assert_eq!(call(&rig, "k", Ok("again".into())), Ok("paid".into()));
    rig.pass(secs(1));
    let expired = call(&rig, "k", Ok("again".into()));
    assert_eq!(refusal(&expired), Some(Refusal::ResultExpired));
    rig.pass(secs(29 * 24 * 60 * 60));
    assert_eq!(call(&rig, "k", Ok("again".into())), Ok("again".into()));
}

#[test]
fn a_result_that_is_too_large_is_given_once_and_never_run_for_again() {
    let rig = Rig::new();
    let small = rig.detached().max_result(10).build().unwrap();
    let large = "0123456789".to_owned();
    let calls = claim(&small, "k").on_clock_with(&rig, large.clone());
    assert_eq!(calls, Ok(large));
    let again = claim(&small, "k").on_clock(&rig);
    assert_eq!(refusal(&again), Some(Refusal::ResultOmitted));
    assert_eq!(rig.state("k"), Some(State::Completed));
    // What fits is kept: the header of the codec takes six bytes.
    let fits = claim(&small, "l").on_clock_with(&rig, "0123".into());
    assert_eq!(fits, claim(&small, "l").on_clock(&rig));
}

#[test]
fn a_success_without_a_value_is_done_and_not_kept() {
    let rig = Rig::new();
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"))
        .classify_errors(|_: &Failed| Verdict::success());
    let gone = rig
        .runtime
        .block_on(calls.call(|| async { Err::<String, _>("not found") }));
    assert_eq!(gone, Err(Error::Operation("not found")));
    let again = call(&rig, "k", Ok("again".into()));
    assert_eq!(refusal(&again), Some(Refusal::ResultOmitted));
}

#[test]
fn attempts_inside_are_attempts_of_one_claim() {
    let rig = Rig::new();
    let starts = Cell::new(0);
    let calls = Pipeline::on(rig.clock.clone(), Thrice);
    let operation = || {
        starts.set(starts.get() + 1);
        async {
            if starts.get() < 3 {
                Err("again")
            } else {
                Ok("paid".to_owned())
            }
        }
    };
    let claim = rig.claim("k");
    let answer = rig.runtime.block_on(calls.call(operation).with(&claim));
    assert_eq!(answer, Ok("paid".into()));
    assert_eq!((starts.get(), rig.store.calls(Act::Claim)), (3, 1));
    let answer = rig.runtime.block_on(calls.call(operation).with(&claim));
    assert_eq!((answer, starts.get()), (Ok("paid".into()), 3));
}

#[test]
fn a_plain_future_has_its_effect_once_too() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    for _ in 0..2 {
        let once = async { Ok::<_, Failed>("paid".to_owned()) };
        let answer = rig
            .runtime
            .block_on(once.with_on(rig.clock.clone(), &claim));
        assert_eq!(answer, Ok("paid".into()));
    }
    assert_eq!(rig.notes.take(), "executed replayed");
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    drop(calls.call(|| async { Ok::<_, Failed>("never".to_owned()) }));
    drop(claim.run(|_| async { Ok::<_, Failed>("never".to_owned()) }));
    rig.pass(secs(1));
    assert_eq!(rig.store.all_calls(), 0);
    assert_eq!(rig.runtime.tasks_alive(), 0);
}

#[test]
fn a_replay_reads_no_clock_and_starts_no_timer() {
    let rig = Rig::new();
    assert!(call(&rig, "k", Ok("paid".into())).is_ok());
    let (reads, sleeps) = (rig.runtime.clock_reads(), rig.runtime.sleeps_started());
    assert!(call(&rig, "k", Ok("again".into())).is_ok());
    assert_eq!(
        (rig.runtime.clock_reads(), rig.runtime.sleeps_started()),
        (reads, sleeps)
    );
    // And a call that is ready at once starts none either.
    assert!(call(&rig, "l", Ok("paid".into())).is_ok());
    assert_eq!(rig.runtime.sleeps_started(), sleeps);
    assert_eq!(
        rig.runtime.clock_reads(),
        reads + 1,
        "for the end of its lease"
    );
}

#[test]
fn what_is_over_is_reaped_in_batches_by_whoever_spawns_the_reaper() {
    let rig = Rig::new();
    for key in 0..25 {
        assert!(call(&rig, &key.to_string(), Ok("paid".into())).is_ok());
    }
    assert!(call(&rig, "unknown", Err("lost")).is_err());
    rig.pass(secs(31 * 24 * 60 * 60));
    let idempotency = rig.detached().build().unwrap();
    assert_eq!(idempotency.reap(5).await_on(&rig).unwrap(), 5);
    drop(
        rig.runtime
            .spawn(idempotency.reaper(rig.clock.clone(), secs(60), 10)),
    );
    rig.runtime.run_ready();
    assert_eq!(
        rig.store.calls(Act::Other),
        1 + 3,
        "two full batches and an empty one"
    );
    assert_eq!(rig.state("0"), None);
    assert_eq!(rig.state("unknown"), Some(State::Indeterminate));
    rig.pass(secs(60));
    assert_eq!(rig.store.calls(Act::Other), 1 + 4);
}

/// Refuses every call.
struct Gate(Rejection);

impl Policies for Gate {}

impl<'p, O: steadfast_core::Operation> steadfast_core::Policy<'p, O> for Gate {
    type Future = std::future::Ready<steadfast_core::Outcome<O::Ok, O::Err>>;

    fn run(&'p self, _: O, _: steadfast_core::Attempt<O::Runtime>) -> Self::Future {
        std::future::ready(steadfast_core::Outcome::rejected(self.0))
    }
}

/// Makes up to three attempts.
struct Thrice;

impl Policies for Thrice {}

impl<'p, O> steadfast_core::Policy<'p, O> for Thrice
where
    O: steadfast_core::Operation + steadfast_core::Repeat + 'p,
    O::Future: 'p,
    O::Ok: 'p,
    O::Err: 'p,
{
    type Future =
        std::pin::Pin<Box<dyn Future<Output = steadfast_core::Outcome<O::Ok, O::Err>> + 'p>>;

    fn run(&'p self, operation: O, attempt: steadfast_core::Attempt<O::Runtime>) -> Self::Future {
        Box::pin(async move {
            for _ in 0..2 {
                let outcome = operation.clone().start(attempt.clone()).await;
                if outcome.verdict.is_success() {
                    return outcome;
                }
            }
            operation.start(attempt).await
        })
    }
}

trait AwaitOn: Future + Sized {
    fn await_on(self, rig: &Rig) -> Self::Output {
        rig.runtime.block_on(self)
    }
}

impl<F: Future> AwaitOn for F {}

trait OnClock {
    fn on_clock(&self, rig: &Rig) -> Result<String, Error<Failed>> {
        self.on_clock_with(rig, "again".into())
    }
    fn on_clock_with(&self, rig: &Rig, value: String) -> Result<String, Error<Failed>>;
}

impl OnClock for crate::support::Claimed {
    fn on_clock_with(&self, rig: &Rig, value: String) -> Result<String, Error<Failed>> {
        let calls = self.on(rig.clock.clone());
        rig.runtime.block_on(calls.call(|| async { Ok(value) }))
    }
}

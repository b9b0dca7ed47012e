//! What happens when the store cannot be reached, before and after the work.

use std::{cell::Cell, task::Poll};

use steadfast_core::{CallOptions, Class, Error, Policies};
use steadfast_idempotency::{Idempotency, Refusal, State, StoreErrorKind};

use crate::support::{Act, Claimed, DOWN, Fault, Rig, claim, ms, secs};

type Failed = &'static str;

fn call(rig: &Rig, claim: &Claimed) -> Result<String, Error<Failed>> {
    let calls = claim.on(rig.clock.clone());
    rig.runtime
        .block_on(calls.call(|| async { Ok("paid".to_owned()) }))
}

fn refusal<T>(result: &Result<T, Error<Failed>>) -> Option<Refusal> {
    Refusal::of(result.as_ref().err()?.rejection()?)
}

#[test]
fn a_claim_whose_answer_was_lost_is_made_again_as_the_same_one() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::Loses);
    rig.store.next(Act::Claim, Fault::Loses);
    assert_eq!(call(&rig, &rig.claim("k")), Ok("paid".into()));
    assert_eq!(rig.store.calls(Act::Claim), 3);
    let record = rig.store.record(&crate::support::id("k")).unwrap();
    assert_eq!((record.attempts, record.fence.get()), (1, 1));
}

#[test]
fn a_store_that_stays_away_is_given_up_and_nothing_is_run() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, DOWN);
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    let ran = Cell::new(false);
    let operation = || {
        ran.set(true);
        async { Ok::<_, Failed>("paid".to_owned()) }
    };
    let report = rig.runtime.block_on(calls.call(operation).reported());
    assert_eq!(refusal(&report.result), Some(Refusal::StoreUnavailable));
    assert_eq!(report.verdict.class(), Class::Transient);
    assert!(!report.verdict.may_have_executed());
    assert!(!ran.get());
    let took = rig.runtime.elapsed();
    assert!(took > ms(400) && took < secs(1), "{took:?}");
    let asked = rig.store.calls(Act::Claim);
    assert!((4..20).contains(&asked), "{asked}");
    // A deadline shortens that.
    let hurries = calls
        .call(operation)
        .options(CallOptions::new().deadline(rig.now() + ms(30)));
    let start = rig.runtime.elapsed();
    let hurries = rig.runtime.block_on(hurries);
    assert_eq!(refusal(&hurries), Some(Refusal::StoreUnavailable));
    assert!(rig.runtime.elapsed() - start <= ms(30));
}

#[test]
fn a_store_that_hangs_is_given_up_too_and_the_claim_is_withdrawn() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::SlowAnswer(secs(100)));
    let claim = rig.claim("k");
    assert_eq!(
        refusal(&call(&rig, &claim)),
        Some(Refusal::StoreUnavailable)
    );
    assert_eq!(rig.runtime.elapsed(), secs(1));
    assert_eq!(rig.state("k"), Some(State::InFlight), "it was granted");
    rig.runtime.run_ready();
    assert_eq!(rig.state("k"), Some(State::Released));
    assert_eq!(call(&rig, &claim), Ok("paid".into()));
}

#[test]
fn an_outage_that_loses_answers_leaves_no_key_blocked() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Loses);
    let claim = rig.claim("k");
    assert_eq!(
        refusal(&call(&rig, &claim)),
        Some(Refusal::StoreUnavailable)
    );
    rig.pass(secs(5));
    rig.store.mend();
    rig.pass(secs(5));
    assert_eq!(rig.state("k"), Some(State::Released));
    assert!(rig.notes.take().ends_with("store_unavailable withdrawn"));
}

#[test]
fn a_full_store_and_a_corrupt_one_are_not_asked_again() {
    let rig = Rig::new();
    rig.store
        .next(Act::Claim, Fault::Fails(StoreErrorKind::Full));
    assert_eq!(
        refusal(&call(&rig, &rig.claim("k"))),
        Some(Refusal::StoreFull)
    );
    rig.store
        .next(Act::Claim, Fault::Fails(StoreErrorKind::Corrupt));
    assert_eq!(
        refusal(&call(&rig, &rig.claim("k"))),
        Some(Refusal::StoreCorrupt)
    );
    assert_eq!(rig.store.calls(Act::Claim), 2);
}

#[test]
fn failing_open_is_a_choice_and_runs_without_a_claim() {
    let rig = Rig::new();
    rig.store.always(Act::Claim, Fault::Loses);
    let open = claim(&rig.detached().fail_open().build().unwrap(), "k");
    assert_eq!(call(&rig, &open), Ok("paid".into()));
    assert_eq!(rig.notes.take(), "fail_open");
    rig.store.mend();
    rig.pass(secs(10));
    assert_eq!(rig.store.calls(Act::Finish), 0);
    assert_eq!(
        rig.state("k"),
        Some(State::InFlight),
        "it must not be released"
    );
    rig.store.always(Act::Claim, DOWN);
    let run = open.run_inline(|ctx| async move {
        assert_eq!(ctx.fence().get(), 0);
        assert_eq!(ctx.reach("a").await, Err(Refusal::StoreUnavailable));
        Ok::<_, Failed>("paid".to_owned())
    });
    assert!(rig.runtime.block_on(run).is_ok());
    // Other refusals stay refusals.
    rig.store.mend();
    assert_eq!(refusal(&call(&rig, &open)), Some(Refusal::InFlight));
}

#[test]
fn a_result_is_returned_when_it_cannot_be_written_and_written_later() {
    for fault in [DOWN, Fault::Hangs] {
        let rig = Rig::new();
        rig.store.always(Act::Finish, fault);
        let claim = rig.claim("k");
        assert_eq!(call(&rig, &claim), Ok("paid".into()));
        assert_eq!(rig.notes.take(), "completion_deferred");
        assert_eq!(rig.state("k"), Some(State::InFlight), "the claim is kept");
        rig.pass(secs(5));
        rig.store.mend();
        rig.pass(secs(5));
        assert_eq!(rig.state("k"), Some(State::Completed));
        assert_eq!(rig.notes.take(), "ended_in_background");
        assert_eq!(call(&rig, &claim), Ok("paid".into()));
        assert_eq!(rig.notes.take(), "replayed");
    }
}

#[test]
fn a_completion_whose_answer_was_lost_is_one_all_the_same() {
    let rig = Rig::new();
    rig.store.next(Act::Finish, Fault::Loses);
    assert_eq!(call(&rig, &rig.claim("k")), Ok("paid".into()));
    assert_eq!(rig.state("k"), Some(State::Completed));
    assert_eq!(
        (rig.store.calls(Act::Finish), rig.notes.take().as_str()),
        (2, "executed")
    );
}

#[test]
fn the_background_gives_up_with_the_lease_and_deletes_nothing() {
    let rig = Rig::new();
    rig.store.always(Act::Finish, DOWN);
    assert_eq!(call(&rig, &rig.claim("k")), Ok("paid".into()));
    rig.pass(secs(60));
    assert_eq!(rig.runtime.tasks_alive(), 0);
    assert_eq!(rig.notes.take(), "completion_deferred completion_lost");
    assert_eq!(rig.state("k"), Some(State::InFlight));
    assert_eq!(
        refusal(&call(&rig, &rig.claim("k"))),
        Some(Refusal::Indeterminate)
    );
    let asked = rig.store.calls(Act::Finish);
    assert!((15..40).contains(&asked), "{asked}");
}

#[test]
fn without_a_background_an_end_is_tried_a_few_times_before_the_result_is_returned() {
    let rig = Rig::new();
    let inline = Idempotency::builder(rig.store.clone()).build().unwrap();
    let call = |key: &str| {
        let claim = claim(&inline, key);
        let calls = claim.on(rig.clock.clone());
        rig.runtime
            .block_on(calls.call(|| async { Ok::<_, Failed>("paid".to_owned()) }))
    };
    rig.store.next(Act::Finish, DOWN);
    rig.store.next(Act::Finish, Fault::Loses);
    assert_eq!(call("k"), Ok("paid".into()));
    assert_eq!(rig.state("k"), Some(State::Completed));
    assert_eq!(rig.notes.take(), "executed");
    rig.store.always(Act::Finish, DOWN);
    let before = rig.store.calls(Act::Finish);
    assert_eq!(call("l"), Ok("paid".into()));
    assert_eq!(rig.store.calls(Act::Finish) - before, 3);
    assert_eq!(rig.notes.take(), "completion_lost");
    rig.store.always(Act::Finish, Fault::Hangs);
    let start = rig.runtime.elapsed();
    assert_eq!(call("m"), Ok("paid".into()));
    assert_eq!(rig.runtime.elapsed() - start, secs(1));
}

#[test]
fn a_wait_for_the_store_is_not_taken_from_the_time_of_the_attempt() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::Slow(ms(500)));
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    let began = Cell::new(None);
    let call = calls.call_with(|info| {
        began.set(info.remaining);
        async { Ok::<_, Failed>("paid".to_owned()) }
    });
    let call = call.options(CallOptions::new().deadline(rig.now() + secs(2)));
    assert!(rig.runtime.block_on(call).is_ok());
    assert_eq!(began.get(), Some(ms(1500)), "and the deadline stays");
}

#[test]
fn poll_counts_are_those_of_the_things_that_happen() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::Slow(ms(5)));
    rig.store.next(Act::Finish, Fault::Slow(ms(5)));
    let claim = rig.claim("k");
    let calls = claim.on(rig.clock.clone());
    let mut call = rig
        .runtime
        .drive(calls.call(|| async { Ok::<_, Failed>("paid".to_owned()) }));
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(answer) = call.poll() {
            assert_eq!(answer, Ok("paid".into()));
            break;
        }
        assert!(!call.is_woken(), "it waits for something");
        while !call.is_woken() {
            assert!(rig.runtime.step());
        }
    }
    assert_eq!((polls, call.wakes()), (3, 2));
}

#[test]
fn a_lead_whose_own_time_is_short_gives_nobody_else_up() {
    let rig = Rig::new();
    rig.store.next(Act::Claim, Fault::Hangs);
    let idempotency = rig.detached().build().unwrap();
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (first.on(rig.clock.clone()), second.on(rig.clock.clone()));
    let operation = || async { Ok::<_, Failed>("paid".to_owned()) };
    let short = CallOptions::new().deadline(rig.now() + ms(50));
    let mut hurries = rig.runtime.drive(one.call(operation).options(short));
    let mut other = rig.runtime.drive(two.call(operation));
    assert!(hurries.poll().is_pending() && other.poll().is_pending());
    rig.pass(ms(50));
    assert!(hurries.poll().is_ready());
    assert_eq!(other.poll(), Poll::Ready(Ok("paid".into())));
}

#[test]
fn each_look_while_waiting_has_its_own_patience() {
    let rig = Rig::new();
    let (foreign, runtime) = (rig.claim("k"), rig.runtime.clone());
    let task = rig.runtime.spawn(async move {
        let runs = foreign.run_inline(|_| async {
            runtime.sleep(secs(6)).await;
            Ok::<_, Failed>("theirs".to_owned())
        });
        runs.await.map(|answered| answered.value)
    });
    rig.runtime.run_ready();
    rig.store.always(Act::Claim, Fault::Slow(ms(1)));
    let waits = claim(
        &rig.detached().wait_in_flight(secs(20)).build().unwrap(),
        "k",
    );
    let calls = waits.on(rig.clock.clone());
    let mut call = rig
        .runtime
        .drive(calls.call(|| async { Ok::<_, Failed>(String::new()) }));
    assert!(call.poll().is_pending());
    let mut answer = Poll::Pending;
    while answer.is_pending() {
        rig.runtime.run_ready();
        if call.is_woken() {
            if rig.runtime.elapsed() > secs(3) && rig.store.calls(Act::Other) == 0 {
                rig.store.next(Act::Claim, DOWN);
                rig.store.next(Act::Claim, DOWN);
                let _ = rig
                    .runtime
                    .block_on(steadfast_idempotency::Store::reap(&rig.store, 1));
            }
            answer = call.poll();
        } else {
            assert!(rig.runtime.step());
        }
    }
    assert_eq!(answer, Poll::Ready(Ok("theirs".into())));
    drop(task);
}

#[test]
fn failing_open_is_not_for_a_key_that_was_seen_to_be_in_flight() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let calls = foreign.on(rig.clock.clone());
    let mut running = rig
        .runtime
        .drive(calls.call(std::future::pending::<Result<String, Failed>>));
    assert!(running.poll().is_pending());
    let builder = rig.detached().wait_in_flight(secs(20)).fail_open();
    let idempotency = builder.build().unwrap();
    let (lead, follows) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (lead.on(rig.clock.clone()), follows.on(rig.clock.clone()));
    let operation = || async { Ok::<_, Failed>("twice".to_owned()) };
    let (mut one, mut two) = (
        rig.runtime.drive(one.call(operation)),
        rig.runtime.drive(two.call(operation)),
    );
    assert!(one.poll().is_pending() && two.poll().is_pending());
    rig.store.always(Act::Claim, DOWN);
    let (mut first, mut second) = (Poll::Pending, Poll::Pending);
    while first.is_pending() || second.is_pending() {
        assert!(rig.runtime.step());
        if first.is_pending() && one.is_woken() {
            first = one.poll();
        }
        if second.is_pending() && two.is_woken() {
            second = two.poll();
        }
    }
    for answer in [first, second] {
        let Poll::Ready(answer) = answer else {
            unreachable!()
        };
        assert_eq!(refusal(&answer), Some(Refusal::InFlight));
    }
}

#[test]
fn a_claim_whose_answer_was_lost_is_made_again_though_another_call_leads_by_now() {
    let rig = Rig::new();
    let builder = rig.detached().wait_in_flight(secs(60));
    let idempotency = builder.build().unwrap();
    let claims = [claim(&idempotency, "k"), claim(&idempotency, "k")];
    let (one, two) = (
        claims[0].on(rig.clock.clone()),
        claims[1].on(rig.clock.clone()),
    );
    let operation = || async { Ok::<_, Failed>("paid".to_owned()) };
    let mut one = rig.runtime.drive(one.call(operation));
    let mut two = rig.runtime.drive(two.call(operation));
    rig.store.next(Act::Claim, Fault::Loses);
    assert!(one.poll().is_pending() && two.poll().is_pending());
    // The first is not polled for so long that the second leads.
    rig.pass(secs(2));
    assert!(two.poll().is_pending());
    assert_eq!(one.poll(), Poll::Ready(Ok("paid".into())));
    while !two.is_woken() {
        assert!(rig.runtime.step());
    }
    assert_eq!(two.poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!(rig.state("k"), Some(State::Completed));
}

#[test]
fn failing_open_is_not_for_a_key_that_one_before_has_seen_to_be_in_flight() {
    let rig = Rig::new();
    let foreign = rig.claim("k");
    let calls = foreign.on(rig.clock.clone());
    let mut running = rig
        .runtime
        .drive(calls.call(std::future::pending::<Result<String, Failed>>));
    assert!(running.poll().is_pending());
    rig.store.next(Act::Claim, Fault::Slow(ms(5)));
    let builder = rig.detached().wait_in_flight(secs(20)).fail_open();
    let idempotency = builder.build().unwrap();
    let (lead, follows) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (lead.on(rig.clock.clone()), follows.on(rig.clock.clone()));
    let operation = || async { Ok::<_, Failed>("twice".to_owned()) };
    let mut one = rig.runtime.drive(one.call(operation));
    let mut two = rig.runtime.drive(two.call(operation));
    // It follows one that does not know yet, and is not woken when that hears of the other process.
    assert!(one.poll().is_pending() && two.poll().is_pending());
    rig.pass(ms(5));
    assert!(one.poll().is_pending() && !two.is_woken());
    drop(one);
    rig.store.always(Act::Claim, DOWN);
    let mut answer = two.poll();
    while answer.is_pending() {
        assert!(rig.runtime.step());
        if two.is_woken() {
            answer = two.poll();
        }
    }
    let Poll::Ready(answer) = answer else {
        unreachable!()
    };
    assert_eq!(refusal(&answer), Some(Refusal::InFlight));
}

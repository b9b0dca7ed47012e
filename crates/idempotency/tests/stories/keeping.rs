//! How a claim is kept while its work takes long, and what becomes of one that is lost.

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll};

use steadfast_core::{Driven, Error, Pipeline, Policies, Runtime};
use steadfast_idempotency::{Codec, Ctx, Ending, Raw, Refusal, Standing, State};

use crate::support::{Act, DOWN, Fault, Rig, claim, id, ms, secs};

type Failed = &'static str;
type Told = Rc<RefCell<Option<Result<String, Failed>>>>;

fn until(told: &Told) -> impl Future<Output = Result<String, Failed>> + use<> {
    let told = Rc::clone(told);
    poll_fn(move |_| told.borrow_mut().take().map_or(Poll::Pending, Poll::Ready))
}

/// Lets time pass, and polls the call whenever it is woken.
fn run<F: Future>(rig: &Rig, call: &mut Driven<F>, length: std::time::Duration) {
    let end = rig.now() + length;
    while rig.runtime.next_deadline().is_some_and(|at| at <= end) {
        rig.runtime.step();
        rig.runtime.run_ready();
        if call.is_woken() {
            assert!(call.poll().is_pending());
        }
    }
    rig.runtime.set_now(end);
}

#[test]
fn a_claim_is_renewed_every_third_of_its_lease_for_as_long_as_the_work_takes() {
    let rig = Rig::new();
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"));
    let told = Told::default();
    let mut call = rig.runtime.drive(calls.call(|| until(&told)));
    assert!(call.poll().is_pending());
    run(&rig, &mut call, secs(95));
    assert_eq!(rig.store.calls(Act::Renew), 9);
    assert_eq!(call.polls(), 10, "once for each");
    // Nobody takes over meanwhile.
    let retakes = rig.detached().retake().build().unwrap();
    let other = claim(&retakes, "k");
    let others = other.on(rig.clock.clone());
    let refused = rig
        .runtime
        .drive(others.call(|| async { Ok::<_, Failed>(String::new()) }))
        .poll();
    assert!(matches!(refused, Poll::Ready(Err(Error::Rejected(_)))));
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert_eq!(call.poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!(rig.runtime.sleeps_waiting(), 0);
}

#[test]
fn a_result_that_is_ready_is_taken_before_the_clock_is_looked_at() {
    let rig = Rig::new();
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"));
    let told = Told::default();
    let mut call = rig.runtime.drive(calls.call(|| until(&told)));
    assert!(call.poll().is_pending());
    rig.pass(secs(29)); // the renewal is long overdue
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert_eq!(call.poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!(rig.store.calls(Act::Renew), 0);
}

#[test]
fn a_renewal_under_way_is_given_up_before_the_end_is_written() {
    let rig = Rig::new();
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"));
    let told = Told::default();
    let mut call = rig.runtime.drive(calls.call(|| until(&told)));
    assert!(call.poll().is_pending());
    rig.store.next(Act::Renew, Fault::Slow(secs(60)));
    run(&rig, &mut call, secs(11));
    assert_eq!(
        rig.runtime.sleeps_waiting(),
        2,
        "the next one's time, and the store"
    );
    rig.store.next(Act::Finish, Fault::Hangs);
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert!(call.poll().is_pending());
    assert_eq!(
        rig.runtime.sleeps_waiting(),
        1,
        "for how long the store is waited for"
    );
}

#[test]
fn a_renewal_that_fails_is_tried_again_and_the_work_goes_on() {
    let rig = Rig::new();
    let claim = rig.claim("k");
    let told = Told::default();
    let seen: Rc<RefCell<Option<Ctx>>> = Rc::default();
    let mut call = rig.runtime.drive(claim.run_inline(|ctx| {
        *seen.borrow_mut() = Some(ctx);
        until(&told)
    }));
    assert!(call.poll().is_pending());
    let standing = || seen.borrow().as_ref().unwrap().standing();
    assert_eq!(standing(), Standing::Held);
    rig.store.always(Act::Renew, DOWN);
    run(&rig, &mut call, secs(15));
    assert_eq!(standing(), Standing::Unsure);
    assert_eq!(rig.store.calls(Act::Renew), 3, "after 10, 12.5 and 15 s");
    rig.store.mend();
    run(&rig, &mut call, ms(2500));
    assert_eq!(standing(), Standing::Held);
    run(&rig, &mut call, secs(10));
    assert_eq!(rig.store.calls(Act::Renew), 5);
    // One that hangs is given up for the next.
    rig.store.next(Act::Renew, Fault::Hangs);
    run(&rig, &mut call, secs(10) + secs(10) + ms(2500));
    assert_eq!(standing(), Standing::Held);
    *told.borrow_mut() = Some(Ok("paid".into()));
    let Poll::Ready(Ok(answer)) = call.poll() else {
        panic!("it ends")
    };
    assert_eq!((answer.value.as_str(), answer.replayed), ("paid", false));
}

#[test]
fn who_was_fenced_knows_and_its_result_does_not_count() {
    for other_ends in [true, false] {
        let rig = Rig::new();
        let first = rig.claim("k");
        let told = Told::default();
        let seen: Rc<RefCell<Option<Ctx>>> = Rc::default();
        let mut slow = rig.runtime.drive(first.run_inline(|ctx| {
            *seen.borrow_mut() = Some(ctx);
            until(&told)
        }));
        assert!(slow.poll().is_pending());
        rig.pass(secs(30)); // it is stuck, and does not renew
        let retakes = rig.detached().retake().build().unwrap();
        let second = claim(&retakes, "k");
        let others = Told::default();
        let mut other = rig.runtime.drive(second.run_inline(|ctx| {
            assert!(ctx.is_taken_over());
            assert!(ctx.fence() > seen.borrow().as_ref().unwrap().fence());
            until(&others)
        }));
        assert!(other.poll().is_pending());
        assert!(slow.poll().is_pending());
        assert_eq!(seen.borrow().as_ref().unwrap().standing(), Standing::Fenced);
        let reached = rig
            .runtime
            .block_on(seen.borrow().as_ref().unwrap().reach("charged"));
        assert_eq!(reached, Err(Refusal::Fenced));
        assert_eq!(rig.notes.take(), "taken_over fenced_while_running");
        if other_ends {
            *others.borrow_mut() = Some(Ok("theirs".into()));
            assert!(other.poll().is_ready());
        }
        *told.borrow_mut() = Some(Ok("mine".into()));
        let Poll::Ready(answer) = slow.poll() else {
            panic!("it ends")
        };
        if other_ends {
            let answer = answer.unwrap();
            assert_eq!((answer.value.as_str(), answer.replayed), ("theirs", true));
            assert_eq!(rig.notes.take(), "executed fenced");
        } else {
            let rejection = *answer.unwrap_err().rejection().unwrap();
            assert_eq!(Refusal::of(&rejection), Some(Refusal::Fenced));
            assert_eq!(rig.state("k"), Some(State::InFlight), "it is the other's");
            assert_eq!(rig.notes.take(), "fenced");
        }
    }
}

#[test]
fn a_late_completion_counts_where_nobody_has_taken_over() {
    let rig = Rig::new();
    let calls = Pipeline::on(rig.clock.clone(), rig.claim("k"));
    let told = Told::default();
    let mut call = rig.runtime.drive(calls.call(|| until(&told)));
    assert!(call.poll().is_pending());
    rig.pass(secs(60));
    // Somebody has looked, so it is indeterminate by now.
    let other = rig.claim("k");
    let others = other.on(rig.clock.clone());
    let refused = rig
        .runtime
        .block_on(others.call(|| async { Ok::<_, Failed>(String::new()) }));
    assert!(refused.is_err());
    assert_eq!(rig.state("k"), Some(State::Indeterminate));
    *told.borrow_mut() = Some(Ok("paid".into()));
    assert_eq!(call.poll(), Poll::Ready(Ok("paid".into())));
    assert_eq!(rig.state("k"), Some(State::Completed));
}

#[test]
fn a_point_that_was_reached_is_told_to_who_takes_over() {
    let rig = Rig::new();
    let first = rig.claim("k");
    let crashed = first.run_inline(|ctx| async move {
        assert_eq!(ctx.step(), None);
        ctx.reach("charged").await.unwrap();
        Err::<String, _>("crash")
    });
    assert!(rig.runtime.block_on(crashed).is_err());
    let second = claim(&rig.detached().retake().build().unwrap(), "k");
    let again = second.run_inline(|ctx| async move {
        assert_eq!(ctx.step(), Some("charged"));
        assert_eq!(
            ctx.downstream_key("charge"),
            id("k").downstream_key("charge")
        );
        Ok::<_, Failed>("paid".to_owned())
    });
    assert_eq!(rig.runtime.block_on(again).unwrap().value, "paid");
}

#[test]
fn reaching_a_point_renews_the_lease_and_says_when_it_cannot() {
    let rig = Rig::new();
    let first = rig.claim("k");
    let store = rig.store.clone();
    let clock = rig.clock.clone();
    let run = first.run_inline(|ctx| async move {
        store.next(Act::Renew, DOWN);
        assert_eq!(ctx.reach("a").await, Err(Refusal::StoreUnavailable));
        clock.sleep_until(clock.now() + secs(5)).await;
        assert_eq!(ctx.reach("a").await, Ok(()));
        Ok::<_, Failed>("paid".to_owned())
    });
    assert!(rig.runtime.block_on(run).is_ok());
    let record = rig.store.record(&id("k")).unwrap();
    assert_eq!(record.step.as_deref(), Some("a"));
    assert_eq!(record.lease_until.since(record.created_at), secs(35));
}

#[test]
fn a_duplicate_here_is_told_of_the_lease_as_it_was_renewed() {
    let rig = Rig::new();
    let idempotency = rig.detached().build().unwrap();
    let (first, second) = (claim(&idempotency, "k"), claim(&idempotency, "k"));
    let (one, two) = (first.on(rig.clock.clone()), second.on(rig.clock.clone()));
    let mut call = rig
        .runtime
        .drive(one.call(std::future::pending::<Result<String, Failed>>));
    assert!(call.poll().is_pending());
    run(&rig, &mut call, secs(35));
    let duplicate = rig
        .runtime
        .block_on(two.call(|| async { Ok::<_, Failed>(String::new()) }));
    let rejection = *duplicate.unwrap_err().rejection().unwrap();
    assert_eq!(rejection.retry_after(), Some(secs(25)));
    assert_eq!(rig.store.calls(Act::Claim), 1);
}

#[test]
fn who_knows_that_it_was_fenced_does_not_have_its_own_result_where_the_store_is_away_at_the_end() {
    for fault in [DOWN, Fault::Hangs] {
        let rig = Rig::new();
        let first = rig.claim("k");
        let told = Told::default();
        let mut slow = rig.runtime.drive(first.run_inline(|_| until(&told)));
        assert!(slow.poll().is_pending());
        rig.pass(secs(30)); // it is stuck, and does not renew
        let retakes = claim(&rig.detached().retake().build().unwrap(), "k");
        let run = retakes.run_inline(|_| async { Ok::<_, Failed>("second".to_owned()) });
        assert!(rig.runtime.block_on(run).is_ok());
        assert!(slow.poll().is_pending()); // the renewal says so
        assert!(rig.notes.take().ends_with("fenced_while_running"));
        rig.store.always(Act::Finish, fault);
        *told.borrow_mut() = Some(Ok("first".into()));
        let mut answer = slow.poll();
        while answer.is_pending() {
            assert!(rig.runtime.step());
            if slow.is_woken() {
                answer = slow.poll();
            }
        }
        let Poll::Ready(Err(Error::Rejected(rejection))) = answer else {
            panic!("its own result: {answer:?}");
        };
        assert_eq!(Refusal::of(&rejection), Some(Refusal::Fenced));
        assert_eq!(rig.runtime.tasks_alive(), 0, "there is nothing to write");
    }
}

#[test]
fn who_was_fenced_stays_so_whatever_comes_of_a_renewal() {
    let rig = Rig::new();
    let claimed = rig.claim("k");
    let seen: Rc<RefCell<Option<Ctx>>> = Rc::default();
    let mut slow = rig.runtime.drive(claimed.run_inline(|ctx| {
        *seen.borrow_mut() = Some(ctx);
        std::future::pending::<Result<String, Failed>>()
    }));
    assert!(slow.poll().is_pending());
    rig.pass(secs(30));
    let retakes = claim(&rig.detached().retake().build().unwrap(), "k");
    let run = retakes.run_inline(|_| async { Ok::<_, Failed>("second".to_owned()) });
    assert!(rig.runtime.block_on(run).is_ok());
    let ctx = seen.borrow().clone().unwrap();
    let reached = rig.runtime.block_on(ctx.reach("charged"));
    assert_eq!(
        (reached, ctx.standing()),
        (Err(Refusal::Fenced), Standing::Fenced)
    );
    rig.store.next(Act::Renew, DOWN);
    assert!(slow.poll().is_pending());
    assert_eq!(ctx.standing(), Standing::Fenced);
}

#[test]
fn who_was_resolved_by_hand_meanwhile_has_the_result_that_is_kept() {
    let rig = Rig::new();
    let first = rig.claim("k");
    let told = Told::default();
    let mut slow = rig.runtime.drive(first.run_inline(|_| until(&told)));
    assert!(slow.poll().is_pending());
    rig.pass(secs(30)); // it is stuck, and counts as lost
    let other = rig.claim("k");
    let run = other.run_inline(|_| async { Ok::<_, Failed>(String::new()) });
    assert!(rig.runtime.block_on(run).is_err());
    let by_hand = Codec::<String>::encode(&Raw, &"by hand".to_owned()).unwrap();
    let resolved = first.idempotency();
    let resolved = resolved.resolve(first.id(), Ending::Completed(by_hand));
    assert!(rig.runtime.block_on(resolved).unwrap());
    *told.borrow_mut() = Some(Ok("late".into()));
    let Poll::Ready(Ok(answer)) = slow.poll() else {
        panic!("it ends")
    };
    assert_eq!((answer.value.as_str(), answer.replayed), ("by hand", true));
}

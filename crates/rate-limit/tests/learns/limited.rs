//! Whom the limit lets through, and when.

use std::task::Poll;

use steadfast_core::{CallOptions, Driven, Error, RejectionKind, Verdict};
use steadfast_rate_limit::{AdaptiveRate, RateLimit};

use crate::common::{GOOD, Rig, SECOND, THROTTLED, adaptive, ms, secs};

#[test]
fn until_a_call_is_throttled_all_are_admitted() {
    let rig = Rig::new(adaptive().burst(1));
    for _ in 0..1000 {
        rig.one(GOOD); // all at one instant
    }
    assert_eq!(rig.limit.rate_per_second(), None);
    assert!(rig.events.borrow().is_empty());
}

#[test]
fn from_then_on_calls_come_at_the_rate_and_what_was_sent_has_used_the_burst_up() {
    let rig = Rig::throttled(adaptive().burst(10));
    let interval = ms(1000) / 70;
    let refused = rig.limit.try_acquire(&rig.runtime, 1).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    let wait = refused.retry_after().unwrap();
    assert!(wait.abs_diff(interval) < interval / 50, "{wait:?}");
    rig.pass(secs(1));
    let admitted = (0..100).filter(|_| rig.admits()).count();
    assert_eq!(admitted, 10, "the burst, after a pause");
}

#[test]
fn a_call_that_does_not_fit_is_refused_and_told_how_long_to_wait() {
    let rig = Rig::throttled(adaptive());
    let mut call = rig.call_of(GOOD, SECOND);
    let Poll::Ready(Err(Error::Rejected(refused))) = call.poll() else {
        panic!("not refused");
    };
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    let told = r#"Rejected { policy: "rate limit", kind: RateLimited }"#;
    assert_eq!(*rig.events.borrow(), [told]);
    rig.pass(refused.retry_after().unwrap());
    assert!(rig.admits());
}

#[test]
fn or_waits_for_its_turn_and_is_then_answered() {
    let rig = Rig::throttled(adaptive().wait(secs(10)));
    let mut calls: Vec<_> = (0..7).map(|_| rig.start(GOOD, ms(1))).collect();
    assert_eq!(rig.limit.waiting(), 7);
    rig.pass(ms(50)); // three turns of 14.3 ms
    let mut running = calls.iter_mut().filter(|call| call.is_woken());
    assert!(running.all(|call| call.poll().is_pending()));
    assert_eq!(rig.limit.waiting(), 4);
    rig.pass(ms(1));
    let ended = calls.iter_mut().filter(|call| call.is_woken());
    let ended = ended.filter_map(|call| match call.poll() {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), [const { Ok(()) }; 3]);
}

#[test]
fn who_waits_has_an_earlier_turn_when_the_rate_grows() {
    let rig = Rig::throttled(adaptive().wait(secs(60)));
    let mut calls: Vec<_> = (0..140).map(|_| rig.start(GOOD, ms(1))).collect();
    let last = calls.last_mut().unwrap();
    let wakes = last.wakes();
    // A call that was sent before ends well a second later: the rate is that of the curve by then.
    rig.pass(secs(1));
    rig.record(&Verdict::success());
    assert!(rig.rate() > 85.0, "{}", rig.rate());
    assert_eq!(last.wakes(), wakes + 1);
    assert!(last.poll().is_pending());
    assert!(!last.is_woken());
}

#[test]
fn who_waits_has_a_later_turn_when_it_shrinks_and_is_refused_where_that_is_too_late() {
    let rig = Rig::throttled(adaptive().wait(ms(400)));
    let mut calls: Vec<_> = (0..28).map(|_| rig.start(GOOD, ms(1))).collect();
    rig.record(&Verdict::overloaded());
    rig.assert_rate(49.0);
    let refused = calls.iter_mut().filter(|call| call.is_woken());
    let refused = refused.map(Driven::poll);
    let refused = refused.filter(|poll| matches!(poll, Poll::Ready(Err(Error::Rejected(_)))));
    assert_eq!(refused.count(), 9, "19 of 28 have their turn in 400 ms");
    assert_eq!(rig.limit.waiting(), 19);
}

#[test]
fn a_call_whose_turn_is_after_its_deadline_is_refused_at_once() {
    let rig = Rig::throttled(adaptive().wait(secs(60)));
    let options = CallOptions::new().deadline(rig.now() + ms(14));
    let mut call = rig.call(options, std::future::ready(GOOD));
    assert!(matches!(call.poll(), Poll::Ready(Err(Error::Rejected(_)))));
}

#[test]
fn an_initial_rate_limits_from_the_first_call_on_and_begins_with_a_burst() {
    let rate = AdaptiveRate::new().initial(10, SECOND);
    let rig = Rig::new(RateLimit::adaptive(rate).burst(3));
    rig.assert_rate(10.0);
    let admitted = (0..10).filter(|_| rig.admits()).count();
    assert_eq!(admitted, 3);
    rig.pass(ms(100));
    assert!(rig.admits() && !rig.admits());
}

#[test]
fn a_call_that_costs_more_than_the_burst_is_refused_also_while_nothing_is_limited() {
    for rig in [Rig::new(adaptive()), Rig::throttled(adaptive())] {
        rig.pass(secs(10));
        let mut call = rig.call(CallOptions::new().cost(11), std::future::ready(GOOD));
        let Poll::Ready(Err(Error::Rejected(refused))) = call.poll() else {
            panic!("not refused");
        };
        assert!(matches!(refused.kind(), RejectionKind::Other(_)));
        assert_eq!(refused.retry_after(), None);
        assert!(rig.limit.try_acquire(&rig.runtime, 11).is_err());
        assert!(rig.limit.try_acquire(&rig.runtime, 10).is_ok());
    }
}

#[test]
fn a_call_takes_as_much_as_it_costs() {
    let rig = Rig::throttled(adaptive());
    rig.pass(secs(1));
    assert!(rig.limit.try_acquire(&rig.runtime, 8).is_ok());
    assert!(rig.limit.try_acquire(&rig.runtime, 3).is_err());
    assert!(rig.limit.try_acquire(&rig.runtime, 2).is_ok());
}

#[test]
fn a_call_that_waits_and_is_dropped_gives_its_slot_to_those_behind() {
    let rig = Rig::throttled(adaptive().wait(secs(10)));
    let first = rig.start(THROTTLED, ms(1));
    let mut second = rig.start(GOOD, ms(1));
    drop(first);
    assert_eq!(rig.limit.waiting(), 1);
    rig.assert_rate(70.0);
    assert!(second.poll().is_pending());
    rig.pass(ms(15));
    assert!(second.poll().is_pending(), "it runs");
    assert_eq!(rig.limit.waiting(), 0);
}

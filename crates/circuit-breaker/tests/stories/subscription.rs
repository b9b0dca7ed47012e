//! Following the transitions.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use futures::FutureExt;
use steadfast_circuit_breaker::{Cause, CircuitBreaker, State, Transitions};

use crate::common::{Rig, brittle, panics, read, secs};

fn wakes_of(rig: &Rig, transitions: &mut Transitions, change: impl FnOnce()) -> u64 {
    let mut next = rig.runtime.drive(transitions.recv());
    assert!(next.poll().is_pending());
    change();
    next.wakes()
}

/// Opens and closes it so many times.
fn cycle(rig: &Rig, times: u32) {
    for _ in 0..times {
        rig.bad(1);
        rig.pass(secs(5));
        rig.good(1);
    }
}

#[test]
fn all_transitions_come_in_order() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    cycle(&rig, 2);
    rig.breaker.isolate();
    let mut sequences = Vec::new();
    let mut last = State::Closed;
    while let Some(step) = transitions.try_recv() {
        assert_eq!(step.from, last);
        last = step.to;
        sequences.push(step.sequence);
    }
    assert_eq!((sequences, last), ((1..=7).collect(), State::Isolated));
}

#[test]
fn it_begins_with_the_subscription() {
    let rig = Rig::new(brittle());
    cycle(&rig, 1);
    let mut transitions = rig.breaker.subscribe();
    assert_eq!(transitions.try_recv(), None);
    rig.breaker.isolate();
    let step = transitions.try_recv().unwrap();
    assert_eq!(
        (step.sequence, step.from, step.to),
        (4, State::Closed, State::Isolated)
    );
    assert_eq!(step.cause, Cause::ByHand);
}

#[test]
fn a_slow_reader_sees_the_last_64_and_how_many_it_missed() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    cycle(&rig, 100);
    let sequences: Vec<_> = std::iter::from_fn(|| transitions.try_recv())
        .map(|step| step.sequence)
        .collect();
    assert_eq!(sequences, (237..=300).collect::<Vec<u64>>());
}

#[test]
fn a_reader_that_keeps_up_misses_nothing() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    for round in 0..100 {
        cycle(&rig, 1);
        for step in 1..=3 {
            let sequence = transitions.try_recv().unwrap().sequence;
            assert_eq!(sequence, 3 * round + step);
        }
    }
    assert_eq!(transitions.try_recv(), None);
}

#[test]
fn readers_do_not_take_from_each_other() {
    let rig = Rig::new(brittle());
    let (mut one, mut two) = (rig.breaker.subscribe(), rig.breaker.subscribe());
    cycle(&rig, 1);
    assert_eq!(read(&mut one).len(), 3);
    assert_eq!(read(&mut two).len(), 3);
}

#[test]
fn what_is_there_is_ready_at_once() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    rig.breaker.isolate();
    let mut next = rig.runtime.drive(transitions.recv());
    let Poll::Ready(Some(step)) = next.poll() else {
        panic!("it is there")
    };
    assert_eq!(step.to, State::Isolated);
    assert_eq!(next.wakes(), 0);
}

#[test]
fn a_waiting_reader_is_woken_once_for_a_transition() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let mut next = rig.runtime.drive(transitions.recv());
    for _ in 0..5 {
        assert!(next.poll().is_pending());
    }
    assert_eq!(next.wakes(), 0);
    rig.bad(1);
    assert_eq!(next.wakes(), 1, "however often it was polled");
    let Poll::Ready(Some(step)) = next.poll() else {
        panic!("it was woken for this")
    };
    assert_eq!((step.from, step.to), (State::Closed, State::Open));
}

#[test]
fn every_waiting_reader_is_woken() {
    let rig = Rig::new(brittle());
    let mut readers: Vec<_> = (0..5).map(|_| rig.breaker.subscribe()).collect();
    let mut waiting: Vec<_> = readers
        .iter_mut()
        .map(|reader| rig.runtime.drive(reader.recv()))
        .collect();
    assert!(waiting.iter_mut().all(|next| next.poll().is_pending()));
    rig.bad(1);
    assert!(waiting.iter().all(|next| next.wakes() == 1));
    assert!(waiting.iter_mut().all(|next| next.poll().is_ready()));
}

#[test]
fn a_reader_is_woken_for_transitions_only() {
    let rig = Rig::new(brittle().probes(2));
    let mut transitions = rig.breaker.subscribe();
    let reset = wakes_of(&rig, &mut transitions, || rig.breaker.reset());
    assert_eq!(reset, 0, "it was closed before");
    let calls = wakes_of(&rig, &mut transitions, || rig.good(10));
    assert_eq!(calls, 0);
    let kept = rig.snapshot();
    let restored = wakes_of(&rig, &mut transitions, || {
        rig.breaker.restore_at(rig.now(), &kept);
    });
    assert_eq!(restored, 0, "it was closed before");
    rig.breaker.isolate();
    read(&mut transitions);
    let again = wakes_of(&rig, &mut transitions, || rig.breaker.isolate());
    assert_eq!(again, 0, "it was isolated before");
    rig.breaker.open_for_at(rig.now(), secs(0));
    drop(rig.probe());
    read(&mut transitions);
    let probe = wakes_of(&rig, &mut transitions, || rig.good(1));
    assert_eq!(probe, 0, "one of two");
}

#[test]
fn a_dropped_future_loses_no_transition() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let mut next = rig.runtime.drive(transitions.recv());
    assert!(next.poll().is_pending());
    rig.bad(1);
    assert_eq!(next.wakes(), 1);
    drop(next);
    drop(transitions.recv());
    assert_eq!(read(&mut transitions).len(), 1);
}

/// Does something when it is woken, or dropped.
struct Acts {
    on_wake: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    on_drop: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Acts {
    fn waker(
        on_wake: impl FnOnce() + Send + 'static,
        on_drop: impl FnOnce() + Send + 'static,
    ) -> Waker {
        Waker::from(Arc::new(Acts {
            on_wake: Mutex::new(Some(Box::new(on_wake))),
            on_drop: Mutex::new(Some(Box::new(on_drop))),
        }))
    }
}

impl Wake for Acts {
    fn wake(self: Arc<Self>) {
        let act = self.on_wake.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
    }
}

impl Drop for Acts {
    fn drop(&mut self) {
        if let Some(act) = self.on_drop.get_mut().unwrap().take() {
            act();
        }
    }
}

#[test]
fn a_waker_may_call_the_breaker() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let (woken, dropped) = (rig.breaker.clone(), rig.breaker.clone());
    let waker = Acts::waker(move || woken.isolate(), move || dropped.reset());
    let mut cx = Context::from_waker(&waker);
    assert!(transitions.poll_recv(&mut cx).is_pending());
    drop(waker);
    rig.bad(1);
    // Woken by the opening it isolates the breaker, and dropped it resets it.
    let states: Vec<_> = read(&mut transitions).iter().map(|step| step.1).collect();
    assert_eq!(states, [State::Open, State::Isolated, State::Closed]);
}

#[test]
fn a_waker_that_is_replaced_is_dropped_outside_the_lock() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let dropped = rig.breaker.clone();
    let waker = Acts::waker(|| (), move || dropped.isolate());
    assert!(
        transitions
            .poll_recv(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert_eq!(rig.state(), State::Closed, "the breaker keeps it");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(transitions.poll_recv(&mut cx).is_pending());
    assert_eq!(rig.state(), State::Isolated);
}

#[test]
fn a_waker_that_is_forgotten_is_dropped_outside_the_lock() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let dropped = rig.breaker.clone();
    let waker = Acts::waker(|| (), move || dropped.isolate());
    assert!(
        transitions
            .poll_recv(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert_eq!(rig.state(), State::Closed, "the breaker keeps it");
    drop(transitions);
    assert_eq!(rig.state(), State::Isolated);
}

#[test]
fn a_dropped_future_leaves_no_waker_behind() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let woken = Arc::new(Mutex::new(0));
    let count = Arc::clone(&woken);
    let waker = Acts::waker(move || *count.lock().unwrap() += 1, || ());
    {
        let mut next = pin!(transitions.recv());
        assert!(
            next.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    rig.bad(1);
    assert_eq!(*woken.lock().unwrap(), 0);
    assert_eq!(
        Arc::strong_count(&woken),
        2,
        "the waker is held by the test alone"
    );
}

#[test]
fn a_dropped_reader_is_forgotten() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let held = Arc::new(());
    let part = Arc::clone(&held);
    let waker = Acts::waker(move || drop(part), || ());
    assert!(
        transitions
            .poll_recv(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert_eq!(Arc::strong_count(&held), 2, "it is kept by the breaker");
    drop(transitions);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_stream_can_be_made_of_it() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let mut stream = rig.runtime.drive(async move {
        let mut states = Vec::new();
        while states.len() < 3 {
            let step = poll_fn(|cx| transitions.poll_recv(cx)).await;
            states.push(step.unwrap().to);
        }
        states
    });
    assert!(stream.poll().is_pending());
    rig.bad(1);
    assert!(stream.poll().is_pending());
    rig.pass(secs(5));
    rig.good(1);
    let states = [State::Open, State::HalfOpen, State::Closed];
    assert_eq!(stream.poll(), Poll::Ready(states.to_vec()));
    assert_eq!(
        stream.wakes(),
        2,
        "two transitions came while nobody waited"
    );
}

#[test]
fn a_subscription_outlives_its_handle() {
    let mut transitions = CircuitBreaker::default().subscribe();
    assert_eq!(transitions.try_recv(), None);
}

#[test]
fn it_ends_with_the_last_handle_and_when_all_is_read() {
    let Rig { breaker, calls, .. } = Rig::new(brittle());
    let mut transitions = breaker.subscribe();
    breaker.isolate();
    drop(calls);
    assert!(!transitions.has_ended(), "there is a handle left");
    drop(breaker);
    assert!(transitions.has_ended());
    let mut next = || transitions.recv().now_or_never().unwrap();
    assert_eq!(next().map(|step| step.to), Some(State::Isolated));
    assert_eq!((next(), next()), (None, None));
}

#[test]
fn a_waiting_reader_is_woken_when_the_last_handle_is_gone() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    let mut next = rig.runtime.drive(transitions.recv());
    assert!(next.poll().is_pending());
    let Rig { breaker, calls, .. } = rig;
    drop(breaker);
    assert_eq!(next.wakes(), 0, "a pipeline has it still");
    drop(calls);
    assert_eq!(next.wakes(), 1);
    assert_eq!(next.poll(), Poll::Ready(None));
}

#[test]
fn a_waker_that_panics_takes_no_wake_up_from_other_readers() {
    let rig = Rig::new(brittle());
    let (mut one, mut two) = (rig.breaker.subscribe(), rig.breaker.subscribe());
    let waker = Acts::waker(|| panic!("a waker that does not like this"), || ());
    assert!(one.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    let mut next = rig.runtime.drive(two.recv());
    assert!(next.poll().is_pending());
    panics(|| rig.breaker.isolate());
    assert_eq!((rig.state(), next.wakes()), (State::Isolated, 1));
}

#[test]
fn a_waker_that_panics_takes_no_place_of_a_probe() {
    let rig = Rig::opened(brittle());
    let mut transitions = rig.breaker.subscribe();
    let waker = Acts::waker(|| panic!("a waker that does not like this"), || ());
    let mut cx = Context::from_waker(&waker);
    assert!(transitions.poll_recv(&mut cx).is_pending());
    rig.pass(secs(5));
    panics(|| drop(rig.breaker.try_acquire(&rig.runtime)));
    assert_eq!((rig.state(), rig.free_probes()), (State::HalfOpen, 1));
}

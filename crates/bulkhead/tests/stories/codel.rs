//! A queue under overload.

use std::time::Duration;

use steadfast_bulkhead::Order;

use crate::common::{Held, Rig, ms, one, poll_woken};

/// One permit at a time, which is handed on when it is said.
struct Overload {
    rig: Rig,
    running: Option<Held>,
    waiting: Vec<(u32, Held)>,
    next: u32,
}

impl Overload {
    fn new() -> Overload {
        let rig = Rig::new(one().order(Order::CODEL));
        let running = Some(rig.start());
        Overload {
            rig,
            running,
            waiting: Vec::new(),
            next: 0,
        }
    }

    fn arrive(&mut self, calls: u32) {
        for _ in 0..calls {
            self.waiting.push((self.next, self.rig.waiter()));
            self.next += 1;
        }
    }

    /// Ends the call that runs: who runs next, and who was given up.
    fn serve(&mut self) -> (u32, Vec<u32>) {
        self.running.take().unwrap().end(Ok(()));
        let (mut served, mut given_up) = (None, Vec::new());
        let all = std::mem::take(&mut self.waiting);
        for (number, mut call) in all {
            if !call.is_woken() {
                self.waiting.push((number, call));
            } else if call.poll().is_pending() {
                served = Some(number);
                self.running = Some(call);
            } else {
                given_up.push(number);
            }
        }
        (served.expect("somebody is served"), given_up)
    }

    fn pass(&self, millis: u64) {
        self.rig.pass(ms(millis));
    }
}

#[test]
fn a_burst_that_is_over_within_an_interval_is_served_in_order() {
    let mut queue = Overload::new();
    queue.arrive(20);
    for number in 0..19 {
        queue.pass(5);
        assert_eq!(queue.serve(), (number, vec![]));
    }
}

#[test]
fn waits_below_the_target_are_no_overload_however_long_they_go_on() {
    let mut queue = Overload::new();
    queue.arrive(2);
    for number in 0..200 {
        queue.pass(2);
        assert_eq!(queue.serve(), (number, vec![]));
        queue.arrive(1);
    }
}

#[test]
fn under_overload_the_newest_are_served_and_the_oldest_given_up() {
    let mut queue = Overload::new();
    queue.arrive(50);
    queue.pass(5);
    assert_eq!(queue.serve(), (0, vec![]), "the interval begins");
    queue.pass(99);
    assert_eq!(queue.serve(), (1, vec![]));
    queue.pass(1);
    assert_eq!(queue.serve(), (49, vec![2]), "it is over");
    queue.pass(99);
    assert_eq!(queue.serve(), (48, vec![]));
    queue.pass(1);
    assert_eq!(queue.serve(), (47, vec![3]), "100 ms after the first");
    queue.pass(70);
    assert_eq!(queue.serve(), (46, vec![]));
    queue.pass(1);
    assert_eq!(queue.serve(), (45, vec![4]), "100 / sqrt(2) after that");
    queue.pass(108);
    assert_eq!(queue.serve(), (44, vec![5, 6]), "and what it has missed");
}

#[test]
fn it_goes_back_to_fifo_when_the_oldest_has_waited_less_than_the_target() {
    let mut queue = Overload::new();
    queue.arrive(4);
    queue.pass(5);
    assert_eq!(queue.serve(), (0, vec![]));
    queue.pass(100);
    assert_eq!(queue.serve(), (3, vec![1]));
    assert_eq!(queue.serve(), (2, vec![]), "the only one");
    queue.arrive(3);
    queue.pass(4);
    assert_eq!(queue.serve(), (4, vec![]));
    queue.pass(2);
    assert_eq!(queue.serve(), (5, vec![]), "an interval begins anew");
}

#[test]
fn a_queue_that_all_have_left_forgets_how_long_they_waited() {
    for overloaded in [false, true] {
        let mut queue = Overload::new();
        queue.arrive(9);
        queue.pass(5);
        queue.serve();
        if overloaded {
            queue.pass(100);
            assert_eq!(queue.serve(), (8, vec![1]));
        }
        queue.waiting.clear();
        queue.arrive(3);
        queue.pass(100);
        let (served, given_up) = queue.serve();
        assert_eq!((served, given_up), (9, vec![]), "an interval begins");
    }
}

#[test]
fn an_overload_ends_with_its_queue() {
    let mut queue = Overload::new();
    queue.arrive(9);
    queue.pass(5);
    queue.serve();
    queue.pass(100);
    assert_eq!(queue.serve(), (8, vec![1]));
    queue.waiting.clear();
    queue.arrive(2);
    // A resize knows no time, and serves as the queue is.
    queue.rig.bulkhead.resize(2).unwrap();
    let woken = queue.waiting.iter().map(|(_, call)| call.is_woken());
    assert_eq!(woken.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_call_that_was_given_up_says_so_as_any_refusal() {
    let mut queue = Overload::new();
    queue.arrive(3);
    queue.pass(5);
    queue.serve();
    queue.arrive(1);
    queue.pass(100);
    queue.running.take().unwrap().end(Ok(()));
    let (_, oldest) = queue.waiting.remove(0);
    assert_eq!(oldest.refusal(), (1, 1));
    assert_eq!(queue.rig.events.borrow().len(), 1);
}

#[test]
fn it_reads_the_clock_when_a_permit_is_there_for_somebody_and_not_else() {
    let mut queue = Overload::new();
    let reads = queue.rig.runtime.clock_reads();
    queue.arrive(2);
    assert_eq!(queue.rig.runtime.clock_reads() - reads, 2);
    queue.serve();
    assert_eq!(queue.rig.runtime.clock_reads() - reads, 3);
    queue.serve();
    assert_eq!(queue.rig.runtime.clock_reads() - reads, 4);
    queue.running.take().unwrap().end(Ok(()));
    assert_eq!(queue.rig.runtime.clock_reads() - reads, 4, "nobody waits");
}

#[test]
fn its_settings_are_its_own() {
    let settings = one().codel(ms(50), ms(1000));
    let rig = Rig::new(settings);
    let mut running = rig.start();
    let mut calls: Vec<Held> = (0..10).map(|_| rig.waiter()).collect();
    for wait in [50, 999] {
        rig.pass(ms(wait));
        running.end(Ok(()));
        assert_eq!(poll_woken(&mut calls), [0]);
        running = calls.remove(0);
    }
    rig.pass(ms(1));
    running.end(Ok(()));
    assert!(calls[0].is_woken() && calls[7].is_woken());
    assert_eq!(calls.remove(0).refusal(), (1, 6));
    assert!(calls[6].poll().is_pending() && calls[6].runs());
}

#[test]
fn a_clock_that_jumps_gives_up_all_but_the_newest_at_the_most() {
    let mut queue = Overload::new();
    queue.arrive(100);
    queue.pass(5);
    queue.serve();
    queue.pass(100);
    assert_eq!(queue.serve(), (99, vec![1]));
    queue
        .rig
        .runtime
        .set_now(queue.rig.now() + Duration::from_secs(3000));
    let (served, given_up) = queue.serve();
    assert_eq!((served, given_up.len()), (98, 96));
    assert_eq!(queue.rig.counts(), (1, 0));
}

#[test]
fn a_resize_serves_as_before_and_decides_nothing() {
    let mut queue = Overload::new();
    queue.arrive(4);
    queue.pass(5);
    assert_eq!(queue.serve(), (0, vec![]));
    queue.pass(1000);
    queue.rig.bulkhead.resize(2).unwrap();
    let woken: Vec<u32> = (queue.waiting.iter())
        .filter(|(_, call)| call.is_woken())
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(woken, [1]);
}

//! What happens between the decision that there is no room, and the first poll.

use std::future::{Pending, pending};

use steadfast_bulkhead::Bulkhead;
use steadfast_core::{Attempt, Operation, Outcome, Policies, Policy, Runtime, VirtualRuntime};

use crate::common::{Rig, cost, ms, one, with_queue};

/// Runs for ever, and says when it was started whether its attempt knows the time.
struct Hangs {
    reads_the_clock: bool,
}

impl Operation for Hangs {
    type Ok = ();
    type Err = ();
    type Runtime = VirtualRuntime;
    type Future = Pending<Outcome<(), ()>>;

    fn start(self, mut attempt: Attempt<VirtualRuntime>) -> Self::Future {
        let before = attempt.runtime().clock_reads();
        let now = attempt.now();
        let reads = attempt.runtime().clock_reads() - before;
        assert_eq!(reads == 1, self.reads_the_clock);
        assert_eq!(now, attempt.runtime().now());
        pending()
    }
}

const HANGS: Hangs = Hangs {
    reads_the_clock: false,
};

fn attempt(rig: &Rig) -> Attempt<VirtualRuntime> {
    Attempt::first(rig.runtime.clone())
}

#[test]
fn a_call_that_is_run_and_not_polled_holds_no_place() {
    let rig = Rig::new(one());
    let first = rig.start();
    let run = rig.bulkhead.run(HANGS, attempt(&rig));
    assert_eq!(rig.counts(), (1, 0));
    let mut waits = rig.waiter();
    first.end(Ok(()));
    assert!(waits.is_woken(), "it is the first in the queue");
    assert!(waits.poll().is_pending() && waits.runs());
    drop(run);
    assert_eq!(rig.counts(), (1, 0));
}

#[test]
fn room_that_comes_in_between_is_taken_without_a_wait() {
    let rig = Rig::new(one());
    let first = rig.start();
    let mut attempt = attempt(&rig);
    attempt.now();
    let mut run = rig.runtime.drive(rig.bulkhead.run(HANGS, attempt));
    first.end(Ok(()));
    assert!(run.poll().is_pending());
    assert_eq!((rig.counts(), run.wakes()), ((1, 0), 0));
    assert_eq!(rig.runtime.sleeps_started(), 0);
    drop(run);
    assert_eq!(rig.counts(), (0, 0));
}

#[test]
fn after_a_wait_the_attempt_begins_anew() {
    let rig = Rig::new(one());
    let first = rig.start();
    let operation = Hangs {
        reads_the_clock: true,
    };
    let mut attempt = attempt(&rig);
    attempt.now();
    let mut run = rig.runtime.drive(rig.bulkhead.run(operation, attempt));
    assert!(run.poll().is_pending());
    rig.pass(ms(5));
    first.end(Ok(()));
    assert!(run.poll().is_pending());
    assert_eq!(rig.counts(), (1, 0));
}

#[test]
fn a_limit_that_goes_below_its_cost_in_between_refuses_a_call() {
    let rig = Rig::new(with_queue(3));
    let first = rig.start_with(cost(3));
    let call = rig.call_under(Shrinks(rig.bulkhead.clone()), cost(2));
    assert_eq!(call.refusal(), (3, 0));
    assert_eq!(rig.bulkhead.limit(), 1);
    first.end(Ok(()));
    rig.start().end(Ok(()));
}

/// Runs what is inside the bulkhead, and makes that smaller before it is polled.
struct Shrinks(Bulkhead);

impl Policies for Shrinks {}

impl<'p, O: Operation> Policy<'p, O> for Shrinks {
    type Future = <Bulkhead as Policy<'p, O>>::Future;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        let run = self.0.run(operation, attempt);
        self.0.resize(1).unwrap();
        run
    }
}

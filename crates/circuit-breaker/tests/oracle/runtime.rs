//! A virtual clock, chance that is chosen step by step, and an ear for events.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::SystemTime,
};

use steadfast_core::{Event, Instant, Runtime, VirtualRuntime, VirtualSleep};

/// What the breaker says to observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Rejected,
    WouldReject,
    /// From, to, cause.
    Transition(&'static str, &'static str, &'static str),
}

#[derive(Clone)]
pub(crate) struct Dice {
    clock: VirtualRuntime,
    random: Rc<Cell<u64>>,
    heard: Rc<RefCell<Vec<Heard>>>,
}

impl Dice {
    pub(crate) fn new() -> Self {
        Dice {
            clock: VirtualRuntime::new(0),
            random: Rc::default(),
            heard: Rc::default(),
        }
    }

    pub(crate) fn set_now(&self, nanos: u64) {
        self.clock.set_now(Instant::from_nanos(nanos));
    }

    /// Whatever is drawn from here on comes out as this.
    pub(crate) fn set_random(&self, random: u64) {
        self.random.set(random);
    }

    pub(crate) fn take_heard(&self) -> Vec<Heard> {
        self.heard.take()
    }
}

impl Runtime for Dice {
    type Sleep = VirtualSleep;
    type Lent<'p> = &'p Dice;

    fn lend(&self) -> &Dice {
        self
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep_until(&self, at: Instant) -> VirtualSleep {
        self.clock.sleep_until(at)
    }

    fn random(&self) -> u64 {
        self.random.get()
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn emit(&self, event: &Event<'_>) {
        let known = |name: &str| {
            const NAMES: [&str; 15] = [
                "closed",
                "open",
                "half-open",
                "ramping",
                "isolated",
                "forced closed",
                "failure rate",
                "slow call rate",
                "consecutive failures",
                "open time over",
                "probes failed",
                "half-open time over",
                "probes succeeded",
                "ramp over",
                "by hand",
            ];
            let known = NAMES.iter().find(|known| **known == name);
            *known.unwrap_or_else(|| panic!("nobody knows {name:?}"))
        };
        let heard = match event {
            Event::Rejected { .. } => Heard::Rejected,
            Event::WouldReject { .. } => Heard::WouldReject,
            Event::Transition {
                from, to, cause, ..
            } => Heard::Transition(known(from), known(to), known(cause)),
            other => panic!("not an event of a breaker: {other:?}"),
        };
        self.heard.borrow_mut().push(heard);
    }
}

//! Clients, a limit, and a server with so many workers and a queue, in virtual time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use steadfast_core::Instant;

use crate::{
    MS,
    adaptive::{AdaptiveLimit, Control, Sample, Tally},
    control,
};

/// How long a worker takes for a call, on average.
pub(crate) const SERVICE: u64 = 10 * MS;
/// After what time a call that finds the queue full is refused.
const REFUSAL: u64 = MS;

/// `SplitMix64`.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Exponentially distributed.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds of a simulation"
    )]
    fn exponential(&mut self, mean: u64) -> u64 {
        let u = ((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        ((-u.ln() * mean as f64) as u64).max(1)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// So many callers, each of which calls again at once, and waits for the limit.
    Callers(u32),
    /// A call every so often on average, and refused when it is above the limit.
    Every(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    /// Served, in this life of the server.
    Finish(usize, u32),
    Refuse(usize),
    TimeOut(usize),
}

struct Call {
    began: u64,
    ended: bool,
}

pub(crate) struct World {
    dice: Dice,
    pub(crate) now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    happened: u64,
    calls: Vec<Call>,
    control: Control,
    load: Load,
    waiting: u32,
    pub(crate) in_flight: u32,
    pub(crate) served: u64,
    /// The server.
    pub(crate) workers: u32,
    pub(crate) service: u64,
    pub(crate) room: Option<usize>,
    pub(crate) timeout: Option<u64>,
    busy: u32,
    queue: VecDeque<usize>,
    hangs: bool,
    life: u32,
    /// Calls that ended since the last look, where there is one only every so often.
    added_up: Tally,
    look_every: Option<u64>,
    next_look: u64,
    /// The limit after each window.
    pub(crate) limits: Vec<u32>,
}

impl World {
    pub(crate) fn new(seed: u64, limit: impl Into<AdaptiveLimit>, workers: u32) -> Self {
        World {
            dice: Dice(seed),
            now: 1,
            events: BinaryHeap::new(),
            happened: 0,
            calls: Vec::new(),
            control: control(limit),
            load: Load::Callers(0),
            waiting: 0,
            in_flight: 0,
            served: 0,
            workers,
            service: SERVICE,
            room: None,
            timeout: None,
            busy: 0,
            queue: VecDeque::new(),
            hangs: false,
            life: 0,
            added_up: Tally::default(),
            look_every: None,
            next_look: 0,
            limits: Vec::new(),
        }
    }

    /// With so many callers, who never rest.
    pub(crate) fn callers(mut self, callers: u32) -> Self {
        self.load = Load::Callers(callers);
        self.waiting = callers;
        self.admit();
        self
    }

    /// With calls at random, every so often.
    pub(crate) fn every(mut self, nanos: u64) -> Self {
        self.load = Load::Every(nanos);
        self.schedule(nanos, Event::Arrive);
        self
    }

    /// A server that refuses what finds so many in its queue.
    pub(crate) fn room(mut self, room: usize) -> Self {
        self.room = Some(room);
        self
    }

    /// Callers who wait no longer.
    pub(crate) fn timeout(mut self, nanos: u64) -> Self {
        self.timeout = Some(nanos);
        self
    }

    /// A bulkhead that adds up what ends, and looks at it only every so often.
    pub(crate) fn look_every(mut self, nanos: u64) -> Self {
        self.look_every = Some(nanos);
        self
    }

    pub(crate) fn change_load(&mut self, load: Load) {
        self.load = load;
    }

    pub(crate) fn limit(&self) -> u32 {
        self.control.limit()
    }

    /// Nothing is answered any more.
    pub(crate) fn hang(&mut self) {
        self.hangs = true;
        self.life += 1;
        self.busy = 0;
        self.queue.clear();
    }

    pub(crate) fn heal(&mut self) {
        self.hangs = false;
    }

    /// Goes on for so many windows, and returns the limits after each.
    pub(crate) fn windows(&mut self, windows: usize) -> &[u32] {
        let from = self.limits.len();
        while self.limits.len() < from + windows {
            assert!(self.happen(), "nothing happens any more");
        }
        &self.limits[from..]
    }

    /// Goes on for so long, and returns the limits after each window in it.
    pub(crate) fn time(&mut self, nanos: u64) -> &[u32] {
        let (from, until) = (self.limits.len(), self.now + nanos);
        while self
            .events
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= until)
        {
            self.happen();
        }
        self.now = until;
        &self.limits[from..]
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.happened += 1;
        let key = (self.now + after, self.happened, event);
        self.events.push(Reverse(key));
    }

    fn happen(&mut self) -> bool {
        let Some(Reverse((at, _, event))) = self.events.pop() else {
            return false;
        };
        self.now = at;
        match event {
            Event::Arrive => {
                if let Load::Every(nanos) = self.load {
                    let next = self.dice.exponential(nanos);
                    self.schedule(next, Event::Arrive);
                    self.waiting = 1;
                    self.admit();
                    self.waiting = 0;
                }
            }
            Event::Finish(call, life) if life == self.life => {
                self.busy -= 1;
                self.serve();
                let rtt_nanos = self.now - self.calls[call].began;
                self.end(call, Sample::Answered { rtt_nanos });
            }
            Event::Finish(..) => {}
            Event::Refuse(call) | Event::TimeOut(call) => self.end(call, Sample::Dropped),
        }
        true
    }

    fn admit(&mut self) {
        while self.waiting > 0 && self.in_flight < self.control.limit() {
            self.waiting -= 1;
            self.in_flight += 1;
            let call = self.calls.len();
            self.calls.push(Call {
                began: self.now,
                ended: false,
            });
            if let Some(timeout) = self.timeout {
                self.schedule(timeout, Event::TimeOut(call));
            }
            if self.hangs {
                continue;
            }
            let free = self.workers.saturating_sub(self.busy);
            if free == 0 && self.room.is_some_and(|room| self.queue.len() >= room) {
                self.schedule(REFUSAL, Event::Refuse(call));
            } else {
                self.queue.push_back(call);
                self.serve();
            }
        }
    }

    fn serve(&mut self) {
        while self.busy < self.workers {
            let Some(call) = self.queue.pop_front() else {
                return;
            };
            if !self.calls[call].ended {
                self.busy += 1;
                let service = self.dice.exponential(self.service);
                self.schedule(service, Event::Finish(call, self.life));
            }
        }
    }

    fn end(&mut self, call: usize, sample: Sample) {
        if std::mem::replace(&mut self.calls[call].ended, true) {
            return;
        }
        self.served += u64::from(sample != Sample::Dropped);
        let tally = Tally::one(sample, self.in_flight);
        self.in_flight -= 1;
        self.look(tally);
        if let Load::Callers(callers) = self.load {
            // Fewer than before: this one goes home.
            if self.in_flight + self.waiting < callers {
                self.waiting = callers - self.in_flight;
            }
            self.admit();
        }
    }

    fn look(&mut self, call: Tally) {
        let Some(every) = self.look_every else {
            return self.absorb(call, self.now);
        };
        if self.now < self.next_look {
            return self.added_up.add(call);
        }
        // What ended before was complete when the look was due; this one may be of long after.
        let before = std::mem::take(&mut self.added_up);
        self.absorb(before, self.next_look);
        self.absorb(call, self.now);
        self.next_look = self.now + every;
    }

    fn absorb(&mut self, calls: Tally, at: u64) {
        let random = self.dice.next();
        let limit = self
            .control
            .absorb_at(calls, Instant::from_nanos(at), random);
        if let Some(limit) = limit {
            assert_eq!(limit, self.control.limit());
            self.limits.push(limit);
        }
    }
}

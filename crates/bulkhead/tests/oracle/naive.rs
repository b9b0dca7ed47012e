//! A bulkhead as anybody would write it who may take all the time.

use steadfast_bulkhead::Order;

use crate::steps::Setup;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waits,
    /// Its turn has come, and it has not been polled since.
    Turn,
    Runs,
    /// It was given up, and has not been polled since.
    GivenUp,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: u32,
    pub(crate) phase: Phase,
    cost: u32,
    priority: u8,
    since: u64,
    /// When its wait is over.
    until: u64,
}

/// The variables of RFC 8289, section 5, in nanoseconds.
#[derive(Default)]
struct Codel {
    first_above: Option<u64>,
    dropping: bool,
    drop_next: u64,
    count: u64,
    last_count: u64,
}

const MILLI: u64 = 1_000_000;

/// What a call is told when it is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Runs,
    Waits,
    /// So many permits are out, and so many calls wait.
    Refused(u32, u32),
}

pub(crate) struct Naive {
    setup: Setup,
    pub(crate) limit: u32,
    pub(crate) now: u64,
    /// In the order in which they came.
    pub(crate) calls: Vec<Call>,
    codel: Codel,
}

impl Naive {
    pub(crate) fn new(setup: &Setup) -> Self {
        Naive {
            setup: setup.clone(),
            limit: setup.limit,
            now: 0,
            calls: Vec::new(),
            codel: Codel::default(),
        }
    }

    pub(crate) fn in_flight(&self) -> u32 {
        let out =
            (self.calls.iter()).filter(|call| matches!(call.phase, Phase::Turn | Phase::Runs));
        out.map(|call| call.cost).sum()
    }

    pub(crate) fn waiting(&self) -> u32 {
        let waiting = self.calls.iter().filter(|call| call.phase == Phase::Waits);
        u32::try_from(waiting.count()).unwrap()
    }

    fn counts(&self) -> Told {
        Told::Refused(self.in_flight(), self.waiting())
    }

    fn has_room(&self, cost: u32) -> bool {
        cost == 0 || self.waiting() == 0 && self.in_flight() + cost <= self.limit
    }

    /// Who waits, the next one first.
    fn line(&self) -> Vec<u32> {
        let waits = self.calls.iter().filter(|call| call.phase == Phase::Waits);
        let mut line: Vec<&Call> = waits.collect();
        match self.setup.order {
            Order::Lifo => line.reverse(),
            Order::Codel { .. } if self.codel.dropping => line.reverse(),
            // Of equals the order stays.
            Order::Priority => line.sort_by_key(|call| u8::MAX - call.priority),
            _ => {}
        }
        line.into_iter().map(|call| call.id).collect()
    }

    fn call(&mut self, id: u32) -> &mut Call {
        self.calls.iter_mut().find(|call| call.id == id).unwrap()
    }

    fn serve(&mut self, is_timed: bool) {
        while self.in_flight() < self.limit {
            if is_timed {
                self.shed();
            }
            let Some(&id) = self.line().first() else {
                return;
            };
            let (cost, out) = (self.call(id).cost, self.in_flight());
            if out + cost > self.limit {
                return;
            }
            self.call(id).phase = Phase::Turn;
        }
    }

    /// What the RFC does to its packets when it takes one from the queue.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the formula as it is written"
    )]
    fn shed(&mut self) {
        let Order::Codel { target, interval } = self.setup.order else {
            return;
        };
        let (target, interval) = (target.as_nanos() as u64, interval.as_nanos() as u64);
        let now = self.now * MILLI;
        let law = |count: u64| (interval as f64 / (count as f64).sqrt()) as u64;
        loop {
            let waiting = self.calls.iter().filter(|call| call.phase == Phase::Waits);
            let waiting: Vec<&Call> = waiting.collect();
            let is_above = waiting.len() > 1 && now - waiting[0].since * MILLI >= target;
            if !is_above {
                self.codel.first_above = None;
            }
            let above = is_above.then(|| *self.codel.first_above.get_or_insert(now + interval));
            if above.is_none_or(|above| now < above) {
                self.codel.dropping = false;
                return;
            }
            let oldest = waiting[0].id;
            let codel = &mut self.codel;
            if !codel.dropping {
                codel.dropping = true;
                let delta = codel.count - codel.last_count;
                let is_recent = now.saturating_sub(codel.drop_next) < 16 * interval;
                codel.count = if delta > 1 && is_recent { delta } else { 1 };
                codel.last_count = codel.count;
                codel.drop_next = now + law(codel.count);
            } else if now >= codel.drop_next {
                codel.count += 1;
                codel.drop_next += law(codel.count);
            } else {
                return;
            }
            self.call(oldest).phase = Phase::GivenUp;
        }
    }

    pub(crate) fn try_acquire(&self, cost: u32) -> Told {
        if self.has_room(cost) {
            Told::Runs
        } else {
            self.counts()
        }
    }

    pub(crate) fn arrive(
        &mut self,
        id: u32,
        cost: u32,
        priority: u8,
        timeout: Option<u64>,
    ) -> Told {
        let mut call = Call {
            id,
            phase: Phase::Runs,
            cost,
            priority,
            since: self.now,
            until: self.now + self.setup.max_wait,
        };
        if self.has_room(cost) {
            self.calls.push(call);
            return Told::Runs;
        }
        let is_full = self.waiting() >= self.setup.max_waiting;
        let line = self.line();
        let last = line.last().map(|last| (*last, self.call(*last).priority));
        let displaced = match (self.setup.order, last) {
            (Order::Priority, Some((last, theirs))) if is_full && theirs < priority => Some(last),
            _ => None,
        };
        if cost > self.limit || timeout == Some(0) || is_full && displaced.is_none() {
            return self.counts();
        }
        if let Some(displaced) = displaced {
            self.call(displaced).phase = Phase::GivenUp;
        }
        if let Some(timeout) = timeout {
            call.until = call.until.min(self.now + timeout);
        }
        if self.waiting() == 0 {
            self.codel.first_above = None;
            self.codel.dropping = false;
        }
        call.phase = Phase::Waits;
        self.calls.push(call);
        self.serve(true);
        let call = self.call(id);
        if call.phase == Phase::Turn {
            call.phase = Phase::Runs;
            return Told::Runs;
        }
        Told::Waits
    }

    /// Whether it has been woken, if it was not polled since.
    pub(crate) fn is_woken(&self, at: usize) -> bool {
        let call = &self.calls[at];
        match call.phase {
            Phase::Turn | Phase::GivenUp => true,
            Phase::Waits => self.now >= call.until,
            Phase::Runs => false,
        }
    }

    pub(crate) fn poll(&mut self, at: usize) -> Told {
        let call = &mut self.calls[at];
        match call.phase {
            Phase::Turn => call.phase = Phase::Runs,
            Phase::GivenUp => {
                self.calls.remove(at);
                return self.counts();
            }
            Phase::Waits if self.now >= call.until => {
                self.calls.remove(at);
                self.serve(true);
                return self.counts();
            }
            Phase::Waits => return Told::Waits,
            Phase::Runs => {}
        }
        Told::Runs
    }

    /// It ends, or is cancelled.
    pub(crate) fn drop(&mut self, at: usize) {
        // What took nothing gives nothing back.
        if self.calls.remove(at).cost > 0 {
            self.serve(true);
        }
    }

    pub(crate) fn resize(&mut self, limit: u32) {
        self.limit = limit;
        for call in &mut self.calls {
            if call.phase == Phase::Waits && call.cost > limit {
                call.phase = Phase::GivenUp;
            }
        }
        self.serve(false);
    }
}

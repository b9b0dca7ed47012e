//! A breaker as plain as can be, in which one fault at a time can be switched on.

use loom::sync::{Mutex, MutexGuard};

use crate::{
    forms::Rules,
    models::{Breaker, Permit, Seen},
};

/// The mistakes that breakers are prone to, made here with a lock taken twice.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Finds that it has to open, and opens it afterwards, whatever it is by then.
    LooksThenOpens,
    /// Reads the whole state, changes the copy, writes it back.
    LoadsThenStores,
    /// Judges the calls that were there before, and its own.
    CountsThenWrites,
    /// Takes it that a success cannot open it.
    JudgesFailuresOnly,
    /// Finds that the clock was turned back, and empties the window afterwards.
    LooksThenTurnsBack,
    /// Finds a place for a probe, and takes it afterwards.
    LooksThenLends,
    /// Reads the state, and afterwards the time until which it lasts, which is that of another state.
    ReadsTheNextMark,
    /// Gives a probe's place back when it is cancelled, and again when it is dropped.
    GivesBackTwice,
    /// Finds that a result is of this period, and counts it afterwards.
    LooksThenCounts,
    /// Begins the period after a reset, and empties its window afterwards.
    BeginsThenEmpties,
    /// Counts every result.
    HasNoGeneration,
}

const LENGTH: u64 = 40;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Closed,
    Open,
    HalfOpen,
}

#[derive(Clone)]
struct State {
    phase: Phase,
    generation: u64,
    /// Until when it is open or half-open.
    until: u64,
    /// The slot of each call of the closed period, and whether it failed.
    calls: Vec<(u64, bool)>,
    out: u32,
    judged: u32,
    opened: u64,
    reopened: u64,
}

impl State {
    fn go(&mut self, phase: Phase, until: u64) {
        self.phase = phase;
        self.generation += 1;
        self.until = until;
        self.calls.clear();
        (self.out, self.judged) = (0, 0);
        self.opened += u64::from(phase == Phase::Open);
    }

    fn reopen(&mut self, at: u64) {
        self.reopened += 1;
        self.go(Phase::Open, at + LENGTH);
    }

    fn newest(&self) -> u64 {
        self.calls.iter().map(|(slot, _)| *slot).max().unwrap_or(0)
    }

    /// Calls and failures of the last two slots.
    fn counts(&self) -> (u64, u64) {
        let newest = self.newest();
        let held = self.calls.iter().filter(|(slot, _)| slot + 2 > newest);
        let failed = held.clone().filter(|(_, failed)| *failed);
        (held.count() as u64, failed.count() as u64)
    }

    fn trips(&self, rules: Rules) -> bool {
        let (calls, failures) = self.counts();
        let (part, whole) = rules.rate;
        calls >= rules.min_calls.into()
            && failures > 0
            && failures * u64::from(whole) >= calls * u64::from(part)
    }
}

pub(crate) struct Twin {
    fault: Fault,
    rules: Rules,
    state: Mutex<State>,
}

pub(crate) fn twin(rules: Rules, fault: Fault) -> Twin {
    Twin {
        fault,
        rules,
        state: Mutex::new(State {
            phase: Phase::Closed,
            generation: 0,
            until: 0,
            calls: Vec::new(),
            out: 0,
            judged: 0,
            opened: 0,
            reopened: 0,
        }),
    }
}

impl Twin {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets go of the lock for a moment, if that is the fault.
    fn pause<'a>(&'a self, fault: Fault, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if self.fault == fault {
            drop(state);
            return self.lock();
        }
        state
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        if self.fault == Fault::LoadsThenStores {
            let mut copy = self.lock().clone();
            change(&mut copy);
            *self.lock() = copy;
        } else {
            change(&mut self.lock());
        }
    }

    fn lend(&self, state: MutexGuard<'_, State>, at: u64) -> Option<TwinPermit<'_>> {
        if state.out + state.judged >= self.rules.probes {
            return None;
        }
        let mut state = self.pause(Fault::LooksThenLends, state);
        state.out += 1;
        Some(self.permit(&state, at))
    }

    fn permit(&self, state: &State, at: u64) -> TwinPermit<'_> {
        TwinPermit {
            twin: self,
            at,
            generation: state.generation,
            is_probe: state.phase == Phase::HalfOpen,
            is_over: false,
        }
    }

    fn count(&self, at: u64, generation: u64, failed: bool) {
        let state = self.lock();
        if state.generation != generation && self.fault != Fault::HasNoGeneration {
            return;
        }
        let state = self.pause(Fault::LooksThenCounts, state);
        let is_turned_back = at + 2 <= state.newest();
        let mut state = self.pause(Fault::LooksThenTurnsBack, state);
        if is_turned_back {
            state.calls.clear();
        }
        if self.fault == Fault::CountsThenWrites {
            let mut counted = state.clone();
            drop(state);
            counted.calls.push((at, failed));
            let trips = counted.trips(self.rules);
            state = self.lock();
            state.calls.push((at, failed));
            if trips {
                state.go(Phase::Open, at + LENGTH);
            }
            return;
        }
        drop(state);
        self.update(|state| {
            let is_counted = matches!(self.fault, Fault::LooksThenCounts | Fault::HasNoGeneration);
            if is_counted || state.generation == generation {
                state.calls.push((at, failed));
            }
        });
        if failed || self.fault != Fault::JudgesFailuresOnly {
            self.judge(at);
        }
    }

    fn judge(&self, at: u64) {
        let state = self.lock();
        if state.phase == Phase::Closed && state.trips(self.rules) {
            let mut state = self.pause(Fault::LooksThenOpens, state);
            state.go(Phase::Open, at + LENGTH);
        }
    }
}

impl Breaker for Twin {
    type Permit<'b> = TwinPermit<'b>;

    fn admit(&self, at: u64) -> Option<TwinPermit<'_>> {
        let state = self.lock();
        match state.phase {
            Phase::Closed => Some(self.permit(&state, at)),
            Phase::Open => {
                let mut state = self.pause(Fault::ReadsTheNextMark, state);
                if at < state.until {
                    return None;
                }
                if state.phase == Phase::Open {
                    state.go(Phase::HalfOpen, at + LENGTH);
                }
                self.lend(state, at)
            }
            Phase::HalfOpen if at >= state.until => {
                self.pause(Fault::LooksThenOpens, state).reopen(at);
                None
            }
            Phase::HalfOpen => self.lend(state, at),
        }
    }

    fn open(&self, at: u64) {
        self.lock().go(Phase::Open, at + LENGTH);
    }

    fn reset(&self) {
        let mut state = self.lock();
        state.reopened = 0;
        let period = state.calls.clone();
        state.go(Phase::Closed, 0);
        if self.fault == Fault::BeginsThenEmpties {
            state.calls = period;
            state = self.pause(Fault::BeginsThenEmpties, state);
            state.calls.clear();
        }
    }

    fn look(&self, _at: u64) -> Seen {
        let state = self.lock();
        let (calls, failures) = state.counts();
        let closed = u64::from(state.phase == Phase::Closed);
        Seen {
            is_open: state.phase == Phase::Open,
            is_closed: state.phase == Phase::Closed,
            calls: calls * closed,
            failures: failures * closed,
            in_a_row: 0,
            opened: state.opened,
            reopened: state.reopened,
        }
    }
}

pub(crate) struct TwinPermit<'b> {
    twin: &'b Twin,
    at: u64,
    generation: u64,
    is_probe: bool,
    is_over: bool,
}

impl TwinPermit<'_> {
    fn end(mut self, failed: bool) {
        self.is_over = true;
        if !self.is_probe {
            self.twin.count(self.at, self.generation, failed);
            return;
        }
        let mut state = self.twin.lock();
        if state.generation != self.generation {
            return;
        }
        state.out -= 1;
        state.judged += 1;
        if failed {
            state.reopen(self.at);
        } else if state.judged >= self.twin.rules.probes {
            state.go(Phase::Closed, 0);
        }
    }
}

impl Permit for TwinPermit<'_> {
    fn succeeds(self) {
        self.end(false);
    }

    fn fails(self) {
        self.end(true);
    }
}

impl Drop for TwinPermit<'_> {
    fn drop(&mut self) {
        if self.is_over || !self.is_probe {
            return;
        }
        let times = 1 + u32::from(self.twin.fault == Fault::GivesBackTwice);
        for _ in 0..times {
            self.twin.update(|state| {
                if state.generation == self.generation {
                    state.out = state.out.saturating_sub(1);
                }
            });
        }
    }
}

//! A bulkhead as plain as can be, in which one fault at a time can be switched on.

use std::{collections::VecDeque, sync::Arc, task::Waker};

use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use crate::models::{Bulkhead, Call, State as CallState};

/// The mistakes that bulkheads are prone to, made here with a lock taken twice.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Finds room, and takes it afterwards.
    LooksThenTakes,
    /// Reads the whole state, changes the copy, writes it back.
    LoadsThenStores,
    /// Gives its permit back when it ends, and again when it is dropped.
    GivesBackTwice,
    /// Finds no room, and enters the queue afterwards.
    LooksThenWaits,
    /// Wakes those for whom there is room, and makes it afterwards.
    ServesThenResizes,
    /// Forgets that its turn had come.
    KeepsACancelledTurn,
    /// Finds that its turn has not come, and leaves afterwards.
    LooksThenLeaves,
    /// Wakes the next, and leaves the permit to whoever comes first.
    LeavesThePermitOpen,
    /// Serves the last to come.
    ServesTheNewest,
}

#[derive(Clone)]
struct State {
    limit: u32,
    in_flight: u32,
    next: u32,
    waiting: VecDeque<(u32, Waker)>,
    /// Whose turn has come.
    turns: Vec<u32>,
}

struct Shared {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Clone)]
pub(crate) struct Twin(Arc<Shared>);

pub(crate) fn twin(limit: u32, fault: Fault) -> Twin {
    let state = State {
        limit,
        in_flight: 0,
        next: 0,
        waiting: VecDeque::new(),
        turns: Vec::new(),
    };
    let state = Mutex::new(state);
    Twin(Arc::new(Shared { fault, state }))
}

impl Twin {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// Lets go of the lock for a moment, if that is the fault.
    fn pause<'a>(&'a self, fault: Fault, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if self.0.fault == fault {
            drop(state);
            return self.lock();
        }
        state
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        if self.0.fault == Fault::LoadsThenStores {
            let mut copy = self.lock().clone();
            let answer = change(&mut copy);
            *self.lock() = copy;
            answer
        } else {
            change(&mut self.lock())
        }
    }

    /// Gives permits to those who wait; whom to wake.
    fn serve(&self, state: &mut State) -> Vec<Waker> {
        let mut woken = Vec::new();
        while state.in_flight < state.limit {
            let next = if self.0.fault == Fault::ServesTheNewest {
                state.waiting.pop_back()
            } else {
                state.waiting.pop_front()
            };
            let Some((number, waker)) = next else { break };
            if self.0.fault == Fault::LeavesThePermitOpen {
                woken.push(waker);
                break;
            }
            state.in_flight += 1;
            state.turns.push(number);
            woken.push(waker);
        }
        woken
    }

    fn give_back(&self) {
        let woken = self.update(|state| {
            state.in_flight = state.in_flight.saturating_sub(1);
            self.serve(state)
        });
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Bulkhead for Twin {
    type Call = TwinCall;

    fn call(&self, _priority: u8) -> TwinCall {
        TwinCall {
            twin: self.clone(),
            number: None,
            runs: false,
        }
    }

    fn resize(&self, limit: u32) {
        let woken = if self.0.fault == Fault::ServesThenResizes {
            let mut state = self.lock();
            let before = state.limit;
            state.limit = limit;
            let woken = self.serve(&mut state);
            state.limit = before;
            drop(state);
            self.lock().limit = limit;
            woken
        } else {
            self.update(|state| {
                state.limit = limit;
                self.serve(state)
            })
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn look(&self) -> (u32, u32) {
        let state = self.lock();
        (state.in_flight, u32::try_from(state.waiting.len()).unwrap())
    }
}

pub(crate) struct TwinCall {
    twin: Twin,
    /// Its place in the queue.
    number: Option<u32>,
    runs: bool,
}

impl TwinCall {
    fn enter(&mut self, waker: &Waker, again: bool) -> bool {
        let twin = self.twin.clone();
        let state = twin.lock();
        if state.in_flight < state.limit && (again || state.waiting.is_empty()) {
            let mut state = twin.pause(Fault::LooksThenTakes, state);
            state.in_flight += 1;
            return true;
        }
        let mut state = twin.pause(Fault::LooksThenWaits, state);
        let number = state.next;
        state.next += 1;
        state.waiting.push_back((number, waker.clone()));
        self.number = Some(number);
        false
    }

    fn look(&mut self, number: u32, waker: &Waker) -> bool {
        let mut state = self.twin.lock();
        let place = state.waiting.iter_mut().find(|(each, _)| *each == number);
        if let Some((_, kept)) = place {
            *kept = waker.clone();
            return false;
        }
        let turn = state.turns.iter().position(|each| *each == number);
        if let Some(turn) = turn {
            state.turns.remove(turn);
            return true;
        }
        // Woken without a turn: it comes anew.
        drop(state);
        self.number = None;
        self.enter(waker, true)
    }

    /// Whether its turn had come.
    fn leave(&self, number: u32) -> bool {
        let state = self.twin.lock();
        let had_come = state.turns.contains(&number);
        let mut state = self.twin.pause(Fault::LooksThenLeaves, state);
        state.waiting.retain(|(each, _)| *each != number);
        state.turns.retain(|each| *each != number);
        had_come && self.twin.0.fault != Fault::KeepsACancelledTurn
    }
}

impl Call for TwinCall {
    fn poll(&mut self, waker: &Waker) -> CallState {
        if !self.runs {
            self.runs = match self.number {
                None => self.enter(waker, false),
                Some(number) => self.look(number, waker),
            };
        }
        if self.runs {
            self.number = None;
            CallState::Runs
        } else {
            CallState::Waits
        }
    }
}

impl Drop for TwinCall {
    fn drop(&mut self) {
        // After the end of a model there is no lock to take.
        if std::thread::panicking() {
            return;
        }
        let had_come = self.number.is_some_and(|number| self.leave(number));
        if self.runs || had_come {
            self.twin.give_back();
            if self.twin.0.fault == Fault::GivesBackTwice {
                self.twin.give_back();
            }
        }
    }
}

/// One that counts right and orders nothing.
#[derive(Clone)]
pub(crate) struct Unordered {
    limit: u32,
    in_flight: Arc<AtomicU32>,
}

pub(crate) fn unordered(limit: u32) -> Unordered {
    let in_flight = Arc::new(AtomicU32::new(0));
    Unordered { limit, in_flight }
}

impl Bulkhead for Unordered {
    type Call = UnorderedCall;

    fn call(&self, _priority: u8) -> UnorderedCall {
        UnorderedCall {
            bulkhead: self.clone(),
            runs: false,
        }
    }

    fn resize(&self, _limit: u32) {
        unreachable!("no model of it resizes");
    }

    fn look(&self) -> (u32, u32) {
        (self.in_flight.load(Relaxed), 0)
    }
}

pub(crate) struct UnorderedCall {
    bulkhead: Unordered,
    runs: bool,
}

impl Call for UnorderedCall {
    fn poll(&mut self, _waker: &Waker) -> CallState {
        let in_flight = &self.bulkhead.in_flight;
        let seen = in_flight.load(Relaxed);
        let exchange = |seen| in_flight.compare_exchange(seen, seen + 1, Relaxed, Relaxed);
        self.runs = self.runs || seen < self.bulkhead.limit && exchange(seen).is_ok();
        if self.runs {
            CallState::Runs
        } else {
            CallState::Refused
        }
    }
}

impl Drop for UnorderedCall {
    fn drop(&mut self) {
        if self.runs && !std::thread::panicking() {
            self.bulkhead.in_flight.fetch_sub(1, Relaxed);
        }
    }
}

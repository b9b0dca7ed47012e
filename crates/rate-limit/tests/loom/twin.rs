//! A limit as plain as can be, in which one fault at a time can be switched on.

use std::{sync::Arc, task::Waker};

use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use crate::models::{BURST, Call, LATER, Limit, NOW};

/// The mistakes that limits in a word and a frame are prone to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Finds a unit, and takes it afterwards.
    LoadsThenStores,
    /// Moves what the word is relative to, and the word afterwards.
    MovesTheMarkAlone,
    /// Asks what a unit is, and for what is taken afterwards.
    AsksTwice,
    /// Takes a unit where the word is what it was, whatever it means by then.
    ComparesTheWordAlone,
    /// Reads what was taken, and writes what that is at the new rate afterwards.
    ChangesAnOpenWord,
    /// Finds out when its turn is, and reserves it afterwards.
    LooksThenReserves,
    /// Finds out when its turn is, and says whom to wake afterwards.
    LooksThenLeavesItsWaker,
}

/// When all is paid that was taken, in seconds; and who waits.
struct State {
    arrival: u64,
    unit: u64,
    next: u32,
    waiting: Vec<(u32, Waker)>,
}

struct Shared {
    fault: Fault,
    state: Mutex<State>,
    /// The arrival is relative to it, where that is the fault.
    mark: AtomicU64,
}

#[derive(Clone)]
pub(crate) struct Twin(Arc<Shared>);

pub(crate) fn twin(fault: Fault) -> Twin {
    let state = State {
        arrival: 0,
        unit: 1,
        next: 0,
        waiting: Vec::new(),
    };
    Twin(Arc::new(Shared {
        fault,
        state: Mutex::new(state),
        mark: AtomicU64::new(0),
    }))
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

    /// Moves the mark to a time that the word does not reach.
    fn move_mark(&self, second: u64) {
        if self.0.fault != Fault::MovesTheMarkAlone || second < LATER {
            return;
        }
        let before = self.0.mark.swap(second, SeqCst);
        let mut state = self.lock();
        // Full by then; the mark is added to it again where it is read.
        state.arrival = (state.arrival + before).saturating_sub(second);
    }

    fn arrival(&self, state: &State) -> u64 {
        state.arrival + self.0.mark.load(SeqCst)
    }
}

impl Limit for Twin {
    type Call = TwinCall;

    fn take(&self, second: u64) -> bool {
        self.move_mark(second);
        let state = self.lock();
        let arrival = self.arrival(&state).max(second) + state.unit;
        if arrival > second + u64::from(BURST) * state.unit {
            return false;
        }
        let seen = state.arrival;
        let mut state = self.pause(Fault::LoadsThenStores, state);
        if self.0.fault == Fault::ComparesTheWordAlone {
            state = self.pause(Fault::ComparesTheWordAlone, state);
            if state.arrival != seen {
                drop(state);
                return self.take(second);
            }
        }
        state.arrival = arrival - self.0.mark.load(SeqCst);
        true
    }

    fn available(&self, second: u64) -> u32 {
        let state = self.lock();
        let unit = state.unit;
        let state = self.pause(Fault::AsksTwice, state);
        let debt = self.arrival(&state).saturating_sub(second);
        let taken = u32::try_from(debt.div_ceil(unit)).unwrap();
        BURST.saturating_sub(taken)
    }

    fn wait(&self, second: u64) -> u64 {
        let state = self.lock();
        let arrival = self.arrival(&state).max(second) + state.unit;
        arrival.saturating_sub(second + u64::from(BURST) * state.unit)
    }

    fn set_rate(&self, second: u64, seconds: u64) {
        let state = self.lock();
        let debt = self.arrival(&state).saturating_sub(second) / state.unit * seconds;
        let mut state = self.pause(Fault::ChangesAnOpenWord, state);
        if debt > 0 {
            state.arrival = second + debt;
        }
        state.unit = seconds;
    }

    fn call(&self) -> TwinCall {
        TwinCall {
            twin: self.clone(),
            number: None,
        }
    }
}

pub(crate) struct TwinCall {
    twin: Twin,
    number: Option<u32>,
}

impl TwinCall {
    fn enter(&mut self, waker: &Waker) -> u64 {
        let twin = self.twin.clone();
        let state = twin.lock();
        let arrival = state.arrival + state.unit;
        let mut state = twin.pause(Fault::LooksThenReserves, state);
        state.arrival = arrival;
        self.number = Some(state.next);
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, waker.clone()));
        arrival - u64::from(BURST) * state.unit
    }
}

impl Call for TwinCall {
    fn poll(&mut self, waker: &Waker) -> u64 {
        let Some(number) = self.number else {
            return self.enter(waker);
        };
        let state = self.twin.lock();
        let place = state.waiting.iter().position(|(each, _)| *each == number);
        let turn = NOW + 1 + place.unwrap() as u64;
        let mut state = self.twin.pause(Fault::LooksThenLeavesItsWaker, state);
        let me = state.waiting.iter_mut().find(|(each, _)| *each == number);
        me.unwrap().1 = waker.clone();
        turn
    }
}

impl Drop for TwinCall {
    fn drop(&mut self) {
        // After the end of a model there is no lock to take.
        if std::thread::panicking() {
            return;
        }
        let Some(number) = self.number else { return };
        let mut state = self.twin.lock();
        let place = state
            .waiting
            .iter()
            .position(|(each, _)| *each == number)
            .unwrap();
        let behind = state.waiting.split_off(place);
        state.waiting.extend(behind[1..].iter().cloned());
        state.arrival -= state.unit;
        drop(state);
        for (_, waker) in behind.into_iter().skip(1) {
            waker.wake();
        }
    }
}

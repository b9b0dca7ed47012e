//! A map as plain as can be: all is done under one lock, of which a fault lets go.

use loom::sync::{Arc, Mutex, MutexGuard};
use steadfast_core::{Idle, Instant};

use super::models::{Handle, Map, Note, notes};

/// The mistakes that such maps are prone to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Looks for the key, and inserts it afterwards.
    FindsThenInserts,
    /// Looks for a place, and takes it afterwards.
    CountsThenInserts,
    /// Decides who goes, and lets it go afterwards.
    DecidesThenEvicts,
    /// Lets another go, and says afterwards for which key.
    EvictsThenInserts,
    /// Lets go of the lock while it holds what it looks at, as others would hold a handle.
    HoldsWhatItLooksAt,
    /// Removes, and gives the place back afterwards, in the count that it has read before.
    LoadsThenStores,
}

pub(crate) struct Twin {
    fault: Fault,
    capacity: usize,
    state: Mutex<State>,
    make: Box<dyn Fn(&u8) -> Note + Send + Sync>,
}

#[derive(Default)]
struct State {
    entries: Vec<(u8, Handle)>,
    taken: usize,
}

pub(crate) fn twin(capacity: usize, fault: Fault) -> Twin {
    Twin {
        fault,
        capacity,
        state: Mutex::default(),
        make: Box::new(notes()),
    }
}

impl Twin {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets others in, if that is the fault.
    fn let_go<'m>(&'m self, state: MutexGuard<'m, State>, fault: Fault) -> MutexGuard<'m, State> {
        if self.fault != fault {
            return state;
        }
        drop(state);
        self.lock()
    }
}

impl State {
    fn position(&self, key: u8) -> Option<usize> {
        self.entries.iter().position(|(own, _)| *own == key)
    }

    fn free(&mut self) -> impl Iterator<Item = usize> {
        let free = |(at, (_, note)): (usize, &mut (u8, Handle))| {
            let note = Arc::get_mut(note)?;
            note.is_idle_at(Instant::MAX).then_some(at)
        };
        self.entries.iter_mut().enumerate().filter_map(free)
    }
}

impl Map for Twin {
    fn get(&self, key: u8) -> Option<Handle> {
        let mut state = self.lock();
        if let Some(at) = state.position(key) {
            return Some(Arc::clone(&state.entries[at].1));
        }
        state = self.let_go(state, Fault::FindsThenInserts);
        if state.taken < self.capacity {
            state = self.let_go(state, Fault::CountsThenInserts);
            state.taken += 1;
        } else {
            if self.fault == Fault::HoldsWhatItLooksAt {
                let free: Vec<_> = state.free().collect();
                let held = free.into_iter().map(|at| Arc::clone(&state.entries[at].1));
                let held: Vec<_> = held.collect();
                state = self.let_go(state, Fault::HoldsWhatItLooksAt);
                drop(held);
            }
            let goes = state.free().next()?;
            state = self.let_go(state, Fault::DecidesThenEvicts);
            state.entries.swap_remove(goes);
            state = self.let_go(state, Fault::EvictsThenInserts);
        }
        let note = Arc::new((self.make)(&key));
        state.entries.push((key, Arc::clone(&note)));
        Some(note)
    }

    fn remove(&self, key: u8) -> bool {
        let mut state = self.lock();
        let Some(at) = state.position(key) else {
            return false;
        };
        let taken = state.taken;
        state.entries.swap_remove(at);
        state = self.let_go(state, Fault::LoadsThenStores);
        state.taken = taken - 1;
        true
    }

    fn len(&self) -> usize {
        self.lock().taken
    }
}

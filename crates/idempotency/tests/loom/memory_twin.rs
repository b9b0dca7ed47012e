//! A table with a count of places, as plain as can be, in which one fault at a time can be switched on.

use std::collections::HashMap;

use loom::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use crate::memory::Places;

/// The mistakes that a table with a count beside it is prone to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Looks whether a key is there, and enters it afterwards.
    LooksThenWrites,
    /// Looks whether a place is free, and counts it afterwards.
    CountsThenEnters,
    /// Sees what is over, and gives up its place afterwards.
    GivesBackTwice,
}

pub(crate) struct Twin {
    fault: Fault,
    capacity: usize,
    taken: AtomicUsize,
    /// Of each key whether it is over.
    rows: Mutex<HashMap<String, bool>>,
}

pub(crate) fn twin(fault: Fault) -> impl Fn(usize) -> Twin {
    move |capacity| Twin {
        fault,
        capacity,
        taken: AtomicUsize::new(0),
        rows: Mutex::new(HashMap::new()),
    }
}

impl Twin {
    fn take(&self) -> bool {
        if self.fault == Fault::CountsThenEnters {
            let taken = self.taken.load(SeqCst);
            if taken < self.capacity {
                self.taken.store(taken + 1, SeqCst);
            }
            return taken < self.capacity;
        }
        let more = |taken| (taken < self.capacity).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Gives up what is over.
    fn sweep(&self) {
        let mut rows = self.rows.lock().unwrap();
        let over = rows.values().filter(|over| **over).count();
        if self.fault == Fault::GivesBackTwice {
            drop(rows);
            rows = self.rows.lock().unwrap();
        }
        rows.retain(|_, over| !*over);
        self.taken.fetch_sub(over, SeqCst);
    }
}

impl Places for Twin {
    fn claim(&self, key: &str, _: u128) -> bool {
        if self.rows.lock().unwrap().contains_key(key) {
            return false;
        }
        for _ in 0..2 {
            if !self.take() {
                self.sweep();
                continue;
            }
            let mut rows = self.rows.lock().unwrap();
            if rows.contains_key(key) && self.fault != Fault::LooksThenWrites {
                self.taken.fetch_sub(1, SeqCst);
                return false;
            }
            rows.insert(key.to_owned(), false);
            return true;
        }
        false
    }

    fn over(&self, key: &str) {
        assert!(self.take());
        self.rows.lock().unwrap().insert(key.to_owned(), true);
    }

    fn len(&self) -> usize {
        self.taken.load(SeqCst)
    }
}

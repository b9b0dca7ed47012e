//! A ledger as plain as can be, in which one fault at a time can be switched on.

use loom::sync::{Mutex, MutexGuard};

use crate::models::{Budget, Call};

/// The mistakes that lock-free budgets are prone to, made here with a lock taken twice.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Looks whether there is a token, and takes it afterwards.
    ChecksThenTakes,
    /// Reads the whole state, changes the copy, writes it back.
    LoadsThenStores,
    /// Gives a reservation back whatever its slice stands for by now.
    RefundsWithoutChecking,
    /// Sums up what has expired, and takes it out afterwards.
    ExpiresWithoutClaiming,
}

#[derive(Clone, Copy, Default)]
struct State {
    balance: i64,
    /// Of each slice the number of its slot of time and the net of what was booked in it.
    slices: [(u64, i64); 2],
}

impl State {
    fn book(&mut self, at: u64, amount: i64) {
        let (slot, net) = &mut self.slices[index(at)];
        if *slot != at {
            self.balance -= std::mem::take(net);
            *slot = at;
        }
        *net += amount;
        self.balance += amount;
    }

    fn expired(&self, now: u64) -> i64 {
        let old = self.slices.iter().filter(|(slot, _)| slot + 2 <= now);
        old.map(|(_, net)| net).sum()
    }

    fn empty(&mut self, now: u64) {
        let old = self.slices.iter_mut().filter(|(slot, _)| *slot + 2 <= now);
        old.for_each(|(_, net)| *net = 0);
    }
}

fn index(at: u64) -> usize {
    usize::from(at % 2 == 1)
}

pub(crate) struct Twin {
    fault: Fault,
    floor: i64,
    /// What a call deposits.
    deposit: i64,
    /// Whether calls and retries count only until they end.
    in_flight: bool,
    state: Mutex<State>,
}

impl Twin {
    /// A retry for every call, in a window of two slices.
    pub(crate) fn new(fault: Fault) -> Twin {
        Twin {
            fault,
            floor: 0,
            deposit: 1,
            in_flight: false,
            state: Mutex::default(),
        }
    }

    /// So many retries, whatever the calls.
    pub(crate) fn with_floor(floor: i64, fault: Fault) -> Twin {
        Twin {
            floor,
            deposit: 0,
            ..Twin::new(fault)
        }
    }

    /// As many retries under way as calls.
    pub(crate) fn counting(fault: Fault) -> Twin {
        Twin {
            in_flight: true,
            ..Twin::new(fault)
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        if self.fault == Fault::LoadsThenStores {
            let mut copy = *self.lock();
            change(&mut copy);
            *self.lock() = copy;
        } else {
            change(&mut self.lock());
        }
    }

    fn expire(&self, now: u64) {
        let mut state = self.lock();
        let expired = state.expired(now);
        if self.fault == Fault::ExpiresWithoutClaiming {
            drop(state);
            state = self.lock();
        }
        state.balance -= expired;
        state.empty(now);
    }
}

impl Budget for Twin {
    type Call<'b> = TwinCall<'b>;

    fn enter(&self, at: u64) -> TwinCall<'_> {
        self.update(|state| state.book(at, self.deposit));
        TwinCall {
            twin: self,
            entered: at,
            reserved: None,
        }
    }

    fn available(&self, at: u64) -> u64 {
        self.expire(at);
        let balance = self.lock().balance;
        u64::try_from(balance + self.floor).unwrap_or(0)
    }
}

pub(crate) struct TwinCall<'b> {
    twin: &'b Twin,
    entered: u64,
    /// The slice of a reservation that can be given back.
    reserved: Option<u64>,
}

impl TwinCall<'_> {
    fn refund(&mut self) {
        let Some(at) = self.reserved.take() else {
            return;
        };
        let unchecked = self.twin.fault == Fault::RefundsWithoutChecking;
        self.twin.update(|state| {
            let (slot, net) = &mut state.slices[index(at)];
            if *slot == at || unchecked {
                *net += 1;
                state.balance += 1;
            }
        });
    }
}

impl Call for TwinCall<'_> {
    fn reserve(&mut self, at: u64) -> bool {
        self.refund();
        self.twin.expire(at);
        let mut state = self.twin.lock();
        if state.balance + self.twin.floor < 1 {
            return false;
        }
        if self.twin.fault == Fault::ChecksThenTakes {
            drop(state);
            state = self.twin.lock();
        }
        state.book(at, -1);
        self.reserved = Some(at);
        true
    }

    fn spend(&mut self) {
        if !self.twin.in_flight {
            self.reserved = None;
        }
    }

    fn succeeds(&mut self) {
        self.twin.update(|state| state.book(self.entered, 1));
    }

    fn fails(&mut self) {
        self.twin.update(|state| state.book(self.entered, -1));
    }
}

impl Drop for TwinCall<'_> {
    fn drop(&mut self) {
        self.refund();
        if self.twin.in_flight {
            self.twin.update(|state| state.book(self.entered, -1));
        }
    }
}

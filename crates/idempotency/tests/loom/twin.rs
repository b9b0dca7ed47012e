//! Flights in few words, and how they can be wrong.

use std::{collections::BTreeMap, mem, sync::Arc, task::Waker};

use loom::sync::{Mutex, MutexGuard};

use crate::models::{Flights, Lead, Led, Seat, State};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LooksThenWaits,
    DropsInSilence,
    LooksThenLeads,
    KeepsTheHeirsTurn,
    ForgetsTheNumber,
    StaysVacant,
}

#[derive(Clone)]
pub(crate) struct Twin {
    fault: Fault,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// The number of the lead; zero for none.
    leads: usize,
    last: usize,
    over: bool,
    exists: bool,
    seats: BTreeMap<usize, Option<Waker>>,
    heir: Option<usize>,
}

pub(crate) fn twin(fault: Fault) -> Twin {
    Twin {
        fault,
        shared: Arc::new(Mutex::new(Shared::default())),
    }
}

impl Twin {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

impl Shared {
    fn wakers(&mut self) -> Vec<Waker> {
        self.seats.values_mut().filter_map(Option::take).collect()
    }

    fn close_if_empty(&mut self) {
        if self.leads == 0 && self.seats.is_empty() {
            self.over = true;
            self.exists = false;
        }
    }
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl Flights for Twin {
    type Lead = TwinLead;
    type Seat = TwinSeat;

    fn open(&self) -> TwinLead {
        let mut shared = self.shared();
        (shared.leads, shared.last, shared.exists) = (1, 1, true);
        drop(shared);
        TwinLead {
            twin: self.clone(),
            number: 1,
        }
    }

    fn follow(&self) -> Option<TwinSeat> {
        let mut shared = self.shared();
        if shared.over {
            return None;
        }
        shared.last += 1;
        let number = shared.last;
        shared.seats.insert(number, None);
        drop(shared);
        Some(TwinSeat {
            twin: self.clone(),
            number,
        })
    }

    fn is_empty(&self) -> bool {
        !self.shared().exists
    }
}

pub(crate) struct TwinLead {
    twin: Twin,
    number: usize,
}

impl Lead for TwinLead {
    fn lands(self) -> bool {
        let mut shared = self.twin.shared();
        let is_own = shared.leads == self.number || self.twin.fault == Fault::ForgetsTheNumber;
        if !is_own || shared.over && self.twin.fault == Fault::None {
            return false;
        }
        (shared.over, shared.exists, shared.leads) = (true, false, 0);
        let wakers = shared.wakers();
        drop(shared);
        wake(wakers);
        true
    }

    fn retires(self) {
        let mut shared = self.twin.shared();
        shared.leads = 0;
        shared.heir = shared.seats.keys().copied().max();
        let heir = shared.heir;
        let waker = heir.and_then(|heir| shared.seats.get_mut(&heir)?.take());
        shared.close_if_empty();
        drop(shared);
        wake(waker.into_iter().collect());
    }
}

impl Drop for TwinLead {
    fn drop(&mut self) {
        // After the end of a model there is no lock to take.
        if std::thread::panicking() {
            return;
        }
        let mut shared = self.twin.shared();
        if shared.over || shared.leads != self.number {
            return;
        }
        shared.leads = 0;
        let wakers = shared.wakers();
        shared.close_if_empty();
        drop(shared);
        if self.twin.fault != Fault::DropsInSilence {
            wake(wakers);
        }
    }
}

pub(crate) struct TwinSeat {
    twin: Twin,
    number: usize,
}

impl Seat for TwinSeat {
    type Lead = TwinLead;

    fn poll(&self, waker: &Waker) -> State {
        let mut shared = self.twin.shared();
        if shared.over {
            return State::Over;
        }
        let is_vacant = shared.leads == 0;
        if self.twin.fault == Fault::LooksThenWaits {
            drop(shared);
            shared = self.twin.shared();
        }
        shared.seats.insert(self.number, Some(waker.clone()));
        if is_vacant {
            State::Vacant
        } else {
            State::Waits
        }
    }

    fn lead(self, gives_up: bool) -> Led<Self> {
        let mut shared = self.twin.shared();
        if shared.over {
            return Led::Over;
        }
        if shared.leads != 0 && !gives_up {
            drop(shared);
            return Led::Follows(self);
        }
        if self.twin.fault == Fault::LooksThenLeads {
            drop(shared);
            shared = self.twin.shared();
            shared.over = false;
        }
        shared.leads = self.number;
        shared.heir = None;
        shared.seats.remove(&self.number);
        drop(shared);
        Led::Leads(TwinLead {
            twin: self.twin.clone(),
            number: self.number,
        })
    }
}

impl Drop for TwinSeat {
    fn drop(&mut self) {
        // After the end of a model there is no lock to take.
        if std::thread::panicking() {
            return;
        }
        let mut shared = self.twin.shared();
        shared.seats.remove(&self.number);
        let mut wakers = Vec::new();
        if shared.leads == 0 && !shared.over {
            if shared.heir == Some(self.number) && self.twin.fault != Fault::KeepsTheHeirsTurn {
                wakers = shared.wakers();
            }
            if self.twin.fault != Fault::StaysVacant {
                shared.close_if_empty();
            }
        }
        drop(shared);
        wake(mem::take(&mut wakers));
    }
}

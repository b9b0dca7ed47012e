//! The models: generic over the flights, so that a broken twin goes through the same ones.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use loom::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// The flights of one id.
pub(crate) trait Flights: Clone + Send + Sync + 'static {
    type Lead: Lead;
    type Seat: Seat<Lead = Self::Lead>;

    fn open(&self) -> Self::Lead;
    fn follow(&self) -> Option<Self::Seat>;
    fn is_empty(&self) -> bool;
}

/// Dropped, it is free.
pub(crate) trait Lead: Send + 'static {
    /// Whether it was still its own to land.
    fn lands(self) -> bool;
    fn retires(self);
}

pub(crate) trait Seat: Sized + Send + 'static {
    type Lead;

    fn poll(&self, waker: &Waker) -> State;
    /// Leads, if nobody does, or if the lead is to be given up by now.
    fn lead(self, gives_up: bool) -> Led<Self>;
}

pub(crate) enum Led<S: Seat> {
    Leads(S::Lead),
    Follows(S),
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waits,
    Vacant,
    Over,
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` asks for more.
    builder.preemption_bound.get_or_insert(3);
    builder.check(model);
}

/// Wakes a thread. Loom forgets that a thread was unparked once it waits for a lock, and a follower may do that
/// between its waker and its sleep.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.rings.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }
}

/// Follows until it is over, and lands it where it comes to lead. Whether it has.
fn flies<S: Seat>(mut seat: S) -> bool
where
    S::Lead: Lead,
{
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        match seat.poll(&waker) {
            State::Over => return false,
            State::Waits => bell.wait(),
            State::Vacant => match seat.lead(false) {
                Led::Leads(lead) => return lead.lands(),
                Led::Over => return false,
                Led::Follows(back) => seat = back,
            },
        }
    }
}

pub(crate) fn a_landing_is_heard<F: Flights>(make: fn() -> F) {
    check(move || {
        let flights = make();
        let lead = flights.open();
        let seat = flights.follow().unwrap();
        let lands = thread::spawn(move || assert!(lead.lands()));
        assert!(!flies(seat));
        lands.join().unwrap();
        assert!(flights.is_empty());
    });
}

pub(crate) fn a_dropped_lead_hands_over<F: Flights>(make: fn() -> F) {
    check(move || {
        let flights = make();
        let lead = flights.open();
        let seats = [flights.follow().unwrap(), flights.follow().unwrap()];
        let leads = Arc::new(AtomicUsize::new(0));
        let threads = seats.map(|seat| {
            let leads = Arc::clone(&leads);
            thread::spawn(move || {
                if flies(seat) {
                    leads.fetch_add(1, SeqCst);
                }
            })
        });
        drop(lead);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(leads.load(SeqCst), 1, "two lead");
        assert!(flights.is_empty());
    });
}

pub(crate) fn a_dropped_heir_is_passed_over<F: Flights>(make: fn() -> F) {
    check(move || {
        let flights = make();
        let lead = flights.open();
        let first = flights.follow().unwrap();
        // The newest: it alone is woken.
        let heir = flights.follow().unwrap();
        let dropped = thread::spawn(move || {
            let _ = heir.poll(Waker::noop());
            drop(heir);
        });
        let retires = thread::spawn(move || lead.retires());
        assert!(flies(first));
        retires.join().unwrap();
        dropped.join().unwrap();
        assert!(flights.is_empty());
    });
}

pub(crate) fn of_two_leads_one_lands<F: Flights>(make: fn() -> F) {
    check(move || {
        let flights = make();
        let stuck = flights.open();
        let seat = flights.follow().unwrap();
        let late = thread::spawn(move || stuck.lands());
        let landed = match seat.lead(true) {
            Led::Leads(lead) => lead.lands(),
            Led::Over => false,
            Led::Follows(_) => unreachable!("the lead is given up"),
        };
        assert!(landed ^ late.join().unwrap(), "two lead, or none");
    });
}

pub(crate) fn nobody_is_left_behind<F: Flights>(make: fn() -> F) {
    check(move || {
        let flights = make();
        let lead = flights.open();
        let seat = flights.follow().unwrap();
        let gone = thread::spawn(move || drop(lead));
        let late = flights.follow();
        drop(seat);
        gone.join().unwrap();
        drop(late);
        assert!(flights.is_empty(), "a flight is left behind");
    });
}

//! The real flights, of one id.

use std::task::{Context, Poll, Waker};

use steadfast_core::Instant;
use steadfast_idempotency::{Fingerprint, Id, Key, Refusal, Scope};

use crate::{
    flights::{Flights as RealFlights, Landing, Lead as RealLead, Look, News, Seat as RealSeat},
    models::{Flights, Lead, Led, Seat, State},
};

const UNTIL: Instant = Instant::from_nanos(10);

#[derive(Clone, Copy)]
pub(crate) struct Real {
    // Leaked: a lead borrows both, and the threads of a model outlive nothing.
    flights: &'static RealFlights,
    id: &'static Id,
}

pub(crate) fn real() -> Real {
    let id = Id::new(Scope::new("a", "b").unwrap(), Key::new("k").unwrap());
    Real {
        flights: Box::leak(Box::new(RealFlights::new())),
        id: Box::leak(Box::new(id)),
    }
}

impl Flights for Real {
    type Lead = RealLead<'static>;
    type Seat = RealSeat<'static>;

    fn open(&self) -> Self::Lead {
        let print = Fingerprint::of(b"");
        self.flights.open(self.id, print, false, UNTIL).unwrap()
    }

    fn follow(&self) -> Option<Self::Seat> {
        match self.flights.look(self.id, Fingerprint::of(b"")) {
            Look::Follows(seat) => Some(seat),
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.flights.len() == 0
    }
}

impl Lead for RealLead<'static> {
    fn lands(self) -> bool {
        self.lands(Landing::Refused(Refusal::Indeterminate, Instant::MAX))
    }

    fn retires(self) {
        drop(self);
    }
}

impl Seat for RealSeat<'static> {
    type Lead = RealLead<'static>;

    fn poll(&self, waker: &Waker) -> State {
        match self.poll(&Context::from_waker(waker)) {
            Poll::Ready(_) => State::Over,
            Poll::Pending if self.stands().is_vacant => State::Vacant,
            Poll::Pending => State::Waits,
        }
    }

    fn lead(self, gives_up: bool) -> Led<Self> {
        let now = if gives_up {
            UNTIL
        } else {
            Instant::from_nanos(0)
        };
        match self.lead(now, Instant::MAX) {
            Ok(News::Leads(lead, _)) => Led::Leads(lead),
            Ok(_) => Led::Over,
            Err(seat) => Led::Follows(seat),
        }
    }
}

//! Who leads, and when a flight is gone.

use std::{
    sync::OnceLock,
    task::{Context, Wake},
};

use super::*;
use crate::{Key, Scope};

fn id() -> Id {
    Id::new(
        Scope::new("a", "b").expect("valid"),
        Key::new("k").expect("valid"),
    )
}

fn seat<'p>(flights: &'p Flights, id: &'p Id, print: Fingerprint) -> Seat<'p> {
    match flights.look(id, print) {
        Look::Follows(seat) => seat,
        other => panic!("nobody to follow: {other:?}"),
    }
}

const LATER: Instant = Instant::from_nanos(10);

#[test]
fn a_flight_is_gone_with_its_last_call_in_whatever_order_they_go() {
    let (flights, id, print) = (Flights::new(), id(), Fingerprint::of(b""));
    for order in 0..4 {
        let lead = flights.open(&id, print, false, LATER).unwrap();
        let (one, two) = (seat(&flights, &id, print), seat(&flights, &id, print));
        match order {
            0 => drop((lead, one, two)),
            1 => drop((one, two, lead)),
            2 => {
                drop(one);
                drop(lead);
                drop(two);
            }
            _ => {
                lead.lands(Landing::Refused(Refusal::Indeterminate, Instant::MAX));
                assert_eq!(flights.len(), 0);
                drop((one, two));
            }
        }
        assert_eq!(flights.len(), 0);
    }
}

#[test]
fn another_fingerprint_is_judged_once_the_store_has_judged_the_first() {
    let (flights, id) = (Flights::new(), id());
    let (print, other) = (Fingerprint::of(b"1"), Fingerprint::of(b"2"));
    let lead = flights.open(&id, print, false, LATER).unwrap();
    assert!(matches!(flights.look(&id, other), Look::Clear));
    assert!(flights.open(&id, print, false, LATER).is_none());
    assert!(flights.open(&id, other, true, LATER).is_none());
    lead.waits(LATER, LATER);
    assert!(matches!(flights.look(&id, other), Look::Mismatch(LATER)));
    lead.runs(LATER, false);
    assert!(matches!(flights.look(&id, other), Look::Mismatch(LATER)));
    drop(lead);
    assert!(matches!(flights.look(&id, other), Look::Clear));
}

#[test]
fn who_runs_leads_and_who_waited_for_it_leads_no_more() {
    let (flights, id, print) = (Flights::new(), id(), Fingerprint::of(b""));
    let waits = flights.open(&id, print, false, LATER).unwrap();
    waits.waits(LATER, LATER);
    let runs = flights.open(&id, print, true, LATER).unwrap();
    assert!(!waits.is_current() && runs.is_current());
    drop(waits);
    assert!(runs.is_current());
}

#[test]
fn who_will_not_wait_is_woken_by_a_call_that_runs_in_the_place_of_the_one_it_followed() {
    let (flights, id, print) = (Flights::new(), id(), Fingerprint::of(b""));
    let _asks = flights.open(&id, print, false, LATER).unwrap();
    let seat = seat(&flights, &id, print);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(seat.poll(&Context::from_waker(&waker)).is_pending());
    let _runs = flights.open(&id, print, true, LATER).unwrap();
    assert!(woken.0.get().is_some());
    assert!(seat.stands().is_under_way);
}

#[derive(Default)]
struct Woken(OnceLock<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.set(());
    }
}

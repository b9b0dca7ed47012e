//! The payment server's books: who asked how often, and who was charged.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::fate::Arrival;

/// Proof that a card was charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) order: String,
    /// Charges of this server are numbered from 1.
    pub(crate) charge: u64,
}

/// All orders of one server.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// When the first request of all came in.
    opened: Option<Instant>,
    charges: u64,
    unanswered: u64,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    first: Instant,
    arrivals: u32,
    charges: u32,
}

/// What one server saw in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Orders that were charged more than once.
    pub(crate) charged_twice: u64,
    /// Requests that came in while it was dead.
    pub(crate) in_outage: u64,
}

impl Ledger {
    /// Writes down a request that comes in at `now`.
    pub(crate) fn arrival<'a>(&mut self, order: &'a str, now: Instant) -> Arrival<'a> {
        let opened = *self.opened.get_or_insert(now);
        let entry = self.entries.entry(order.to_owned()).or_insert(Entry {
            first: now,
            arrivals: 0,
            charges: 0,
        });
        entry.arrivals += 1;
        Arrival {
            order,
            nth: entry.arrivals,
            since_first: now.saturating_duration_since(entry.first),
            since_opening: now.saturating_duration_since(opened),
        }
    }

    /// Charges an order that has arrived.
    pub(crate) fn charge(&mut self, order: &str) -> Receipt {
        self.charges += 1;
        self.entries
            .get_mut(order)
            .expect("an order arrives before it is charged")
            .charges += 1;
        Receipt {
            order: order.to_owned(),
            charge: self.charges,
        }
    }

    /// Writes down that a request came in vain, as the server is dead.
    pub(crate) fn leave_unanswered(&mut self) {
        self.unanswered += 1;
    }

    pub(crate) fn opened(&self) -> Option<Instant> {
        self.opened
    }

    pub(crate) fn tally(&self) -> Tally {
        let entries = self.entries.values();
        Tally {
            requests: entries.clone().map(|entry| u64::from(entry.arrivals)).sum(),
            charged_twice: entries.map(|entry| u64::from(entry.charges > 1)).sum(),
            in_outage: self.unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do to count from"
    )]
    fn arrivals_are_counted_from_the_first_of_their_order() {
        let mut ledger = Ledger::default();
        let start = Instant::now();
        let mut seen = |order, ms| {
            let arrival = ledger.arrival(order, start + Duration::from_millis(ms));
            let (since_first, since_opening) = (arrival.since_first, arrival.since_opening);
            (
                arrival.nth,
                since_first.as_millis(),
                since_opening.as_millis(),
            )
        };
        assert_eq!(seen("a", 10), (1, 0, 0));
        assert_eq!(seen("b", 15), (1, 0, 5));
        assert_eq!(seen("a", 30), (2, 20, 20));
        assert_eq!(seen("a", 5), (3, 0, 0));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do to count from"
    )]
    fn an_order_charged_thrice_is_one_order_charged_twice() {
        let mut ledger = Ledger::default();
        for order in ["a", "a", "a", "b"] {
            ledger.arrival(order, Instant::now());
            ledger.charge(order);
        }
        ledger.arrival("c", Instant::now());
        let wanted = Tally {
            requests: 5,
            charged_twice: 1,
            ..Tally::default()
        };
        assert_eq!(ledger.tally(), wanted);
    }
}

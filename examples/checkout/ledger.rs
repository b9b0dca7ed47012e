//! What a payment server sees come in: who asked how often, and when.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::{books::Audit, fate::Arrival};

/// All orders of one server.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// When the first request of all came in.
    opened: Option<Instant>,
    unanswered: u64,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    first: Instant,
    arrivals: u32,
}

/// What one server saw in its life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Requests that came in while it was dead.
    pub(crate) in_outage: u64,
    /// What its books say about the orders that came in.
    pub(crate) books: Audit,
}

impl Ledger {
    /// Writes down a request that comes in at `now`.
    pub(crate) fn arrival<'a>(&mut self, order: &'a str, now: Instant) -> Arrival<'a> {
        let opened = *self.opened.get_or_insert(now);
        let entry = self.entries.entry(order.to_owned()).or_insert(Entry {
            first: now,
            arrivals: 0,
        });
        entry.arrivals += 1;
        Arrival {
            order,
            nth: entry.arrivals,
            since_first: now.saturating_duration_since(entry.first),
            since_opening: now.saturating_duration_since(opened),
        }
    }

    /// Writes down that a request came in vain, as the server is dead.
    pub(crate) fn leave_unanswered(&mut self) {
        self.unanswered += 1;
    }

    pub(crate) fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// Whether there was a request for this order.
    pub(crate) fn knows(&self, order: &str) -> bool {
        self.entries.contains_key(order)
    }

    pub(crate) fn tally(&self, books: Audit) -> Tally {
        let arrivals = self.entries.values().map(|entry| entry.arrivals);
        Tally {
            requests: arrivals.map(u64::from).sum(),
            in_outage: self.unanswered,
            books,
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
}

//! One request: how it comes in, and what happens to it.

use std::time::Duration;

/// One request as the server sees it come in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) order: &'a str,
    /// 1 for the first request of this order.
    pub(crate) nth: u32,
    /// Time since that first request.
    pub(crate) since_first: Duration,
    /// Time since the first request of all orders.
    pub(crate) since_opening: Duration,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Time until it is answered.
    pub(crate) latency: Duration,
    pub(crate) answer: Answer,
}

/// How one request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// As the card deserves: a receipt, or 402.
    Served,
    /// As the card deserves, but the connection is cut before the client learns of it.
    Cut,
    /// 500.
    Error,
    /// 503.
    Overloaded,
    /// 429, with this many whole seconds in `Retry-After`.
    Limited { seconds: u64 },
    /// Not at all: the server is dead, and the connection is cut before any charge.
    Dead,
}

impl Answer {
    /// Whether a good card has been charged by the time this answer is given.
    pub(crate) fn is_charged(self) -> bool {
        matches!(self, Answer::Served | Answer::Cut)
    }
}

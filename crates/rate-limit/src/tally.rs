//! What was taken, whatever the shape of the limit.

use steadfast_core::Instant;

use crate::{
    limited::Limited,
    log::Log,
    rule::{Rule, Shape},
};

/// What all admissions up to now have taken, those included whose turn is still to come.
#[derive(Clone, Debug)]
pub(crate) enum Tally {
    /// Until when it takes, in ticks of the clock.
    Arrival(u128),
    Log(Log),
}

/// A state to which a tally can go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point(u128);

impl Tally {
    pub(crate) fn new(rule: &Rule) -> Tally {
        match rule.shape {
            Shape::Bucket | Shape::Fixed => Tally::Arrival(0),
            Shape::Sliding => Tally::Log(Log::default()),
        }
    }

    /// When a call is admitted that comes at `now`: `now`, or the first instant at which it is.
    pub(crate) fn grant(&self, rule: &Rule, now: Instant, cost: u32) -> Result<Instant, Limited> {
        rule.check_cost(cost)?;
        Ok(match self {
            Tally::Arrival(arrival) => rule.grant(*arrival, now, cost),
            Tally::Log(log) => log.grant(rule, now, cost),
        })
    }

    /// Whether a call is admitted at `now`.
    pub(crate) fn fits(&self, rule: &Rule, now: Instant, cost: u32) -> Result<(), Limited> {
        let at = self.grant(rule, now, cost)?;
        if at > now {
            return Err(Limited::Until(at));
        }
        Ok(())
    }

    /// Takes what [`grant`](Tally::grant) has granted `at` that instant.
    pub(crate) fn take(&mut self, rule: &Rule, at: Instant, cost: u32) {
        match self {
            Tally::Arrival(arrival) => *arrival = rule.taken(*arrival, at, cost),
            Tally::Log(log) => log.take(at, cost),
        }
    }

    pub(crate) fn available(&self, rule: &Rule, now: Instant) -> u32 {
        match self {
            Tally::Arrival(arrival) => rule.available(*arrival, now),
            Tally::Log(log) => log.available(rule, now),
        }
    }

    pub(crate) fn refund(&mut self, rule: &Rule, now: Instant, cost: u32) {
        match self {
            Tally::Arrival(arrival) => *arrival = rule.refunded(*arrival, cost),
            Tally::Log(log) => log.refund(rule, now, cost),
        }
    }

    /// Goes over to another rule of the same shape.
    pub(crate) fn convert(&mut self, earlier: &Rule, rule: &Rule, now: Instant) {
        if let Tally::Arrival(arrival) = self {
            *arrival = rule.converted(earlier, *arrival, now);
        }
    }

    pub(crate) fn point(&self) -> Point {
        match self {
            Tally::Arrival(arrival) => Point(*arrival),
            Tally::Log(log) => Point(log.taken().into()),
        }
    }

    /// Takes nothing of what was taken since.
    pub(crate) fn rewind(&mut self, point: Point) {
        match self {
            Tally::Arrival(arrival) => *arrival = point.0,
            Tally::Log(log) => log.rewind(point.taken()),
        }
    }

    /// Promises at `now` not to go back to before that.
    pub(crate) fn settle(&mut self, rule: &Rule, now: Instant, point: Point) {
        if let Tally::Log(log) = self {
            log.trim(rule, now, point.taken());
        }
    }
}

impl Point {
    fn taken(self) -> u64 {
        u64::try_from(self.0).expect("a point of a log is a number of units")
    }
}

//! The breaker as the documentation has it, as slow as it is plain.

mod ends;

use steadfast_circuit_breaker::{Cause, State};
use steadfast_core::Ratio;

use crate::{
    list::{Bucket, Ended, List},
    runtime::Heard,
    setup::Setup,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed { period: u64 },
    Open { until: u64, length: u64 },
    HalfOpen { id: u64, until: u64 },
    Ramping { period: u64, since: u64 },
    Isolated,
    ForcedClosed,
}

/// What an admitted call holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Unwatched,
    Call { period: u64, began: u64 },
    Probe { id: u64, began: u64 },
}

/// A probe of the half-open state of that number.
#[derive(Clone, Copy, Debug)]
struct Probe {
    half_open: u64,
    back: Back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Back {
    NotYet,
    /// With what it means to the rule of failures in a row.
    Judged {
        failed: bool,
        in_a_row: Option<bool>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Failed,
    Overloaded,
    Unknown,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
struct Ending {
    health: Health,
    at: u64,
    retry_after: Option<u64>,
    random: u64,
}

pub(crate) struct Naive {
    setup: Setup,
    pub(crate) phase: Phase,
    ids: u64,
    pub(crate) list: List,
    probes: Vec<Probe>,
    pub(crate) reopened: u32,
    pub(crate) stale: u64,
    pub(crate) transitions: Vec<(State, State, Cause)>,
    pub(crate) heard: Vec<Heard>,
    /// Done by hand, for the next call to tell of.
    untold: Vec<Heard>,
}

fn reached(rate: Option<Ratio>, part: u64, whole: u64) -> bool {
    rate.is_some_and(|rate| {
        part > 0 && part * u64::from(rate.denominator()) >= whole * u64::from(rate.numerator())
    })
}

/// Of `whole`, what a number drawn between none and all comes to.
fn drawn(random: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(random) * u128::from(whole) / (u128::from(u64::MAX) + 1)).unwrap()
}

impl Naive {
    pub(crate) fn new(setup: Setup) -> Self {
        Naive {
            setup,
            phase: Phase::Closed { period: 0 },
            ids: 0,
            list: List::default(),
            probes: Vec::new(),
            reopened: 0,
            stale: 0,
            transitions: Vec::new(),
            heard: Vec::new(),
            untold: Vec::new(),
        }
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::Ramping { .. } => State::Ramping,
            Phase::Isolated => State::Isolated,
            Phase::ForcedClosed => State::ForcedClosed,
        }
    }

    /// The number of the closed period that it is in.
    fn period(&self) -> Option<u64> {
        match self.phase {
            Phase::Closed { period } | Phase::Ramping { period, .. } => Some(period),
            _ => None,
        }
    }

    fn new_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn go(&mut self, phase: Phase, cause: Cause) {
        let from = self.state();
        self.phase = phase;
        let to = self.state();
        if from == to {
            return;
        }
        self.transitions.push((from, to, cause));
        let heard = Heard::Transition(from.name(), to.name(), cause.name());
        if cause == Cause::ByHand {
            self.untold.push(heard);
        } else {
            self.heard.push(heard);
        }
    }

    /// How long it stays open after so many re-openings.
    fn open_nanos(&self, reopened: u32, retry_after: Option<u64>, random: u64) -> u64 {
        let setup = &self.setup;
        let mut nanos = u128::from(setup.open_for);
        for _ in 0..reopened {
            nanos = (nanos * u128::from(setup.factor_milli) / 1000).min(setup.max_open_for.into());
        }
        let mut nanos = u64::try_from(nanos).unwrap();
        if reopened > 0 {
            nanos -= drawn(random, setup.jitter.of(nanos));
        }
        nanos.max(retry_after.unwrap_or(0).min(setup.max_retry_after))
    }

    fn open(&mut self, now: u64, length: u64, cause: Cause) {
        let until = now.saturating_add(length);
        self.go(Phase::Open { until, length }, cause);
    }

    fn reopen(&mut self, now: u64, retry_after: Option<u64>, cause: Cause, random: u64) {
        self.reopened += 1;
        let length = self.open_nanos(self.reopened, retry_after, random);
        self.open(now, length, cause);
    }

    /// Whether a call passes, or how long to stay away, where that is known.
    pub(crate) fn admit(&mut self, now: u64, random: u64) -> Result<Pass, Option<u64>> {
        self.heard.append(&mut self.untold);
        let refusal = match self.decide(now, random) {
            Ok(pass) => return Ok(pass),
            Err(refusal) => refusal,
        };
        if self.setup.shadow {
            self.heard.push(Heard::WouldReject);
            return Ok(Pass::Unwatched);
        }
        self.heard.push(Heard::Rejected);
        Err(refusal)
    }

    fn decide(&mut self, now: u64, random: u64) -> Result<Pass, Option<u64>> {
        match self.phase {
            Phase::Closed { period } => Ok(Pass::Call { period, began: now }),
            Phase::ForcedClosed => Ok(Pass::Unwatched),
            Phase::Isolated => Err(None),
            Phase::Open { until, length } if now < until => {
                // The clock was turned back where more is left than there ever was.
                let left = (until - now).min(length);
                let until = now + left;
                self.phase = Phase::Open { until, length };
                Err(Some(left))
            }
            Phase::Open { .. } => {
                let id = self.new_id();
                let until = now.saturating_add(self.setup.half_open_for);
                self.go(Phase::HalfOpen { id, until }, Cause::OpenTimeOver);
                self.lend(id, now)
            }
            Phase::HalfOpen { id, until } if now >= until => {
                self.end_half_open(id, now, None, random);
                self.decide(now, random)
            }
            Phase::HalfOpen { id, until } => {
                let until = until.min(now.saturating_add(self.setup.half_open_for));
                self.phase = Phase::HalfOpen { id, until };
                self.lend(id, now)
            }
            Phase::Ramping { period, since } => {
                let since = since.min(now); // where the clock was turned back
                self.phase = Phase::Ramping { period, since };
                let passed = now.saturating_sub(since);
                let step = usize::try_from(passed / self.setup.ramp_step).unwrap();
                match self.setup.ramp.get(step) {
                    Some(share) => {
                        let whole = u64::from(share.denominator());
                        if drawn(random, whole) >= u64::from(share.numerator()) {
                            let step = self.setup.ramp_step;
                            return Err(Some(step - passed % step));
                        }
                    }
                    None => {
                        self.reopened = 0;
                        self.go(Phase::Closed { period }, Cause::RampOver);
                    }
                }
                Ok(Pass::Call { period, began: now })
            }
        }
    }

    fn probes_of(&self, id: u64) -> impl Iterator<Item = Back> + '_ {
        let of_this = self
            .probes
            .iter()
            .filter(move |probe| probe.half_open == id);
        of_this.map(|probe| probe.back)
    }

    fn lend(&mut self, id: u64, now: u64) -> Result<Pass, Option<u64>> {
        if self.probes_of(id).count() as u64 >= self.setup.probes {
            let Phase::HalfOpen { until, .. } = self.phase else {
                unreachable!("only half-open lends");
            };
            return Err(Some(until - now));
        }
        self.probes.push(Probe {
            half_open: id,
            back: Back::NotYet,
        });
        Ok(Pass::Probe { id, began: now })
    }

    pub(crate) fn isolate(&mut self) {
        self.go(Phase::Isolated, Cause::ByHand);
    }

    pub(crate) fn force_closed(&mut self) {
        self.go(Phase::ForcedClosed, Cause::ByHand);
    }

    pub(crate) fn reset(&mut self) {
        let period = self.new_id();
        self.reopened = 0;
        self.go(Phase::Closed { period }, Cause::ByHand);
    }

    pub(crate) fn open_for(&mut self, now: u64, length: u64) {
        self.open(now, length, Cause::ByHand);
    }

    /// How much of the open time is left; nothing in other states.
    pub(crate) fn remaining(&self, now: u64) -> u64 {
        match self.phase {
            Phase::Open { until, length } => until.saturating_sub(now).min(length),
            _ => 0,
        }
    }

    pub(crate) fn window(&self, now: u64) -> Vec<Bucket> {
        match self.period() {
            Some(period) if self.setup.has_rates() => self.list.window_at(period, now, &self.setup),
            _ => Vec::new(),
        }
    }

    pub(crate) fn failures_in_a_row(&self) -> u64 {
        match self.period() {
            Some(period) if self.setup.consecutive.is_some() => self.list.failures_in_a_row(period),
            _ => 0,
        }
    }

    /// The calls of the current period, all there ever were.
    pub(crate) fn calls_of_period(&self) -> Vec<Ended> {
        let calls = self.list.calls.iter().copied();
        calls
            .filter(|call| Some(call.period) == self.period())
            .collect()
    }
}

/// Calls, failures and slow ones.
pub(crate) fn sums(window: &[Bucket]) -> [u64; 3] {
    [
        window.iter().map(|bucket| bucket.1).sum(),
        window.iter().map(|bucket| bucket.2).sum(),
        window.iter().map(|bucket| bucket.3).sum(),
    ]
}

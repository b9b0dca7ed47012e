//! What a call that ends changes.

use steadfast_circuit_breaker::Cause;
use steadfast_core::{Class, RejectionKind};

use super::{Back, Ending, Health, Naive, Pass, Phase, Probe, reached, sums};
use crate::{list::Ended, steps::End};

impl Naive {
    /// A call came to this end; as a future it tells the refusals of policies inside from failures.
    pub(crate) fn end(&mut self, pass: Pass, end: End, as_future: bool, at: u64, random: u64) {
        let verdict = end.verdict();
        let by_class = match verdict.class() {
            Class::Success => Health::Good,
            Class::Transient | Class::Permanent => Health::Failed,
            Class::Overloaded => Health::Overloaded,
            Class::Caller => Health::Unknown,
        };
        let health = match end {
            End::Refused(rejection) if as_future => match rejection.kind() {
                RejectionKind::TimedOut { .. } => Health::Failed,
                _ => Health::Unknown,
            },
            _ => by_class,
        };
        let retry_after = verdict.retry_after().map(|after| {
            // More than the clock holds was never asked for.
            u64::try_from(after.as_nanos()).unwrap()
        });
        let ending = Ending {
            health,
            at,
            retry_after,
            random,
        };
        self.record(pass, ending);
    }

    pub(crate) fn cancel(&mut self, pass: Pass, at: u64, random: u64) {
        let health = if self.setup.cancelled_is_failed {
            Health::Failed
        } else {
            Health::Unknown
        };
        let ending = Ending {
            health,
            at,
            retry_after: None,
            random,
        };
        self.record(pass, ending);
    }

    fn record(&mut self, pass: Pass, ending: Ending) {
        let is_slow = |began: u64| {
            let slow = self.setup.slow;
            slow.is_some_and(|(_, after)| ending.at.saturating_sub(began) > after)
        };
        match pass {
            Pass::Unwatched => {}
            Pass::Call { .. } if ending.health == Health::Unknown => {}
            Pass::Call { period, began } if self.period() == Some(period) => {
                let call = Ended {
                    period,
                    at: ending.at,
                    failed: matches!(ending.health, Health::Failed | Health::Overloaded),
                    slow: is_slow(began),
                    in_a_row: match ending.health {
                        Health::Good => Some(false),
                        Health::Failed => Some(true),
                        _ => None,
                    },
                };
                self.list.push(call, &self.setup);
                self.judge(call, ending);
            }
            Pass::Probe { id, began } if self.is_half_open(id) => {
                let slow = is_slow(began);
                self.take_back(id, began, slow, ending);
            }
            Pass::Probe { .. } if ending.health == Health::Unknown => {}
            Pass::Call { .. } | Pass::Probe { .. } => self.stale += 1,
        }
    }

    fn judge(&mut self, call: Ended, ending: Ending) {
        let setup = &self.setup;
        let window = self.list.window_at(call.period, ending.at, setup);
        // Where the clock has gone back a little, the call that ended is in the window still.
        let [calls, failures, slow] = sums(&window);
        let is_enough = self.list.known(call.period, ending.at, setup) >= setup.min_calls;
        let in_a_row = self.list.failures_in_a_row(call.period);
        let cause = if is_enough && reached(setup.failure_rate, failures, calls) {
            Cause::FailureRate
        } else if is_enough && reached(setup.slow.map(|(rate, _)| rate), slow, calls) {
            Cause::SlowCallRate
        } else if call.in_a_row == Some(true)
            && setup
                .consecutive
                .is_some_and(|limit| in_a_row >= limit.into())
        {
            Cause::ConsecutiveFailures
        } else {
            return;
        };
        if let Phase::Ramping { .. } = self.phase {
            self.reopen(ending.at, ending.retry_after, cause, ending.random);
        } else {
            let length = self.open_nanos(0, ending.retry_after, ending.random);
            self.open(ending.at, length, cause);
        }
    }

    fn is_half_open(&self, id: u64) -> bool {
        matches!(self.phase, Phase::HalfOpen { id: of, .. } if of == id)
    }

    fn take_back(&mut self, id: u64, began: u64, slow: bool, ending: Ending) {
        let is_out = |probe: &Probe| probe.half_open == id && probe.back == Back::NotYet;
        let lent = self.probes.iter().position(is_out).unwrap();
        self.probes.remove(lent);
        if ending.health == Health::Unknown {
            return;
        }
        let hung = ending.at.saturating_sub(began) >= self.setup.half_open_for;
        let failed = ending.health != Health::Good || slow || hung;
        self.probes.push(Probe {
            half_open: id,
            back: Back::Judged {
                failed,
                in_a_row: match ending.health {
                    Health::Overloaded => None,
                    _ => Some(failed),
                },
            },
        });
        let judged = self.judged(id);
        let is_late = matches!(self.phase, Phase::HalfOpen { until, .. } if ending.at >= until);
        if self.have_failed(&judged, self.setup.probes) {
            let cause = if hung {
                Cause::HalfOpenTimeOver
            } else {
                Cause::ProbesFailed
            };
            self.reopen(ending.at, ending.retry_after, cause, ending.random);
        } else if judged.len() as u64 >= self.setup.probes {
            self.close(ending.at);
        } else if is_late {
            self.end_half_open(id, ending.at, ending.retry_after, ending.random);
        }
    }

    /// Of the probes that are back, whether each failed, and what it means to the rule of failures in a row.
    fn judged(&self, id: u64) -> Vec<(bool, Option<bool>)> {
        self.probes_of(id)
            .filter_map(|back| match back {
                Back::Judged { failed, in_a_row } => Some((failed, in_a_row)),
                Back::NotYet => None,
            })
            .collect()
    }

    /// Whether these are too many failures of so many probes.
    fn have_failed(&self, judged: &[(bool, Option<bool>)], probes: u64) -> bool {
        let failures = judged.iter().filter(|(failed, _)| *failed).count() as u64;
        let said = judged.iter().rev().filter_map(|(_, in_a_row)| *in_a_row);
        let in_a_row = said.take_while(|failed| *failed).count() as u64;
        let setup = &self.setup;
        let rate = setup.failure_rate.or(setup.slow.map(|(rate, _)| rate));
        let by_rate = match rate {
            Some(_) => reached(rate, failures, probes),
            None => failures > 0,
        };
        let limit = setup.consecutive;
        by_rate || limit.is_some_and(|limit| in_a_row >= limit.into())
    }

    /// The time of half-open is over: those that are out have failed.
    pub(super) fn end_half_open(
        &mut self,
        id: u64,
        now: u64,
        retry_after: Option<u64>,
        random: u64,
    ) {
        let mut judged = self.judged(id);
        let out = self.probes_of(id).count() - judged.len();
        judged.extend((0..out).map(|_| (true, Some(true))));
        let cause = Cause::HalfOpenTimeOver;
        if judged.is_empty() {
            let length = self.open_nanos(self.reopened, retry_after, random);
            self.open(now, length, cause);
        } else if self.have_failed(&judged, judged.len() as u64) {
            self.reopen(now, retry_after, cause, random);
        } else {
            self.close(now);
        }
    }

    fn close(&mut self, now: u64) {
        let period = self.new_id();
        if self.setup.ramp.is_empty() {
            self.reopened = 0;
            self.go(Phase::Closed { period }, Cause::ProbesSucceeded);
        } else {
            let ramping = Phase::Ramping { period, since: now };
            self.go(ramping, Cause::ProbesSucceeded);
        }
    }
}

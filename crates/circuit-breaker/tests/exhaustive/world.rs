//! A breaker, what has happened to it, and what has to hold then.

use std::{collections::VecDeque, time::Duration};

use steadfast_circuit_breaker::{Cause, CircuitBreaker, Permit, State, Transition, Transitions};
use steadfast_core::{Instant, VirtualRuntime};

use crate::small::{CAP, End, Event, OPEN, STEP, Small};

/// One call that counts.
#[derive(Clone, Copy, Debug)]
struct Sample {
    end: End,
    slow: bool,
}

struct Held<'b> {
    permit: Permit<'b, &'b VirtualRuntime>,
    period: usize,
    began: u64,
}

/// A breaker, and what is known of it from what has happened.
pub(crate) struct World<'b> {
    small: Small,
    breaker: &'b CircuitBreaker,
    runtime: &'b VirtualRuntime,
    subscription: Transitions,
    now: u64,
    held: VecDeque<Held<'b>>,
    state: State,
    /// When the state began.
    since: u64,
    /// Counts the states, where ramping and the closed state after it are one.
    period: usize,
    /// What has ended in this period.
    ended: Vec<Sample>,
    probes_out: usize,
    last: Option<Transition>,
    stale: u64,
}

impl<'b> World<'b> {
    pub(crate) fn new(
        small: Small,
        breaker: &'b CircuitBreaker,
        runtime: &'b VirtualRuntime,
    ) -> Self {
        let mut world = World {
            small,
            breaker,
            runtime,
            subscription: breaker.subscribe(),
            now: 0,
            held: VecDeque::new(),
            state: State::Closed,
            since: 0,
            period: 0,
            ended: Vec::new(),
            probes_out: 0,
            last: None,
            stale: 0,
        };
        world.pass(1_000);
        world
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        let now = Instant::from_nanos(self.now * 1_000_000);
        self.runtime.set_now(now);
    }

    /// Whether it can happen here; then it has.
    pub(crate) fn happens(&mut self, event: Event) -> bool {
        match event {
            Event::Pass(millis) => self.pass(millis),
            Event::Begin => {
                let Some(held) = self.admit() else {
                    return true;
                };
                self.held.push_back(held);
            }
            Event::Call(end) => {
                if let Some(held) = self.admit() {
                    self.end(held, Some(end));
                }
            }
            Event::Oldest(end) => match self.held.pop_front() {
                Some(held) => self.end(held, Some(end)),
                None => return false,
            },
            Event::Newest(_) if self.held.len() < 2 => return false,
            Event::Newest(end) => {
                let held = self.held.pop_back().unwrap();
                self.end(held, Some(end));
            }
            Event::Cancel => match self.held.pop_front() {
                Some(held) => self.end(held, None),
                None => return false,
            },
        }
        true
    }

    fn judged(&self) -> usize {
        match self.state {
            State::HalfOpen => self.ended.len(),
            _ => 0,
        }
    }

    fn admit(&mut self) -> Option<Held<'b>> {
        let admitted = self.breaker.try_acquire(self.runtime);
        let since = self.now - self.since;
        let refusal = match &admitted {
            Ok(_) => None,
            Err(rejection) => Some(rejection.retry_after()),
        };
        let after = |millis| Some(Some(Duration::from_millis(millis)));
        match self.state {
            State::Closed => {
                assert_eq!(refusal, None);
                self.goes(None);
            }
            State::Open if since < OPEN => {
                assert_eq!(refusal, after(OPEN - since));
                self.goes(None);
            }
            State::Open => {
                assert_eq!(refusal, None);
                self.goes(Some((State::HalfOpen, Cause::OpenTimeOver)));
            }
            State::HalfOpen if since >= CAP => {
                let goes = self.end_half_open();
                match goes.0 {
                    State::Open => assert_eq!(refusal, after(OPEN)),
                    State::Closed => assert_eq!(refusal, None),
                    _ => assert!(refusal.is_none() || refusal == after(STEP)), // as it is drawn
                }
                self.goes(Some(goes));
            }
            State::HalfOpen => {
                let is_full = self.probes_out + self.judged() >= self.small.probes;
                let rest = if is_full { after(CAP - since) } else { None };
                assert_eq!(refusal, rest);
                self.goes(None);
            }
            State::Ramping if since >= STEP => {
                assert_eq!(refusal, None);
                self.goes(Some((State::Closed, Cause::RampOver)));
            }
            State::Ramping => {
                assert!(refusal.is_none() || refusal == after(STEP - since)); // as it is drawn
                self.goes(None);
            }
            other => panic!("nobody made it {other}"),
        }
        let permit = admitted.ok()?;
        assert_eq!(permit.is_probe(), self.state == State::HalfOpen);
        self.probes_out += usize::from(permit.is_probe());
        Some(Held {
            permit,
            period: self.period,
            began: self.now,
        })
    }

    /// A call ends, or is cancelled.
    fn end(&mut self, held: Held<'b>, end: Option<End>) {
        let now = Instant::from_nanos(self.now * 1_000_000);
        let is_stale = held.period != self.period;
        let hung = self.now - held.began >= CAP;
        let sample = end.filter(|end| *end != End::Neutral).map(|end| Sample {
            end,
            slow: self.small.slow.is_some() && held.began < self.now
                || self.state == State::HalfOpen && hung,
        });
        let before = is_stale.then(|| self.breaker.snapshot_at(now));
        match end {
            Some(end) => held.permit.record(&end.verdict()),
            None => drop(held.permit),
        }
        if let Some(mut expected) = before {
            // A result of an earlier period is counted as that, and changes nothing.
            self.stale += u64::from(sample.is_some());
            expected.stale = self.stale;
            assert_eq!(self.breaker.snapshot_at(now), expected);
            self.goes(None);
            return;
        }
        if self.state == State::HalfOpen {
            self.probes_out -= 1;
        }
        let Some(sample) = sample else {
            self.goes(None);
            return;
        };
        self.ended.push(sample);
        let goes = match self.state {
            State::HalfOpen => self.judge_probes(hung),
            _ => self.judge_calls().map(|cause| (State::Open, cause)),
        };
        self.goes(goes);
    }

    fn in_a_row(&self) -> usize {
        let is_probe = self.state == State::HalfOpen;
        let said = self.ended.iter().filter(|call| call.end != End::Overloaded);
        said.rev()
            .take_while(|call| call.end == End::Bad || is_probe && call.slow)
            .count()
    }

    fn window(&self) -> &[Sample] {
        let window = self.small.rate.map_or(0, |(window, _, _)| window);
        &self.ended[self.ended.len().saturating_sub(window)..]
    }

    fn judge_calls(&self) -> Option<Cause> {
        if let Some((_, min_calls, rate)) = self.small.rate {
            let window = self.window();
            let reached = |(part, whole): (u32, u32), count: usize| {
                count > 0 && count * whole as usize >= window.len() * part as usize
            };
            let failures = window.iter().filter(|call| call.end != End::Good);
            let slow = window.iter().filter(|call| call.slow).count();
            if window.len() >= min_calls {
                if reached(rate, failures.count()) {
                    return Some(Cause::FailureRate);
                }
                if self.small.slow.is_some_and(|rate| reached(rate, slow)) {
                    return Some(Cause::SlowCallRate);
                }
            }
        }
        let limit = self.small.consecutive?;
        let is_bad = self.ended.last()?.end == End::Bad;
        (is_bad && self.in_a_row() >= limit).then_some(Cause::ConsecutiveFailures)
    }

    fn judge_probes(&self, hung: bool) -> Option<(State, Cause)> {
        if self.have_failed(0, self.small.probes) {
            let cause = if hung {
                Cause::HalfOpenTimeOver
            } else {
                Cause::ProbesFailed
            };
            Some((State::Open, cause))
        } else if self.ended.len() >= self.small.probes {
            Some(self.closes())
        } else {
            let is_over = self.now - self.since >= CAP;
            is_over.then(|| self.end_half_open())
        }
    }

    /// Where it goes when the time of half-open is over.
    fn end_half_open(&self) -> (State, Cause) {
        let lent = self.ended.len() + self.probes_out;
        if lent == 0 || self.have_failed(self.probes_out, lent) {
            (State::Open, Cause::HalfOpenTimeOver)
        } else {
            self.closes()
        }
    }

    /// Whether too many of so many probes have failed, with those that are given up.
    fn have_failed(&self, given_up: usize, probes: usize) -> bool {
        let failed = |call: &&Sample| call.end != End::Good || call.slow;
        let failed = self.ended.iter().filter(failed).count() + given_up;
        let by_rate = match self.small.rate {
            Some((_, _, (part, whole))) => {
                failed > 0 && failed * whole as usize >= probes * part as usize
            }
            None => failed > 0,
        };
        let limit = self.small.consecutive;
        by_rate || limit.is_some_and(|limit| self.in_a_row() + given_up >= limit)
    }

    fn closes(&self) -> (State, Cause) {
        let back = if self.small.ramps {
            State::Ramping
        } else {
            State::Closed
        };
        (back, Cause::ProbesSucceeded)
    }

    /// It has gone there, for this cause and once, or nowhere.
    fn goes(&mut self, expected: Option<(State, Cause)>) {
        let next = self.subscription.try_recv();
        assert_eq!(next.map(|next| (next.to, next.cause)), expected);
        assert_eq!(self.subscription.try_recv(), None);
        let Some(next) = next else {
            return;
        };
        assert_eq!(next.from, self.state);
        assert_eq!(next.sequence, self.last.map_or(1, |last| last.sequence + 1));
        // Whatever happens, these are the ways there are.
        let ways = match next.from {
            State::Closed => [State::Open].as_slice(),
            State::Open => &[State::HalfOpen],
            State::HalfOpen if self.small.ramps => &[State::Open, State::Ramping],
            State::HalfOpen => &[State::Open, State::Closed],
            State::Ramping => &[State::Open, State::Closed],
            _ => &[],
        };
        assert!(ways.contains(&next.to), "no way leads from there: {next:?}");
        if next.to == State::Open && next.cause != Cause::HalfOpenTimeOver {
            // It never trips on what it tripped on before.
            let is_bad = |call: &Sample| call.end != End::Good || call.slow;
            assert!(self.ended.iter().any(is_bad));
        }
        self.last = Some(next);
        self.state = next.to;
        self.since = self.now;
        if next.cause != Cause::RampOver {
            self.period += 1;
            self.ended.clear();
            self.probes_out = 0;
        }
    }

    /// What is to be seen of it in the end.
    pub(crate) fn check(&self) {
        let snapshot = self
            .breaker
            .snapshot_at(Instant::from_nanos(self.now * 1_000_000));
        assert_eq!(self.breaker.state(), self.state);
        assert_eq!(snapshot.state, self.state);
        assert_eq!(snapshot.stale, self.stale);
        assert!(self.probes_out + self.judged() <= self.small.probes);
        let is_closed = matches!(self.state, State::Closed | State::Ramping);
        let window = if is_closed { self.window() } else { &[] };
        let count = |is: fn(&Sample) -> bool| window.iter().filter(|call| is(call)).count() as u64;
        assert_eq!(snapshot.calls(), window.len() as u64);
        assert_eq!(snapshot.failures(), count(|call| call.end != End::Good));
        assert_eq!(snapshot.slow(), count(|call| call.slow));
        let in_a_row = match self.small.consecutive {
            Some(_) if is_closed => self.in_a_row(),
            _ => 0,
        };
        assert_eq!(snapshot.consecutive_failures as usize, in_a_row);
    }
}

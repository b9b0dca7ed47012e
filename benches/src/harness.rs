//! Measures rows in turn, round after round, so that whatever else the machine does hits all of them alike.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Runtime};

use crate::{
    allocations,
    operation::Request,
    subject::{Answer, Subject},
};

/// How a call is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The operation is ready at once; the future is polled by hand, once, with a waker that does nothing.
    Ready,
    /// The operation is pending once, so that timers are armed; polled by hand, twice.
    Pend,
    /// The operation is ready at once; the future is awaited in a loop inside tokio's current-thread runtime.
    Rt,
}

impl Mode {
    /// Every mode, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Pend, Self::Rt];

    /// Its name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Pend => "pend",
            Self::Rt => "rt",
        }
    }
}

/// One competitor in one group.
pub struct Row {
    /// Its name in the table: ours begin with `steadfast`, a peer's with the name of its crate, glue with `glued`.
    pub name: &'static str,
    subject: Box<dyn Calls>,
}

impl Row {
    /// A row that measures `subject`.
    pub fn new(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self {
            name,
            subject: Box::new(subject),
        }
    }

    /// How long `calls` calls take together.
    ///
    /// # Panics
    ///
    /// When a call does not give the operation's answer at the poll where it must: then nothing was measured.
    #[expect(
        clippy::disallowed_methods,
        reason = "elapsed time is what a benchmark is after"
    )]
    pub fn time(&mut self, runtime: &Runtime, mode: Mode, calls: u64) -> Duration {
        let start = Instant::now();
        let right = self.subject.run(runtime, mode, calls);
        let taken = start.elapsed();
        assert!(
            right,
            "`{}` lost the operation's answer, {}",
            self.name,
            mode.name()
        );
        taken
    }

    /// What the first poll of a call gives; whether it is the right answer.
    #[cfg(test)]
    pub(crate) fn poll_once(&mut self, request: Request) -> Poll<bool> {
        self.subject.poll_once(request)
    }

    /// Allocations per call, once everything that is allocated only once is there.
    fn allocations(&mut self, runtime: &Runtime, mode: Mode) -> f64 {
        const CALLS: u32 = 1000;
        let all = allocations::during(|| {
            self.time(runtime, mode, CALLS.into());
        });
        // Hundredths, so that a lone allocation of the executor's does not show.
        (all as f64 * 100.0 / f64::from(CALLS)).round() / 100.0
    }
}

/// The calls of a [`Subject`], many behind one virtual call, so that a row can be stored with others.
trait Calls {
    /// Makes `calls` calls; whether all gave the right answer.
    fn run(&mut self, runtime: &Runtime, mode: Mode, calls: u64) -> bool;
    /// The size of a call's future. What it keeps behind a pointer is not in it, but is an allocation.
    fn future_bytes(&mut self) -> usize;
    /// What the first poll of a call gives; whether it is the right answer.
    #[cfg(test)]
    fn poll_once(&mut self, request: Request) -> Poll<bool>;
}

impl<S: Subject> Calls for S {
    fn run(&mut self, runtime: &Runtime, mode: Mode, calls: u64) -> bool {
        // From here on the optimiser knows none of the settings.
        let subject = black_box(self);
        match mode {
            Mode::Ready => (0..calls).all(|_| poll_by_hand(subject, Request::Ready)),
            Mode::Pend => (0..calls).all(|_| poll_by_hand(subject, Request::PendingOnce)),
            Mode::Rt => runtime.block_on(async {
                let mut right = true;
                for _ in 0..calls {
                    right &= subject.start(black_box(Request::Ready)).await.is_right();
                }
                right
            }),
        }
    }

    fn future_bytes(&mut self) -> usize {
        size_of_val(&self.start(Request::Ready))
    }

    #[cfg(test)]
    fn poll_once(&mut self, request: Request) -> Poll<bool> {
        let call = pin!(self.start(request));
        let polled = call.poll(&mut Context::from_waker(Waker::noop()));
        polled.map(|answer| answer.is_right())
    }
}

fn poll_by_hand<S: Subject>(subject: &mut S, request: Request) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = pin!(subject.start(black_box(request)));
    if request == Request::PendingOnce && call.as_mut().poll(&mut cx).is_ready() {
        return false;
    }
    // Looking at the answer is what keeps the call from being optimised away.
    matches!(call.poll(&mut cx), Poll::Ready(answer) if answer.is_right())
}

/// What is known of one row in one mode at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The group it competes in.
    pub group: &'static str,
    /// The row's name.
    pub row: &'static str,
    /// How the calls were driven.
    pub mode: Mode,
    /// Nanoseconds per call, the median of the rounds.
    pub ns_median: f64,
    /// The best round.
    pub ns_min: f64,
    /// The worst round.
    pub ns_max: f64,
    /// Allocations per call.
    pub allocs: f64,
    /// The size of a call's future.
    pub future_bytes: usize,
}

/// The runtime whose timers are armed and that `rt` runs on.
///
/// # Panics
///
/// When the operating system does not let tokio have what it needs.
#[must_use]
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O asks nothing of the system that can be refused")
}

/// Measures every row in every mode, one turn each per round, until `budget` is spent.
///
/// `progress` is told the rounds done and the time spent after each round. To be called with `runtime` entered, so that
/// timers can be made outside of its tasks.
#[expect(
    clippy::disallowed_methods,
    reason = "elapsed time is what a benchmark is after"
)]
pub fn measure(
    runtime: &Runtime,
    rows: Vec<(&'static str, Row)>,
    budget: Duration,
    mut progress: impl FnMut(usize, Duration),
) -> Vec<Measurement> {
    let start = Instant::now();
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(group, mut row)| {
            let turns = Mode::ALL.map(|mode| Turn::calibrated(&mut row, runtime, mode));
            (group, row, turns)
        })
        .collect();
    let mut rounds = 0;
    while rounds < 3 || start.elapsed() < budget {
        // There and back, so that nobody always comes after the same neighbour.
        if rounds % 2 == 0 {
            rows.iter_mut()
                .for_each(|(_, row, turns)| take(turns, row, runtime));
        } else {
            rows.iter_mut()
                .rev()
                .for_each(|(_, row, turns)| take(turns, row, runtime));
        }
        // Background tasks of the rows (a clock's driver) get to run, and the timer wheel to turn, unmeasured.
        runtime.block_on(tokio::task::yield_now());
        rounds += 1;
        progress(rounds, start.elapsed());
    }
    rows.into_iter()
        .flat_map(|(group, row, turns)| turns.map(|turn| turn.finish(group, row.name)))
        .collect()
}

fn take(turns: &mut [Turn], row: &mut Row, runtime: &Runtime) {
    for turn in turns {
        turn.take(row, runtime);
    }
}

/// One row in one mode, between rounds.
struct Turn {
    mode: Mode,
    calls: u64,
    rounds: Vec<f64>,
    allocs: f64,
    future_bytes: usize,
}

impl Turn {
    /// Finds the number of calls that take about two milliseconds: long beside reading the clock, short beside a
    /// neighbour's burst of work.
    fn calibrated(row: &mut Row, runtime: &Runtime, mode: Mode) -> Self {
        const TURN: Duration = Duration::from_millis(2);
        let mut calls = 64;
        let taken = loop {
            let taken = row.time(runtime, mode, calls);
            if taken >= TURN / 2 {
                break taken;
            }
            calls *= 2;
        };
        let scale = TURN.as_secs_f64() / taken.as_secs_f64();
        Self {
            mode,
            calls: ((calls as f64 * scale) as u64).max(1),
            rounds: Vec::new(),
            allocs: row.allocations(runtime, mode),
            future_bytes: row.subject.future_bytes(),
        }
    }

    fn take(&mut self, row: &mut Row, runtime: &Runtime) {
        let taken = row.time(runtime, self.mode, self.calls);
        self.rounds
            .push(taken.as_secs_f64() * 1e9 / self.calls as f64);
    }

    fn finish(mut self, group: &'static str, row: &'static str) -> Measurement {
        self.rounds.sort_by(f64::total_cmp);
        Measurement {
            group,
            row,
            mode: self.mode,
            ns_median: self.rounds[self.rounds.len() / 2],
            ns_min: self.rounds[0],
            ns_max: self.rounds[self.rounds.len() - 1],
            allocs: self.allocs,
            future_bytes: self.future_bytes,
        }
    }
}

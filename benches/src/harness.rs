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
    rounds,
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

    /// Those where no operation is needed, because the call is refused or answered before it starts.
    const WITHOUT: [Self; 2] = [Self::Ready, Self::Rt];

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

/// What every call of a row has to give; anything else was not worth measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// What the operation answers.
    Answer,
    /// What it answered once; it is not asked again.
    Kept,
    /// An error, although the operation would have answered.
    Refusal,
}

/// One competitor in one group.
pub struct Row {
    /// Its name in the table: ours begin with `steadfast`, a peer's with the name of its crate, glue with `glued`.
    pub name: &'static str,
    subject: Box<dyn Calls>,
    expected: Expected,
}

impl Row {
    /// A row that measures calls of `subject` which give the operation's answer.
    pub fn new(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self {
            name,
            subject: Box::new(subject),
            expected: Expected::Answer,
        }
    }

    /// A row that measures calls of `subject` which give what the operation answered before.
    pub fn kept(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self {
            expected: Expected::Kept,
            ..Self::new(name, subject)
        }
    }

    /// A row that measures calls which `subject` refuses.
    pub fn refused(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self {
            expected: Expected::Refusal,
            ..Self::new(name, subject)
        }
    }

    /// How its calls can be driven.
    #[must_use]
    pub fn modes(&self) -> &'static [Mode] {
        match self.expected {
            Expected::Answer => &Mode::ALL,
            Expected::Kept | Expected::Refusal => &Mode::WITHOUT,
        }
    }

    /// How long `calls` calls take together.
    ///
    /// # Panics
    ///
    /// When a call does not give what it has to at the poll where it must: then nothing was measured.
    #[expect(
        clippy::disallowed_methods,
        reason = "elapsed time is what a benchmark is after"
    )]
    pub fn time(&mut self, runtime: &Runtime, mode: Mode, calls: u64) -> Duration {
        let start = Instant::now();
        let right = self.subject.run(runtime, mode, calls, self.expected);
        let taken = start.elapsed();
        assert!(
            right,
            "`{}` gave something else than the {:?}, {}",
            self.name,
            self.expected,
            mode.name()
        );
        taken
    }

    /// Whether its calls need no operation to be answered.
    #[cfg(test)]
    pub(crate) fn is_kept(&self) -> bool {
        self.expected == Expected::Kept
    }

    /// What the first poll of a call gives; whether it is the operation's answer.
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
    /// Makes `calls` calls; whether all gave what was expected.
    fn run(&mut self, runtime: &Runtime, mode: Mode, calls: u64, expected: Expected) -> bool;
    /// The size of a call's future. What it keeps behind a pointer is not in it, but is an allocation.
    fn future_bytes(&mut self) -> usize;
    /// What the first poll of a call gives; whether it is the operation's answer.
    #[cfg(test)]
    fn poll_once(&mut self, request: Request) -> Poll<bool>;
}

impl<S: Subject> Calls for S {
    fn run(&mut self, runtime: &Runtime, mode: Mode, calls: u64, expected: Expected) -> bool {
        // One loop for each, so that none asks at every call what is expected.
        match expected {
            Expected::Answer | Expected::Kept => {
                run(self, runtime, mode, calls, S::Output::is_right)
            }
            Expected::Refusal => run(self, runtime, mode, calls, S::Output::is_refusal),
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

fn run<S: Subject>(
    subject: &mut S,
    runtime: &Runtime,
    mode: Mode,
    calls: u64,
    fits: impl Fn(&S::Output) -> bool,
) -> bool {
    // From here on the optimiser knows none of the settings.
    let subject = black_box(subject);
    match mode {
        Mode::Ready => (0..calls).all(|_| poll_by_hand(subject, Request::Ready, &fits)),
        Mode::Pend => (0..calls).all(|_| poll_by_hand(subject, Request::PendingOnce, &fits)),
        Mode::Rt => runtime.block_on(async {
            let mut right = true;
            for _ in 0..calls {
                right &= fits(&subject.start(black_box(Request::Ready)).await);
            }
            right
        }),
    }
}

fn poll_by_hand<S: Subject>(
    subject: &mut S,
    request: Request,
    fits: impl Fn(&S::Output) -> bool,
) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = pin!(subject.start(black_box(request)));
    if request == Request::PendingOnce && call.as_mut().poll(&mut cx).is_ready() {
        return false;
    }
    // Looking at the answer is what keeps the call from being optimised away.
    matches!(call.poll(&mut cx), Poll::Ready(answer) if fits(&answer))
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

/// Measures every row in each of its modes, one turn each per round, until `budget` is spent.
///
/// `progress` is told the rounds done and the time spent after each round. To be called with `runtime` entered, so that
/// timers can be made outside of its tasks.
pub fn measure(
    runtime: &Runtime,
    rows: Vec<(&'static str, Row)>,
    budget: Duration,
    mut progress: impl FnMut(usize, Duration),
) -> Vec<Measurement> {
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(group, mut row)| {
            let modes = row.modes().iter();
            let turns: Vec<_> = modes
                .map(|&mode| Turn::calibrated(&mut row, runtime, mode))
                .collect();
            (group, row, turns)
        })
        .collect();
    rounds::take_turns(
        &mut rows,
        budget,
        |(_, row, turns)| turns.iter_mut().for_each(|turn| turn.take(row, runtime)),
        |rounds, spent| {
            // Background tasks of the rows (a clock's driver) get to run, and the timer wheel to turn, unmeasured.
            runtime.block_on(tokio::task::yield_now());
            progress(rounds, spent);
        },
    );
    rows.into_iter()
        .flat_map(|(group, row, turns)| {
            let finish = move |turn: Turn| turn.finish(group, row.name);
            turns.into_iter().map(finish)
        })
        .collect()
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
    fn calibrated(row: &mut Row, runtime: &Runtime, mode: Mode) -> Self {
        const LENGTH: Duration = Duration::from_millis(2);
        Self {
            mode,
            calls: rounds::calls_in(LENGTH, |calls| row.time(runtime, mode, calls)),
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

    fn finish(self, group: &'static str, row: &'static str) -> Measurement {
        let rounds = rounds::sorted(self.rounds);
        Measurement {
            group,
            row,
            mode: self.mode,
            ns_median: rounds::median(&rounds),
            ns_min: rounds[0],
            ns_max: rounds[rounds.len() - 1],
            allocs: self.allocs,
            future_bytes: self.future_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, Row, runtime};
    use crate::{
        operation::{Failure, Op, Request},
        subject::Served,
    };

    #[test]
    fn a_refusal_is_an_error_although_the_operation_would_have_answered() {
        let runtime = runtime();
        let mut row = Row::refused("open", async |_| Err::<u64, _>(Failure::Open));
        assert_eq!(row.modes(), [Mode::Ready, Mode::Rt]);
        for mode in row.modes() {
            row.time(&runtime, *mode, 3);
        }
    }

    #[test]
    #[should_panic(expected = "`lenient` gave something else than the Refusal, rt")]
    fn an_answer_where_a_refusal_is_expected_is_noticed() {
        Row::refused("lenient", Op::new).time(&runtime(), Mode::Rt, 1);
    }

    #[test]
    #[should_panic(expected = "`strict` gave something else than the Answer, ready")]
    fn a_refusal_where_an_answer_is_expected_is_noticed() {
        let failing = tower::service_fn(|_| Op::new(Request::Refuse));
        Row::new("strict", Served(failing)).time(&runtime(), Mode::Ready, 1);
    }
}

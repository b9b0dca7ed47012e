//! Threads that call one shared instance: how many calls they get done, alone and together.

use std::{
    fs,
    hint::black_box,
    panic,
    sync::Barrier,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use crate::{
    by_hand::Hand,
    operation::Request,
    rounds,
    subject::{Answer, Subject},
};

/// One competitor whose calls come from several threads at once.
pub struct ContendRow {
    /// Its name in the table, as for a [`Row`](crate::harness::Row).
    pub name: &'static str,
    subject: Box<dyn Shared>,
}

impl ContendRow {
    /// A row that measures `subject`. Each thread calls a clone, and what has state is shared by all clones.
    pub fn new(name: &'static str, subject: impl Subject + Clone + Send + 'static) -> Self {
        Self {
            name,
            subject: Box::new(subject),
        }
    }

    /// How long `threads` threads take that make `calls` calls each.
    ///
    /// # Panics
    ///
    /// When a call does not give the operation's answer, or the system has no thread left.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "elapsed time is what a benchmark is after"
    )]
    pub fn time(&self, runtime: &Handle, threads: usize, calls: u64) -> Taken {
        let name = self.name;
        let together = Barrier::new(threads);
        let work = |caller: Box<dyn Shared>| {
            let _entered = runtime.enter();
            together.wait();
            let waited = waited_for_a_core();
            let start = Instant::now();
            assert!(caller.run(calls), "`{name}` lost the operation's answer");
            let end = Instant::now();
            Span {
                start,
                end,
                waited: waited_for_a_core().saturating_sub(waited),
            }
        };
        let spans: Vec<_> = thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|_| self.subject.another())
                .map(|caller| scope.spawn(|| work(caller)))
                .collect();
            // This thread is one of them. If it only looked on, it would still be busy on one core while the others
            // start, all on the next, and they would run one after the other.
            let own = work(self.subject.another());
            let joined = others.into_iter().map(ScopedJoinHandle::join);
            joined
                .map(|span| span.unwrap_or_else(|panic| panic::resume_unwind(panic)))
                .chain([own])
                .collect()
        });
        Taken::of(&spans)
    }
}

/// What it took threads to make their calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// From the first thread that starts to the last that ends.
    pub together: Duration,
    /// Which share of that the thread waited for a core that waited longest.
    pub waited: f64,
}

impl Taken {
    fn of(spans: &[Span]) -> Self {
        let (mut first, mut last) = (spans[0].start, spans[0].end);
        for span in spans {
            first = first.min(span.start);
            last = last.max(span.end);
        }
        let together = last - first;
        // Who starts late has waited as well, and maybe until the others were done.
        let waits = spans.iter().map(|span| span.start - first + span.waited);
        let longest = waits.max().unwrap_or_default();
        Self {
            together,
            waited: longest.as_secs_f64() / together.as_secs_f64(),
        }
    }
}

/// When one thread made its calls, and how long it waited for a core meanwhile.
struct Span {
    start: Instant,
    end: Instant,
    waited: Duration,
}

/// Whether threads waited for cores so much that what they took says little about contention.
fn is_too_much(waited: f64) -> bool {
    waited > 0.05
}

/// Where Linux tells nanoseconds on a core, nanoseconds of waiting for one, and time slices.
const SCHEDSTAT: &str = "/proc/thread-self/schedstat";

/// How long this thread has been ready to run and had no core; nothing where the system does not tell.
fn waited_for_a_core() -> Duration {
    let told = fs::read_to_string(SCHEDSTAT).unwrap_or_default();
    let nanos = told
        .split_whitespace()
        .nth(1)
        .and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// A [`Subject`] that can be handed to threads, many calls behind one virtual call.
trait Shared: Send {
    /// One more caller of the same instance.
    fn another(&self) -> Box<dyn Shared>;
    /// Makes `calls` calls; whether all gave the operation's answer.
    fn run(self: Box<Self>, calls: u64) -> bool;
}

impl<S: Subject + Clone + Send + 'static> Shared for S {
    fn another(&self) -> Box<dyn Shared> {
        Box::new(self.clone())
    }

    fn run(self: Box<Self>, calls: u64) -> bool {
        // On the stack of this thread, so that no two callers have a cache line in common.
        let mut subject = *self;
        let subject = black_box(&mut subject);
        let hand = Hand::new();
        (0..calls).all(|_| {
            hand.finish(subject.start(black_box(Request::Ready)))
                .is_right()
        })
    }
}

/// What is known of one row at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Throughput {
    /// The group it competes in.
    pub group: &'static str,
    /// The row's name.
    pub row: &'static str,
    /// Million calls per second that one thread gets done, the median of the rounds.
    pub mops_1t: f64,
    /// Million calls per second that two threads get done together, the median of the rounds.
    pub mops_2t: f64,
    /// Which share of the time one of the two waited for a core, the median of the rounds.
    pub waited: f64,
}

impl Throughput {
    /// Whether two threads had two cores. If not, `mops_2t` says little about contention.
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        !is_too_much(self.waited)
    }
}

/// Measures every row with one thread and with two, one turn each per round, until `budget` is spent.
///
/// `progress` is told the rounds done and the time spent after each round. Threads enter `runtime`, for timers.
pub fn measure(
    runtime: &Handle,
    rows: Vec<(&'static str, ContendRow)>,
    budget: Duration,
    progress: impl FnMut(usize, Duration),
) -> Vec<Throughput> {
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(group, row)| {
            let turns = [1, 2].map(|threads| Turn::calibrated(&row, runtime, threads));
            (group, row, turns)
        })
        .collect();
    rounds::take_turns(
        &mut rows,
        budget,
        |(_, row, turns)| turns.iter_mut().for_each(|turn| turn.take(row, runtime)),
        progress,
    );
    rows.into_iter()
        .map(|(group, row, turns)| {
            let [(mops_1t, _), (mops_2t, waited)] = turns.map(Turn::finish);
            Throughput {
                group,
                row: row.name,
                mops_1t,
                mops_2t,
                waited,
            }
        })
        .collect()
}

/// One row with so many threads, between rounds.
struct Turn {
    threads: usize,
    /// Of each thread.
    calls: u64,
    mops: Vec<f64>,
    waited: Vec<f64>,
}

impl Turn {
    fn calibrated(row: &ContendRow, runtime: &Handle, threads: usize) -> Self {
        // Long beside the moment that one thread is alone, because another wakes up late or is done early.
        const LENGTH: Duration = Duration::from_millis(10);
        Self {
            threads,
            calls: rounds::calls_in(LENGTH, |calls| row.time(runtime, threads, calls).together),
            mops: Vec::new(),
            waited: Vec::new(),
        }
    }

    /// Somebody else's work can leave the threads a core too few. Then they run one after the other and hardly contend,
    /// which flatters whoever has a lock; so they try again, for a moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "elapsed time is what a benchmark is after"
    )]
    fn take(&mut self, row: &ContendRow, runtime: &Handle) {
        const PATIENCE: Duration = Duration::from_millis(30);
        let start = Instant::now();
        let mut taken = row.time(runtime, self.threads, self.calls);
        while is_too_much(taken.waited) && start.elapsed() < PATIENCE {
            let next = row.time(runtime, self.threads, self.calls);
            if next.waited < taken.waited {
                taken = next;
            }
        }
        let calls = self.calls as f64 * self.threads as f64;
        self.mops.push(calls / taken.together.as_secs_f64() / 1e6);
        self.waited.push(taken.waited);
    }

    fn finish(self) -> (f64, f64) {
        let median = |samples| rounds::median(&rounds::sorted(samples));
        (median(self.mops), median(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{ContendRow, Span, Taken, measure};
    use crate::{harness, operation::Op};

    #[test]
    fn one_thread_and_two_get_calls_done() {
        let runtime = harness::runtime();
        let row = ContendRow::new("bare", Op::new);
        let all = measure(
            runtime.handle(),
            vec![("none", row)],
            Duration::ZERO,
            |_, _| (),
        );
        assert_eq!((all.len(), all[0].group, all[0].row), (1, "none", "bare"));
        assert!(all[0].mops_1t > 0.0 && all[0].mops_2t > 0.0);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "instants come from nowhere else")]
    fn who_starts_late_or_is_interrupted_has_waited() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let span = |start, end, waited| Span {
            start: now + ms(start),
            end: now + ms(end),
            waited: ms(waited),
        };
        let taken = Taken::of(&[span(0, 10, 0), span(10, 20, 0)]);
        assert_eq!((taken.together, taken.waited), (ms(20), 0.5));
        let taken = Taken::of(&[span(0, 20, 4), span(1, 19, 4)]);
        assert_eq!((taken.together, taken.waited), (ms(20), 0.25));
    }

    #[test]
    fn a_thread_that_finds_no_core_is_noticed() {
        let cores = std::thread::available_parallelism().unwrap().get();
        let row = ContendRow::new("bare", Op::new);
        let runtime = harness::runtime();
        let taken = row.time(runtime.handle(), 4 * cores, 1_000_000);
        let is_told = std::path::Path::new(super::SCHEDSTAT).exists();
        assert_eq!(super::is_too_much(taken.waited), is_told);
    }

    #[test]
    #[should_panic(expected = "`wrong` lost the operation's answer")]
    fn a_wrong_answer_in_a_thread_is_noticed() {
        let row = ContendRow::new("wrong", async |_| 8_u64);
        let _ = row.time(harness::runtime().handle(), 2, 1);
    }
}

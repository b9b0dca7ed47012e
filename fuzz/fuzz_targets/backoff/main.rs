//! Runs retries with arbitrary settings over arbitrary outcomes, in virtual time, and holds every wait to what the
//! settings promise.

#![no_main]

mod settings;

use std::{cell::Cell, task::Poll, time::Duration};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use steadfast_core::{
    CallOptions, Event, Instant, Pipeline, Runtime, StopReason, Verdict, VirtualRuntime,
};
use steadfast_retry::Retry;

use self::settings::{Settings, Wait};

#[derive(Arbitrary, Debug)]
struct Case {
    settings: Settings,
    seed: u64,
    /// From the start of the call.
    deadline: Option<Wait>,
    idempotent: bool,
    /// What the attempts come to, one after another; those after the last one succeed.
    answers: Vec<Answer>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Answer {
    class: Class,
    retry_after: Option<Wait>,
    executed: bool,
    pushback: bool,
    clock: Clock,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Class {
    /// An error that the classifier takes for a success.
    Success,
    Transient,
    Overloaded,
    Permanent,
    Caller,
}

/// What the clock does during an attempt.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Clock {
    Passes { millis: u16 },
    Jumps { to: u64 },
}

fuzz_target!(|case: Case| {
    let built = case.settings.build();
    assert_eq!(built.is_ok(), case.settings.are_valid(), "{built:?}");
    if let Ok(retry) = built {
        run(retry, &case);
    }
});

/// What happened in a call, as its observer and its operation saw it.
#[derive(Default)]
struct Seen {
    attempts: Cell<u32>,
    last: Cell<Option<Verdict>>,
    waits: Cell<u64>,
    stop: Cell<Option<StopReason>>,
    delay: Cell<Duration>,
}

fn run(retry: Retry, case: &Case) {
    let runtime = &VirtualRuntime::new(case.seed);
    let start = runtime.now();
    let deadline = case.deadline.map(|wait| start + wait.duration());
    let deadline = deadline.filter(|deadline| *deadline != Instant::MAX);
    let seen = &Seen::default();

    let observer = |event: &Event<'_>| match event {
        Event::Retrying {
            attempts, delay, ..
        } => {
            assert_eq!(*attempts, seen.attempts.get());
            let verdict = seen.last.get().expect("a retry follows an attempt");
            case.check_repeats(*attempts, &verdict);
            case.settings.check_delay(*attempts, *delay, &verdict);
            case.check_in_time(runtime.now(), *delay, start, deadline);
            seen.waits
                .set(seen.waits.get() + u64::from(!delay.is_zero()));
            seen.delay.set(*delay);
        }
        Event::GaveUp {
            attempts, reason, ..
        } => {
            assert_eq!(*attempts, seen.attempts.get());
            seen.stop.set(Some(*reason));
        }
        // Without any time the call is over where it first pauses, which takes a clock that goes backwards.
        Event::Rejected { .. } => {
            assert_eq!(deadline, Some(start));
            seen.stop.set(Some(StopReason::Deadline));
            seen.last.set(None);
        }
        other => panic!("a lone retry says nothing like {other:?}"),
    };
    let operation = || {
        let attempt = seen.attempts.get();
        seen.attempts.set(attempt + 1);
        async move {
            let answer = case.answers.get(attempt as usize);
            seen.last.set(answer.map(Answer::verdict));
            if let Some(answer) = answer {
                runtime.set_now(answer.clock.after(runtime.now()));
            }
            seen.last.get().map_or(Ok(()), Err)
        }
    };

    let pipeline = Pipeline::on(runtime.clone(), retry)
        .observe(&observer)
        .classify(meaning);
    let mut options = CallOptions::new();
    if let Some(deadline) = deadline {
        options = options.deadline(deadline);
    }
    if case.idempotent {
        options = options.idempotent();
    }
    let mut call = runtime.drive(pipeline.call(operation).options(options).reported());
    let mut paused = false;
    let report = loop {
        if let Poll::Ready(report) = call.poll() {
            break report;
        }
        paused = true;
        if call.is_woken() {
            continue; // It only let others have their turn.
        }
        let Some(wake) = runtime.next_deadline() else {
            assert_eq!(runtime.now() + seen.delay.get(), Instant::MAX);
            return; // It waits for ever, as it was told.
        };
        runtime.set_now(wake);
        assert!(call.is_woken());
    };

    let last = seen.last.get();
    let result = report.result.as_ref().map_err(|error| error.operation());
    assert_eq!(
        result.err().flatten(),
        last.as_ref(),
        "the last real outcome"
    );
    assert_eq!(report.attempts, seen.attempts.get());
    // A wait of zero is no sleep, and the call's own deadline takes one where the call pauses.
    let guards = paused && deadline.is_some_and(|deadline| deadline > start);
    assert_eq!(
        runtime.sleeps_started(),
        seen.waits.get() + u64::from(guards)
    );
    match seen.stop.get() {
        Some(reason) => assert_eq!(report.stop, reason),
        None => assert_eq!(report.stop, StopReason::Succeeded),
    }
    if report.stop == StopReason::Attempts {
        assert_eq!(report.attempts, case.settings.max_attempts);
    }
}

fn meaning(result: &Result<(), Verdict>) -> Verdict {
    match result {
        Ok(()) => Verdict::success(),
        Err(verdict) => *verdict,
    }
}

impl Case {
    fn check_repeats(&self, attempts: u32, verdict: &Verdict) {
        assert!(attempts < self.settings.max_attempts);
        assert!(verdict.may_pass() && !verdict.is_pushback());
        let is_safe = self.idempotent || !verdict.may_have_executed();
        assert!(is_safe || !self.settings.only_when_idempotent);
    }

    fn check_in_time(
        &self,
        now: Instant,
        delay: Duration,
        start: Instant,
        deadline: Option<Instant>,
    ) {
        let wake = now + delay;
        if let Some(deadline) = deadline {
            let spare = self.settings.min_attempt_time.duration();
            assert!(wake + spare < deadline, "{delay:?} does not end in time");
        }
        if let Some(limit) = self.settings.max_elapsed {
            assert!(wake - start < limit.duration(), "{delay:?} takes too long");
        }
    }
}

impl Answer {
    fn verdict(&self) -> Verdict {
        let mut verdict = match self.class {
            Class::Success => Verdict::success(),
            Class::Transient => Verdict::transient(),
            Class::Overloaded => Verdict::overloaded(),
            Class::Permanent => Verdict::permanent(),
            Class::Caller => Verdict::caller(),
        };
        if let Some(wait) = self.retry_after {
            verdict = verdict.with_retry_after(wait.duration());
        }
        if !self.executed {
            verdict = verdict.not_executed();
        }
        if self.pushback {
            verdict = verdict.with_pushback();
        }
        verdict
    }
}

impl Clock {
    fn after(self, now: Instant) -> Instant {
        match self {
            Clock::Passes { millis } => now + Duration::from_millis(millis.into()),
            Clock::Jumps { to } => Instant::from_nanos(to),
        }
    }
}

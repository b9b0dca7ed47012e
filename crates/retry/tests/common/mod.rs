//! What the retry stories share: an operation that follows a script, and policies that refuse.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::return_self_not_must_use,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "a module of tests, seen by nobody else"
)]

use std::{
    collections::VecDeque,
    future::{Future, Ready, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast_core::{
    Attempt, AttemptInfo, Classify, Operation, Outcome, Pipeline, Policies, Policy, Rejection,
    Verdict, VirtualRuntime,
};

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The result says by itself what it means.
pub type Scripted = Result<&'static str, Failure>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub name: &'static str,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug)]
pub struct ByItself;

impl Classify<&'static str, Failure> for ByItself {
    fn classify(&self, result: &Scripted) -> Verdict {
        match result {
            Ok(_) => Verdict::success(),
            Err(failure) => failure.verdict,
        }
    }
}

pub fn fail(verdict: Verdict) -> Scripted {
    Err(Failure {
        name: "scripted",
        verdict,
    })
}

pub fn transient() -> Scripted {
    fail(Verdict::transient())
}

/// An operation that returns what its script says, one line a start and the last one for ever, and
/// notes when it was started and what it was told.
#[derive(Clone)]
pub struct Script {
    runtime: VirtualRuntime,
    state: Arc<Mutex<State>>,
}

struct State {
    lines: VecDeque<Line>,
    starts: Vec<Duration>,
    told: Vec<AttemptInfo>,
}

#[derive(Clone, Copy)]
struct Line {
    takes: Duration,
    result: Scripted,
}

impl Script {
    pub fn new(runtime: &VirtualRuntime, results: impl IntoIterator<Item = Scripted>) -> Self {
        Script::slow(runtime, results.into_iter().map(|r| (Duration::ZERO, r)))
    }

    pub fn slow(
        runtime: &VirtualRuntime,
        lines: impl IntoIterator<Item = (Duration, Scripted)>,
    ) -> Self {
        let lines = lines
            .into_iter()
            .map(|(takes, result)| Line { takes, result });
        Script {
            runtime: runtime.clone(),
            state: Arc::new(Mutex::new(State {
                lines: lines.collect(),
                starts: Vec::new(),
                told: Vec::new(),
            })),
        }
    }

    pub fn run(&self, info: AttemptInfo) -> impl Future<Output = Scripted> + Send + use<> {
        let line = {
            let mut state = self.state.lock().unwrap();
            let started = self.runtime.elapsed();
            state.starts.push(started);
            state.told.push(info);
            if state.lines.len() > 1 {
                state.lines.pop_front().unwrap()
            } else {
                state.lines[0]
            }
        };
        let runtime = self.runtime.clone();
        async move {
            if !line.takes.is_zero() {
                runtime.sleep(line.takes).await;
            }
            line.result
        }
    }

    /// When each attempt was started.
    pub fn starts(&self) -> Vec<Duration> {
        self.state.lock().unwrap().starts.clone()
    }

    pub fn told(&self) -> Vec<AttemptInfo> {
        self.state.lock().unwrap().told.clone()
    }
}

/// A pipeline of one or more policies over scripted operations.
pub fn pipeline<P: Policies>(
    runtime: &VirtualRuntime,
    policies: P,
) -> Pipeline<P, VirtualRuntime, ByItself> {
    Pipeline::on(runtime.clone(), policies).classify(ByItself)
}

/// A policy that refuses the first calls it sees, and then lets them through.
pub struct Refuse {
    rejection: Rejection,
    left: Mutex<u32>,
}

impl Refuse {
    pub fn first(times: u32, rejection: Rejection) -> Self {
        Refuse {
            rejection,
            left: Mutex::new(times),
        }
    }
}

impl Policies for Refuse {}

impl<'p, O: Operation> Policy<'p, O> for Refuse {
    type Future = futures::future::Either<Ready<Outcome<O::Ok, O::Err>>, O::Future>;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        let mut left = self.left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            futures::future::Either::Left(ready(Outcome::rejected(self.rejection)))
        } else {
            futures::future::Either::Right(operation.start(attempt))
        }
    }
}

/// How many calls it will still refuse.
pub fn refusals(policy: &Refuse) -> u32 {
    *policy.left.lock().unwrap()
}

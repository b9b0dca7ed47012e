//! What the throttle promises.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod load;
mod shedding;
mod simulation;

use std::time::Duration;

use steadfast_circuit_breaker::Throttle;
use steadfast_core::{CallOptions, Pipeline, Priority, RejectionKind, Verdict, VirtualRuntime};

/// What the dependency does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Good,
    Bad(Verdict),
}

const DOWN: Answer = Answer::Bad(Verdict::transient());

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Failed,
    Shed,
}

/// A client with a throttle in front of a dependency that is told what to answer.
struct Client {
    runtime: VirtualRuntime,
    throttle: Throttle,
}

impl Client {
    fn over(window: Duration) -> Self {
        Client {
            runtime: VirtualRuntime::new(7),
            throttle: Throttle::over(window).build().unwrap(),
        }
    }

    fn call(&self, answer: Answer) -> Fate {
        self.call_of(Priority::NORMAL, answer)
    }

    fn call_of(&self, priority: Priority, answer: Answer) -> Fate {
        let pipeline = Pipeline::on(self.runtime.clone(), &self.throttle)
            .classify_errors(|verdict: &Verdict| *verdict);
        let call = pipeline
            .call(|| async move {
                match answer {
                    Answer::Good => Ok(()),
                    Answer::Bad(verdict) => Err(verdict),
                }
            })
            .options(CallOptions::new().priority(priority));
        match self.runtime.block_on(call) {
            Ok(()) => Fate::Answered,
            Err(error) => match error.rejection() {
                None => Fate::Failed,
                Some(rejection) => {
                    assert_eq!(rejection.kind(), RejectionKind::Throttled);
                    Fate::Shed
                }
            },
        }
    }

    fn calls(&self, count: u32, answer: Answer) {
        for _ in 0..count {
            self.call(answer);
        }
    }

    fn shedding(&self) -> f64 {
        use steadfast_core::Runtime;
        self.throttle.shedding_at(self.runtime.now())
    }
}

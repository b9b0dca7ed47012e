//! Arbitrary settings of a retry, and what each of them promises of a wait.

use std::time::Duration;

use arbitrary::Arbitrary;
use steadfast_core::{InvalidConfig, Ratio, Verdict, saturating_nanos};
use steadfast_retry::{Backoff, Hints, Jitter, Retry, Safety};

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) max_attempts: u32,
    pub(crate) max_elapsed: Option<Wait>,
    pub(crate) min_attempt_time: Wait,
    pub(crate) only_when_idempotent: bool,
    growth: Growth,
    spread: Spread,
    max_delay: Wait,
    hint: Hint,
    max_hint: Option<Wait>,
}

/// A duration, ordinary or extreme.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Wait {
    Nanos(u32),
    Millis(u32),
    Any { secs: u64, nanos: u32 },
    Max,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Growth {
    Constant(Wait),
    Linear(Wait),
    Exponential(Wait, Factor),
    Fibonacci(Wait),
    Decorrelated(Wait),
    DecorrelatedV2(Wait),
    Custom(Wait),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Factor {
    Whole(u8),
    Any(f64),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Spread {
    Default,
    None,
    Full,
    Equal,
    Proportional { percent: u8 },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Hint {
    Within(Wait),
    Clamp(Wait),
    Ignore,
}

impl Wait {
    pub(crate) fn duration(self) -> Duration {
        match self {
            Wait::Nanos(nanos) => Duration::from_nanos(nanos.into()),
            Wait::Millis(millis) => Duration::from_millis(millis.into()),
            Wait::Any { secs, nanos } => Duration::new(secs, nanos % 1_000_000_000),
            Wait::Max => Duration::MAX,
        }
    }

    fn nanos(self) -> u128 {
        saturating_nanos(self.duration()).into()
    }
}

impl Settings {
    pub(crate) fn build(&self) -> Result<Retry, InvalidConfig> {
        let mut retry = Retry::with_backoff(self.growth.backoff())
            .max_attempts(self.max_attempts)
            .max_delay(self.max_delay.duration())
            .min_attempt_time(self.min_attempt_time.duration());
        if let Some(jitter) = self.spread.jitter() {
            retry = retry.jitter(jitter);
        }
        if let Some(limit) = self.max_elapsed {
            retry = retry.max_elapsed(limit.duration());
        }
        if self.only_when_idempotent {
            retry = retry.safety(Safety::WhenIdempotent);
        }
        if let Some(hint) = self.max_hint {
            retry = retry.max_hint(hint.duration());
        }
        retry.hints(self.hint.hints()).build()
    }

    /// Whether the documentation of the settings allows them.
    pub(crate) fn are_valid(&self) -> bool {
        let jitter = match self.spread {
            Spread::Default | Spread::None => true,
            Spread::Full | Spread::Equal => !self.growth.is_random(),
            Spread::Proportional { percent } => percent <= 100 && !self.growth.is_random(),
        };
        let factor = match self.growth {
            Growth::Exponential(_, factor) => (1.0..=1000.0).contains(&factor.get()),
            _ => true,
        };
        let elapsed = self
            .max_elapsed
            .is_none_or(|limit| !limit.duration().is_zero());
        jitter && factor && elapsed && self.max_attempts > 0
    }

    /// Holds the wait before this retry to the cap, to the server's hint, and, where the hint has no say, to the
    /// backoff and its jitter.
    pub(crate) fn check_delay(&self, retry: u32, delay: Duration, verdict: &Verdict) {
        let cap = Duration::from_nanos(saturating_nanos(self.max_delay.duration()));
        let hint = verdict.retry_after();
        match (self.hint, hint) {
            (Hint::Ignore, _) | (_, None) => {
                assert!(delay <= cap, "{delay:?} is above the cap");
                self.check_own(retry, delay.as_nanos());
            }
            (Hint::Within(slack), Some(hint)) => {
                assert!(delay >= hint, "{delay:?} is too early");
                assert!(delay <= cap.saturating_add(slack.duration()));
                self.check_hint(hint);
            }
            (Hint::Clamp(slack), Some(hint)) => {
                let slack = slack.duration();
                assert!(delay >= hint.min(slack), "{delay:?} is too early");
                assert!(delay <= cap.saturating_add(slack));
                self.check_hint(hint);
            }
        }
    }

    fn check_hint(&self, hint: Duration) {
        if let Some(max) = self.max_hint {
            assert!(hint <= max.duration(), "a longer hint ends the call");
        }
    }

    fn check_own(&self, retry: u32, delay: u128) {
        let cap = self.max_delay.nanos();
        if let Growth::Decorrelated(base) = self.growth {
            assert!(delay >= base.nanos().min(cap), "{delay} is below the base");
        }
        let Some(wait) = self.growth.exact(retry, cap) else {
            return;
        };
        let (least, most) = match self.spread {
            Spread::None => (wait, wait),
            Spread::Default | Spread::Full => (0, wait),
            Spread::Equal => (wait / 2, wait),
            Spread::Proportional { percent } => {
                let around = wait * u128::from(percent) / 100;
                (wait - around, wait + around)
            }
        };
        let expected = least..=most.min(cap);
        assert!(expected.contains(&delay), "{delay} is not in {expected:?}");
    }
}

impl Growth {
    fn backoff(self) -> Backoff {
        match self {
            Growth::Constant(base) => Backoff::constant(base.duration()),
            Growth::Linear(base) => Backoff::linear(base.duration()),
            Growth::Exponential(base, factor) => {
                Backoff::exponential(base.duration(), factor.get())
            }
            Growth::Fibonacci(base) => Backoff::fibonacci(base.duration()),
            Growth::Decorrelated(base) => Backoff::decorrelated(base.duration()),
            Growth::DecorrelatedV2(base) => Backoff::decorrelated_v2(base.duration()),
            Growth::Custom(base) => Backoff::custom(move |_| base.duration()),
        }
    }

    fn is_random(self) -> bool {
        matches!(self, Growth::Decorrelated(_) | Growth::DecorrelatedV2(_))
    }

    /// The wait in nanoseconds before jitter, where it is a whole number by definition.
    fn exact(self, retry: u32, cap: u128) -> Option<u128> {
        let wait = match self {
            Growth::Constant(base) | Growth::Custom(base) => base.nanos(),
            Growth::Linear(base) => base.nanos() * u128::from(retry),
            Growth::Exponential(base, Factor::Whole(factor)) => {
                let factor = u128::from(factor).checked_pow(retry - 1);
                factor.map_or(cap, |factor| base.nanos().saturating_mul(factor))
            }
            Growth::Fibonacci(base) => base.nanos().saturating_mul(fibonacci(retry)),
            Growth::Exponential(_, Factor::Any(_))
            | Growth::Decorrelated(_)
            | Growth::DecorrelatedV2(_) => return None,
        };
        Some(wait.min(cap))
    }
}

fn fibonacci(n: u32) -> u128 {
    let (mut a, mut b) = (0_u128, 1_u128);
    for _ in 0..n {
        (a, b) = (b, a.saturating_add(b));
    }
    a
}

impl Factor {
    fn get(self) -> f64 {
        match self {
            Factor::Whole(factor) => factor.into(),
            Factor::Any(factor) => factor,
        }
    }
}

impl Spread {
    fn jitter(self) -> Option<Jitter> {
        match self {
            Spread::Default => None,
            Spread::None => Some(Jitter::None),
            Spread::Full => Some(Jitter::Full),
            Spread::Equal => Some(Jitter::Equal),
            Spread::Proportional { percent } => {
                Some(Jitter::Proportional(Ratio::percent(percent.into())))
            }
        }
    }
}

impl Hint {
    fn hints(self) -> Hints {
        match self {
            Hint::Within(slack) => Hints::Within(slack.duration()),
            Hint::Clamp(slack) => Hints::Clamp(slack.duration()),
            Hint::Ignore => Hints::Ignore,
        }
    }
}

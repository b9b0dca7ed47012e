//! How long to wait before the next attempt, before jitter.

use std::{fmt, sync::Arc, time::Duration};

use steadfast_core::{Class, InvalidConfig, saturating_nanos};

use crate::jitter::{below, unit};

/// Fixed-point one, for the factor of the exponential backoff.
const MICROS: u64 = 1_000_000;
const MAX_FACTOR: f64 = 1000.0;

/// How the wait grows from one retry to the next.
///
/// All of them work in whole nanoseconds and saturate. The cap of the retry policy applies after
/// the backoff and after the jitter.
///
/// | backoff | wait before retry n, base b | source |
/// |---|---|---|
/// | [`constant`](Backoff::constant) | `b` | |
/// | [`linear`](Backoff::linear) | `b * n` | |
/// | [`exponential`](Backoff::exponential) | `b * factor^(n-1)` | |
/// | [`fibonacci`](Backoff::fibonacci) | `b * F(n)`, `F` = 1, 1, 2, 3, 5 … | |
/// | [`decorrelated`](Backoff::decorrelated) | `s = min(cap, b + u * (3 s - b))`, `s` = b at first | M. Brooker, *Exponential Backoff And Jitter*, 2015 |
/// | [`decorrelated_v2`](Backoff::decorrelated_v2) | `(f(t) - f_prev) / 1.4 * b`, `f(t) = 2^t * tanh(sqrt(4 t))`, `t = n - 1 + u` | Polly V2 |
/// | [`custom`](Backoff::custom) | what a function says | |
///
/// `u` is uniform on `[0, 1)`. The two decorrelated ones are random by themselves and take no jitter.
#[derive(Clone)]
pub struct Backoff(Kind);

#[derive(Clone)]
enum Kind {
    Constant(u64),
    Linear(u64),
    Exponential { base: u64, factor: f64 },
    Fibonacci(u64),
    Decorrelated(u64),
    DecorrelatedV2(u64),
    Custom(Arc<dyn Fn(&RetryState) -> Duration + Send + Sync>),
}

/// What a [`custom`](Backoff::custom) backoff knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryState {
    /// Which retry is about to be made, from one.
    pub retry: u32,
    /// What the attempt before it came to.
    pub class: Class,
    /// How long the other side asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl Backoff {
    /// The same wait every time.
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Backoff(Kind::Constant(saturating_nanos(delay)))
    }

    /// A wait that grows by `base` every time.
    #[must_use]
    pub const fn linear(base: Duration) -> Self {
        Backoff(Kind::Linear(saturating_nanos(base)))
    }

    /// A wait that begins with `base` and is multiplied by `factor` every time, from 1 to 1000;
    /// millionths of the factor count.
    #[must_use]
    pub const fn exponential(base: Duration, factor: f64) -> Self {
        Backoff(Kind::Exponential {
            base: saturating_nanos(base),
            factor,
        })
    }

    /// A wait that grows as the Fibonacci numbers do.
    #[must_use]
    pub const fn fibonacci(base: Duration) -> Self {
        Backoff(Kind::Fibonacci(saturating_nanos(base)))
    }

    /// A random wait between `base` and three times the wait before.
    #[must_use]
    pub const fn decorrelated(base: Duration) -> Self {
        Backoff(Kind::Decorrelated(saturating_nanos(base)))
    }

    /// Polly's smooth version of the decorrelated jitter. Its first wait has a median of 0.897 and a
    /// mean of 0.871 of `base`; waits close to zero can happen.
    #[must_use]
    pub const fn decorrelated_v2(base: Duration) -> Self {
        Backoff(Kind::DecorrelatedV2(saturating_nanos(base)))
    }

    /// What `delay` says: without jitter, unless the policy is given one.
    #[must_use]
    pub fn custom<F>(delay: F) -> Self
    where
        F: Fn(&RetryState) -> Duration + Send + Sync + 'static,
    {
        Backoff(Kind::Custom(Arc::new(delay)))
    }

    /// Whether it is a function of the user's own, whose word counts.
    pub(crate) const fn is_custom(&self) -> bool {
        matches!(self.0, Kind::Custom(_))
    }

    /// Whether it is random by itself.
    pub(crate) const fn is_random(&self) -> bool {
        matches!(self.0, Kind::Decorrelated(_) | Kind::DecorrelatedV2(_))
    }

    pub(crate) fn with_factor(mut self, new: f64) -> Result<Self, InvalidConfig> {
        match &mut self.0 {
            Kind::Exponential { factor, .. } => {
                *factor = new;
                Ok(self)
            }
            _ => Err(InvalidConfig::new(
                "factor",
                new,
                "only with an exponential backoff",
            )),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        match self.0 {
            Kind::Exponential { factor, .. } if !(1.0..=MAX_FACTOR).contains(&factor) => Err(
                InvalidConfig::new("factor", factor, format_args!("1 to {MAX_FACTOR}")),
            ),
            _ => Ok(()),
        }
    }

    /// The wait in nanoseconds before jitter, at most `cap`. `memory` is what the backoff keeps from
    /// one retry of a call to the next; it starts as [`Memory::default`].
    pub(crate) fn delay(
        &self,
        state: &RetryState,
        cap: u64,
        memory: &mut Memory,
        random: u64,
    ) -> u64 {
        let retry = u64::from(state.retry);
        let delay = match &self.0 {
            Kind::Constant(delay) => *delay,
            Kind::Linear(base) => base.saturating_mul(retry),
            Kind::Exponential { base, factor } => exponential(*base, *factor, state.retry, cap),
            Kind::Fibonacci(base) => base.saturating_mul(fibonacci(state.retry)),
            Kind::Decorrelated(base) => {
                let previous = if state.retry == 1 { *base } else { memory.0 };
                let span = previous.saturating_mul(3).saturating_sub(*base);
                let delay = base.saturating_add(below(span, random)).min(cap);
                memory.0 = delay;
                delay
            }
            Kind::DecorrelatedV2(base) => {
                let previous = f64::from_bits(memory.0);
                let t = f64::from(state.retry - 1) + unit(random);
                let f = t.exp2() * (4.0 * t).sqrt().tanh();
                memory.0 = f.to_bits();
                if *base == 0 {
                    0
                } else {
                    nanos((f - previous) / 1.4 * *base as f64, cap)
                }
            }
            Kind::Custom(delay) => saturating_nanos(delay(state)),
        };
        delay.min(cap)
    }
}

/// What a backoff remembers within one call: the last wait in nanoseconds, or the bits of the last
/// `f(t)`. All zeros, which is also the bits of 0.0, at first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory(u64);

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a factor is in 1..=1000 when a policy is built, and casts from floats saturate"
)]
fn exponential(base: u64, factor: f64, retry: u32, cap: u64) -> u64 {
    let factor = (factor * MICROS as f64).round() as u64;
    let mut delay = base;
    for _ in 1..retry {
        let next = u128::from(delay) * u128::from(factor) / u128::from(MICROS);
        let next = u64::try_from(next).unwrap_or(u64::MAX);
        if next == delay {
            return delay; // A factor of one, or too little to make a nanosecond.
        }
        delay = next;
        if delay >= cap {
            return cap;
        }
    }
    delay
}

fn fibonacci(n: u32) -> u64 {
    let (mut a, mut b) = (0_u64, 1_u64);
    for _ in 0..n {
        if a == u64::MAX {
            break;
        }
        (a, b) = (b, a.saturating_add(b));
    }
    a
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts from floats saturate, which is what is wanted"
)]
fn nanos(delay: f64, cap: u64) -> u64 {
    // Where 2^t has left the range of a float the difference is not a number.
    if delay.is_nan() { cap } else { delay as u64 }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, base) = match &self.0 {
            Kind::Constant(base) => ("constant", base),
            Kind::Linear(base) => ("linear", base),
            Kind::Exponential { base, factor } => {
                let base = Duration::from_nanos(*base);
                return write!(f, "exponential({base:?}, factor {factor})");
            }
            Kind::Fibonacci(base) => ("fibonacci", base),
            Kind::Decorrelated(base) => ("decorrelated", base),
            Kind::DecorrelatedV2(base) => ("decorrelated_v2", base),
            Kind::Custom(_) => return f.write_str("custom"),
        };
        write!(f, "{name}({:?})", Duration::from_nanos(*base))
    }
}

#[cfg(test)]
mod tests;

//! The retry policy and how it is configured.

use std::time::Duration;

use steadfast_core::{InvalidConfig, RetryBudget};

use crate::{
    Backoff, Jitter,
    rules::{Hints, Rules, Safety},
};

pub(crate) const DEFAULT_MAX_ATTEMPTS: u32 = 3;
pub(crate) const DEFAULT_BASE: Duration = Duration::from_millis(50);
pub(crate) const DEFAULT_FACTOR: f64 = 2.0;
pub(crate) const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(20);

/// Repeats an operation that failed in a way that may pass.
///
/// Built from a [`Backoff`], such as [`Retry::exponential`]; [`Retry::default`] is a good start.
/// What failed and how is said once, by the pipeline's classifier; this policy reads the verdict.
///
/// # Errors
///
/// When no further attempt is made, the last real outcome is returned as it is. Why there was none
/// is in [`Report::stop`](steadfast_core::Report).
///
/// Attempts that fail at once, with no wait between them, give way to other tasks after a few dozen. An
/// attempt that has begun by then counts as under way: a timeout may cut it off before its first poll.
///
/// # Cancel safety
///
/// Dropping the future drops the attempt under way, or the wait, and gives a reserved retry back to
/// the budget.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, time::Duration};
/// use steadfast_core::{Policies, StopReason, VirtualRuntime};
/// use steadfast_retry::Retry;
///
/// let runtime = VirtualRuntime::new(1);
/// let retry = Retry::exponential(Duration::from_millis(100)).max_attempts(4).build()?;
/// let on_runtime = retry.on(runtime.clone());
///
/// let calls = Cell::new(0);
/// let flaky = || async {
///     calls.set(calls.get() + 1);
///     if calls.get() < 3 { Err("connection reset") } else { Ok("receipt") }
/// };
/// let report = runtime.block_on(on_runtime.call(flaky).reported());
/// assert_eq!(report.result, Ok("receipt"));
/// assert_eq!(report.attempts, 3);
///
/// let report = runtime.block_on(on_runtime.call(|| async { Err::<(), _>("down") }).reported());
/// assert_eq!(report.stop, StopReason::Attempts);
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Retry {
    pub(crate) rules: Rules,
}

impl Retry {
    /// Waits up to the same time before each retry: with the default, full jitter, anything from zero
    /// to it.
    pub fn constant(delay: Duration) -> RetryBuilder {
        Retry::with_backoff(Backoff::constant(delay))
    }

    /// Waits up to `base` longer before each retry.
    pub fn linear(base: Duration) -> RetryBuilder {
        Retry::with_backoff(Backoff::linear(base))
    }

    /// Waits up to `base` at first, and up to twice as long, or [`factor`](RetryBuilder::factor) times
    /// as long, before each further retry.
    pub fn exponential(base: Duration) -> RetryBuilder {
        Retry::with_backoff(Backoff::exponential(base, DEFAULT_FACTOR))
    }

    /// Waits up to `base` times the Fibonacci numbers.
    pub fn fibonacci(base: Duration) -> RetryBuilder {
        Retry::with_backoff(Backoff::fibonacci(base))
    }

    /// Waits a random time between `base` and three times the wait before.
    pub fn decorrelated(base: Duration) -> RetryBuilder {
        Retry::with_backoff(Backoff::decorrelated(base))
    }

    /// Waits as this backoff says.
    pub fn with_backoff(backoff: Backoff) -> RetryBuilder {
        let jitter = if backoff.is_random() || backoff.is_custom() {
            Jitter::None
        } else {
            Jitter::default()
        };
        RetryBuilder {
            factor: None,
            rules: Rules {
                backoff,
                jitter,
                max_delay: DEFAULT_MAX_DELAY,
                max_attempts: DEFAULT_MAX_ATTEMPTS,
                max_elapsed: None,
                min_attempt_time: Duration::ZERO,
                safety: Safety::default(),
                hints: Hints::default(),
                max_hint: Duration::MAX,
                independent: false,
                budget: None,
                name: "retry",
            },
        }
    }

    /// The budget it draws on, if any.
    #[must_use]
    pub fn budget(&self) -> Option<&RetryBudget> {
        self.rules.budget.as_ref()
    }

    /// How many attempts a call may make, the first included.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.rules.max_attempts
    }
}

impl Default for Retry {
    /// 3 attempts, exponential from 50 ms by a factor of 2 up to 20 s, full jitter, no budget.
    fn default() -> Self {
        Retry {
            rules: Retry::exponential(DEFAULT_BASE).rules,
        }
    }
}

/// Settings of a [`Retry`].
#[derive(Clone, Debug)]
#[must_use = "it is a policy only when built"]
pub struct RetryBuilder {
    factor: Option<f64>,
    rules: Rules,
}

impl RetryBuilder {
    /// How many attempts a call may make, the first included; at least 1, default 3.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.rules.max_attempts = attempts;
        self
    }

    /// By what an exponential wait is multiplied each time; 1 to 1000, default 2.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = Some(factor);
        self
    }

    /// How the waits are spread; default [`Jitter::Full`], or [`Jitter::None`] where the backoff is
    /// random by itself or a function of your own.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.rules.jitter = jitter;
        self
    }

    /// The longest wait of its own, after jitter; default 20 s. A server's hint may be longer, see
    /// [`hints`](RetryBuilder::hints).
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.rules.max_delay = delay;
        self
    }

    /// No wait is begun after which an attempt would begin this long after the first one began, on the
    /// runtime's clock: attempts and waits count. More than zero; by default there is no such limit.
    pub fn max_elapsed(mut self, limit: Duration) -> Self {
        self.rules.max_elapsed = Some(limit);
        self
    }

    /// How much time before the deadline an attempt must have to be worth making; default zero.
    /// No wait is begun after which the attempt would begin at or after the deadline.
    pub fn min_attempt_time(mut self, time: Duration) -> Self {
        self.rules.min_attempt_time = time;
        self
    }

    /// Which failures may be repeated; default [`Safety::Always`].
    pub fn safety(mut self, safety: Safety) -> Self {
        self.rules.safety = safety;
        self
    }

    /// What the `retry_after` of a server, or of a policy further in, does to the wait; default
    /// [`Hints::Within`] 5 s: with a hint more than 5 s beyond the own wait there is no further attempt. How to fail
    /// fast is said at [`Hints`].
    pub fn hints(mut self, hints: Hints) -> Self {
        self.rules.hints = hints;
        self
    }

    /// A hint longer than this ends the call with
    /// [`StopReason::Pushback`](steadfast_core::StopReason::Pushback); by default there is no such
    /// limit beyond that of [`hints`](RetryBuilder::hints). Where that is [`Hints::Ignore`] it is about hints of
    /// policies further in alone.
    pub fn max_hint(mut self, hint: Duration) -> Self {
        self.rules.max_hint = hint;
        self
    }

    /// Makes its retries draw on this budget, which other policies and pipelines may share.
    pub fn budget(mut self, budget: &RetryBudget) -> Self {
        self.rules.budget = Some(budget.clone());
        self
    }

    /// Makes all its attempts each time it is run, even when an outer retry of the same call runs it
    /// again. By default nested retries do not multiply: once this one has given up in a call, with
    /// its attempts made or for lack of time or budget, it makes a single one each time.
    pub fn independent(mut self) -> Self {
        self.rules.independent = true;
        self
    }

    /// The name under which it speaks in events; default `retry`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.rules.name = name;
        self
    }

    /// Builds the policy.
    ///
    /// # Errors
    ///
    /// When `max_attempts` or `max_elapsed` is zero, when `factor` is out of range or the backoff is
    /// not exponential, or when `jitter` is above 100 % or given to a backoff that is random by
    /// itself.
    pub fn build(self) -> Result<Retry, InvalidConfig> {
        let mut rules = self.rules;
        if let Some(factor) = self.factor {
            rules.backoff = rules.backoff.with_factor(factor)?;
        }
        rules.backoff.validate()?;
        rules.jitter.validate()?;
        if rules.backoff.is_random() && rules.jitter != Jitter::None {
            return Err(InvalidConfig::new(
                "jitter",
                format_args!("{:?}", rules.jitter),
                "None with a decorrelated backoff, which is random by itself",
            ));
        }
        if rules.max_attempts == 0 {
            let allowed = format_args!("1 to {}", u32::MAX).to_string();
            return Err(InvalidConfig::new("max_attempts", 0, allowed));
        }
        if rules.max_elapsed == Some(Duration::ZERO) {
            return Err(InvalidConfig::new("max_elapsed", "0ns", "more than zero"));
        }
        Ok(Retry { rules })
    }
}

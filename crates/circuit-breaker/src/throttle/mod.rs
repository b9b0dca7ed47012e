//! Sheds a share of the calls, as large as the share that fails calls for.

mod load;
mod policy;

use std::{fmt, sync::Arc, time::Duration};

use steadfast_core::{Idle, Instant, InvalidConfig};

use self::load::Load;
pub use self::policy::ThrottleFuture;
use crate::check::check_number;

const DEFAULT_WINDOW: Duration = Duration::from_secs(120);
const DEFAULT_MULTIPLIER: f64 = 2.0;
const MIN_WINDOW: Duration = Duration::from_secs(1);
const MAX_WINDOW: Duration = Duration::from_secs(60 * 60);
const MAX_MULTIPLIER: f64 = 100.0;

/// Refuses a share of the calls to a dependency that answers only some of them.
///
/// Where a circuit breaker knows all or nothing, this sheds in proportion: a dependency that bears half of
/// the load gets about half of it, and goes on answering. At a failure rate of 10 % to 20 % a breaker
/// refuses nearly everything; this nothing yet.
///
/// Of the calls in the window, `requests` were made, and `accepts` of them were answered well. A call is
/// refused with the probability
///
/// ```text
/// max(0, (requests - K * accepts) / (requests + 1))
/// ```
///
/// so with the default K of 2 it begins to shed when more than half of the calls fail. Source: *Site
/// Reliability Engineering*, chapter 21, "Client-Side Throttling". Refused calls count as requests.
///
/// It is a handle: clones share one state. Its place in a pipeline is that of a circuit breaker.
///
/// # What counts
///
/// As for a [`CircuitBreaker`](crate::CircuitBreaker): transient, permanent and overloaded outcomes and
/// what a timeout inside cut off are not accepted; the caller's own faults, refusals by other policies and
/// calls that are dropped before their end are not counted at all. A call is counted when it ends. So the
/// timeout belongs inside: what one outside cuts off is dropped, and never seen here.
///
/// # Fairness
///
/// Calls of a higher [`priority`](steadfast_core::Priority) are shed last: those of the lower quarters of
/// its range, 0 to 63, 64 to 127, 128 to 191 and 192 to 255, bear as much of the shedding as they can.
/// Whatever the probability, a call is let through when none was for a second, so that it notices when
/// the dependency is well again.
///
/// # Recovery
///
/// An outage of up to two fifths of the window sheds nothing, as the answers before it pay for it; where
/// there were none, in a throttle that is new or was idle, it sheds at once. After a longer
/// one, what it lets through grows by itself once calls are answered again: it sheds nothing any more
/// after one and a half windows where the outage took three quarters of one, and after three and a half
/// where the outage filled it, with up to a hundred calls a second, and half a window more for each
/// doubling of that. A shorter window recovers sooner, and knows less.
///
/// # Errors
///
/// A call is refused with [`RejectionKind::Throttled`](steadfast_core::RejectionKind), which says that it
/// was not executed.
///
/// # Cost
///
/// One clock read, which it shares with the pipeline, and one more after calls that had to wait; one
/// compare-and-swap a call, in stripes. The counts of the window are added up only while it sheds.
///
/// # Cancel safety
///
/// Dropping the future drops the operation.
///
/// # Examples
///
/// ```
/// use steadfast_circuit_breaker::Throttle;
/// use steadfast_core::{Policies, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new(1);
/// let throttle = Throttle::default();
/// let calls = throttle.on(runtime.clone());
///
/// for _ in 0..1000 {
///     let _ = runtime.block_on(calls.call(|| async { Err::<(), _>("no answer") }));
/// }
/// let refused = runtime.block_on(calls.call(|| async { Ok::<_, &str>(()) })).unwrap_err();
/// assert_eq!(refused.to_string(), "throttle sheds load, as too few calls are answered");
/// ```
#[derive(Clone)]
pub struct Throttle {
    load: Arc<Load>,
    settings: ThrottleBuilder,
}

impl Throttle {
    /// A throttle that looks at the calls of the last while; 1 s to an hour.
    pub fn over(window: Duration) -> ThrottleBuilder {
        ThrottleBuilder {
            window,
            multiplier: DEFAULT_MULTIPLIER,
            name: "throttle",
        }
    }

    /// The probability with which a call of the usual priority would be refused at `now`, on the clock of
    /// the calls' runtime.
    #[must_use]
    pub fn shedding_at(&self, now: Instant) -> f64 {
        self.load.shedding_at(now)
    }

    /// Another throttle with the same settings that shares nothing with this one: for
    /// [`Keyed`](steadfast_core::Keyed).
    #[must_use]
    pub fn fresh(&self) -> Throttle {
        self.settings.clone().make()
    }

    /// The name under which it speaks in rejections and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.settings.name
    }
}

/// Every call in the window was answered well, and nobody else holds a handle.
impl Idle for Throttle {
    fn is_idle_at(&self, now: Instant) -> bool {
        Arc::strong_count(&self.load) == 1 && self.load.is_untroubled_at(now)
    }
}

impl Default for Throttle {
    /// A window of two minutes, and a K of 2.
    fn default() -> Self {
        Throttle::over(DEFAULT_WINDOW).make()
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("name", &self.settings.name)
            .field("load", &self.load)
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Throttle`].
#[derive(Clone, Debug)]
#[must_use = "it is a policy only when built"]
pub struct ThrottleBuilder {
    window: Duration,
    multiplier: f64,
    name: &'static str,
}

impl ThrottleBuilder {
    /// K: how many requests a call that was answered pays for; 1 to 100, default 2. Less sheds earlier,
    /// more lets more calls through to a dependency that does not answer them.
    pub fn multiplier(mut self, k: f64) -> Self {
        self.multiplier = k;
        self
    }

    /// The name under which it speaks in rejections and events; default `throttle`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Builds the throttle.
    ///
    /// # Errors
    ///
    /// When the window or the multiplier is out of its range.
    pub fn build(self) -> Result<Throttle, InvalidConfig> {
        InvalidConfig::check_time("over", self.window, MIN_WINDOW..=MAX_WINDOW)?;
        check_number("multiplier", self.multiplier, 1.0, MAX_MULTIPLIER)?;
        Ok(self.make())
    }

    fn make(self) -> Throttle {
        Throttle {
            load: Arc::new(Load::new(self.window, self.multiplier)),
            settings: self,
        }
    }
}

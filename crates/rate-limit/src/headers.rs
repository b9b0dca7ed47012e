//! What a server says of a limit in the fields of a response.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use steadfast_core::{Instant, InvalidConfig, Rejection, Runtime};

use crate::{
    RateLimit,
    limited::Limited,
    rule::{Rule, Shape},
};

/// An integer of a structured field has 15 digits at most: RFC 9651, section 3.3.1.
const MOST_SECS: u64 = 999_999_999_999_999;

/// The values of the fields that tell a client what is left of its quota.
///
/// | field | value | source |
/// |---|---|---|
/// | `RateLimit` | [`rate_limit`](RateLimitHeaders::rate_limit) | *draft-ietf-httpapi-ratelimit-headers-11* |
/// | `RateLimit-Policy` | [`rate_limit_policy`](RateLimitHeaders::rate_limit_policy) | the same |
/// | `RateLimit-Limit` | [`limit`](RateLimitHeaders::limit) | the same draft up to -06 |
/// | `RateLimit-Remaining` | [`remaining`](RateLimitHeaders::remaining) | the same |
/// | `RateLimit-Reset` | [`reset_secs`](RateLimitHeaders::reset_secs) | the same |
/// | `Retry-After` | [`retry_after_secs`](RateLimitHeaders::retry_after_secs) | RFC 9110, section 10.2.3 |
///
/// The draft is not an RFC yet, and may still change; its older three fields are in wide use.
///
/// Seconds are whole, and rounded up: a client that waits for so long does not come too early. While the client is
/// limited, as nothing remains or a `retry_after` is given, they are never 0. Where there is a `Retry-After`, the
/// reset is the same moment, as the drafts ask for.
///
/// A limit gives them: [`RateLimit::headers`] and [`KeyedRateLimit::headers`](crate::KeyedRateLimit::headers). Then
/// the limit is the burst, or what a window has; the reset is when there are all of them again; and the window is
/// the time in which they are refilled, so that nobody is promised more than the rate.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_core::VirtualRuntime;
/// use steadfast_rate_limit::{RateLimit, RateLimitHeaders};
///
/// # let runtime = VirtualRuntime::new(1);
/// let limit = RateLimit::per_minute(60).burst(5).build()?;
/// limit.try_acquire(&runtime, 4).unwrap();
/// let headers = limit.headers(&runtime);
/// assert_eq!(headers.rate_limit().to_string(), r#""default";r=1;t=4"#);
/// assert_eq!(headers.retry_after_secs(), None); // not limited, no such field
///
/// // A refused call: what to put into the response.
/// let refused = limit.try_acquire(&runtime, 2).unwrap_err();
/// let fields: Vec<_> = limit.headers(&runtime).refused(&refused).fields().collect();
/// assert_eq!(fields, [
///     ("ratelimit-policy", r#""default";q=5;w=5"#.to_owned()),
///     ("ratelimit", r#""default";r=1;t=1"#.to_owned()),
///     ("retry-after", "1".to_owned()),
/// ]);
///
/// // Or from numbers of one's own.
/// let refused = RateLimitHeaders::new(100, 0, Duration::from_secs(60))
///     .retry_after(Some(Duration::from_millis(200)))
///     .window(Duration::from_secs(60))
///     .named("per-minute")?;
/// assert_eq!(refused.rate_limit().to_string(), r#""per-minute";r=0;t=1"#);
/// assert_eq!(refused.rate_limit_policy().to_string(), r#""per-minute";q=100;w=60"#);
/// assert_eq!(refused.retry_after_secs(), Some(1));
///
/// let error = headers.named("for you and me \u{1F980}").unwrap_err();
/// assert_eq!(error.field(), "name");
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is said only when it is put into a response"]
pub struct RateLimitHeaders<'n> {
    name: &'n str,
    limit: u32,
    remaining: u32,
    reset: Duration,
    retry_after: Option<Duration>,
    window: Option<Duration>,
}

impl<'n> RateLimitHeaders<'n> {
    /// The name of the field of [`rate_limit`](RateLimitHeaders::rate_limit). As all of them in small letters: what
    /// HTTP/2 asks for, and HTTP/1 does not mind.
    pub const RATE_LIMIT: &'static str = "ratelimit";
    /// The name of the field of [`rate_limit_policy`](RateLimitHeaders::rate_limit_policy).
    pub const RATE_LIMIT_POLICY: &'static str = "ratelimit-policy";
    /// The name of the field of [`limit`](RateLimitHeaders::limit).
    pub const LIMIT: &'static str = "ratelimit-limit";
    /// The name of the field of [`remaining`](RateLimitHeaders::remaining).
    pub const REMAINING: &'static str = "ratelimit-remaining";
    /// The name of the field of [`reset_secs`](RateLimitHeaders::reset_secs).
    pub const RESET: &'static str = "ratelimit-reset";
    /// The name of the field of [`retry_after_secs`](RateLimitHeaders::retry_after_secs).
    pub const RETRY_AFTER: &'static str = "retry-after";

    /// Of `limit` units `remaining` are left, and after `reset` there are all of them again. More than all never
    /// remain: then it is all of them.
    pub const fn new(limit: u32, remaining: u32, reset: Duration) -> Self {
        RateLimitHeaders {
            name: "default",
            limit,
            remaining: if remaining < limit { remaining } else { limit },
            reset,
            retry_after: None,
            window: None,
        }
    }

    /// Of a limit of this rule that has so many left at `now`, and all of them `full_at` then.
    pub(crate) fn of(rule: &Rule, remaining: u32, full_at: Instant, now: Instant) -> Self {
        let reset = if remaining == rule.burst {
            Some(Duration::ZERO)
        } else {
            Limited::Until(full_at).retry_after(now)
        };
        RateLimitHeaders::new(rule.burst, remaining, reset.unwrap_or(Duration::MAX))
            .window(rule.refills_in())
    }

    /// That the call was refused, and may come again after that; `None` where it was not, which is the default.
    pub const fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// That a limit refused the call like this, as [`retry_after`](RateLimitHeaders::retry_after).
    pub fn refused(self, rejection: &Rejection) -> Self {
        self.retry_after(rejection.retry_after())
    }

    /// The time that the limit is for, for the policy; by default it is not said.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// The name of the policy, by default `default`. A response may say several, each under its own name.
    ///
    /// # Errors
    ///
    /// When it is empty, or has a character other than the printable ones of ASCII, which the field cannot carry.
    pub fn named(mut self, name: &'n str) -> Result<Self, InvalidConfig> {
        let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if name.is_empty() || !name.bytes().all(is_printable) {
            let allowed = "1 or more printable characters of ASCII";
            let value = format_args!("{name:?}");
            return Err(InvalidConfig::new("name", value, allowed));
        }
        self.name = name;
        Ok(self)
    }

    /// The fields of the present draft, and `Retry-After` where the call was refused: names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let retry_after = self.retry_after_secs();
        let draft = [
            (
                Self::RATE_LIMIT_POLICY,
                self.rate_limit_policy().to_string(),
            ),
            (Self::RATE_LIMIT, self.rate_limit().to_string()),
        ];
        let after = retry_after.map(|secs| (Self::RETRY_AFTER, secs.to_string()));
        draft.into_iter().chain(after)
    }

    /// The three fields of the draft up to -06: names and values.
    pub fn older_fields(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            (Self::LIMIT, self.limit.into()),
            (Self::REMAINING, self.remaining.into()),
            (Self::RESET, self.reset_secs()),
        ]
        .into_iter()
    }

    /// The value of `RateLimit`: what remains, and for how long there is no more.
    pub const fn rate_limit(&self) -> RateLimitValue<'n> {
        RateLimitValue {
            name: self.name,
            remaining: self.remaining,
            reset_secs: self.reset_secs(),
        }
    }

    /// The value of `RateLimit-Policy`: how much there is in a window.
    pub const fn rate_limit_policy(&self) -> RateLimitPolicyValue<'n> {
        let window_secs = match self.window {
            // Zero is not allowed there.
            Some(window) => Some(limited_secs(window)),
            None => None,
        };
        RateLimitPolicyValue {
            name: self.name,
            quota: self.limit,
            window_secs,
        }
    }

    /// The value of `RateLimit-Limit`.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The value of `RateLimit-Remaining`.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// The value of `RateLimit-Reset`.
    #[must_use]
    pub const fn reset_secs(&self) -> u64 {
        match self.retry_after_secs() {
            Some(secs) => secs,
            None if self.remaining == 0 => limited_secs(self.reset),
            None => whole_secs(self.reset),
        }
    }

    /// The value of `Retry-After`; `None` when there is no such field.
    #[must_use]
    pub const fn retry_after_secs(&self) -> Option<u64> {
        match self.retry_after {
            Some(after) => Some(limited_secs(after)),
            None => None,
        }
    }
}

impl RateLimit {
    /// What there is to say of it in the fields of a response.
    ///
    /// Of a refused call, say so: `limit.headers(&runtime).refused(&rejection)`.
    pub fn headers<R: Runtime>(&self, runtime: &R) -> RateLimitHeaders<'static> {
        self.headers_at(runtime.now())
    }

    /// As [`headers`](RateLimit::headers), at the time `now`.
    pub fn headers_at(&self, now: Instant) -> RateLimitHeaders<'static> {
        self.cell.ask(now, |rule, tally, judged| {
            let remaining = tally.available(rule, judged);
            // All units are not more than there ever are.
            let full_at = tally.grant(rule, judged, rule.burst);
            let full_at = full_at.unwrap_or(Instant::MAX);
            RateLimitHeaders::of(rule, remaining, full_at, now)
        })
    }
}

impl Rule {
    /// How long all units take to come, in whole nanoseconds, rounded up.
    fn refills_in(&self) -> Duration {
        let nanos = match self.shape {
            Shape::Bucket => self.capacity().div_ceil(self.ticks),
            Shape::Fixed | Shape::Sliding => self.per,
        };
        Duration::from_nanos(nanos)
    }
}

/// The value of `RateLimit`, by [`RateLimitHeaders::rate_limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is said only when it is put into a response"]
pub struct RateLimitValue<'n> {
    name: &'n str,
    remaining: u32,
    reset_secs: u64,
}

impl fmt::Display for RateLimitValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_string(self.name, f)?;
        write!(f, ";r={};t={}", self.remaining, self.reset_secs)
    }
}

/// The value of `RateLimit-Policy`, by [`RateLimitHeaders::rate_limit_policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is said only when it is put into a response"]
pub struct RateLimitPolicyValue<'n> {
    name: &'n str,
    quota: u32,
    window_secs: Option<u64>,
}

impl fmt::Display for RateLimitPolicyValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_string(self.name, f)?;
        write!(f, ";q={}", self.quota)?;
        self.window_secs
            .map_or(Ok(()), |secs| write!(f, ";w={secs}"))
    }
}

/// A string of a structured field: RFC 9651, section 4.1.6.
fn write_string(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    f.write_char('"')
}

const fn whole_secs(time: Duration) -> u64 {
    let begun = if time.subsec_nanos() > 0 { 1 } else { 0 };
    let secs = time.as_secs().saturating_add(begun);
    if secs < MOST_SECS { secs } else { MOST_SECS }
}

/// Of somebody who is limited: at least a second.
const fn limited_secs(time: Duration) -> u64 {
    let secs = whole_secs(time);
    if secs > 0 { secs } else { 1 }
}

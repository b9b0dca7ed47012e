//! What policies tell an observer, as it happens.

use std::time::Duration;

use crate::{Class, RejectionKind, StopReason};

/// Something a policy did. Borrowed and cheap: it is built only to be looked at.
///
/// Events are emitted through [`Runtime::emit`](crate::Runtime::emit), outside every lock.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A retry policy is about to wait and then try again.
    #[non_exhaustive]
    Retrying {
        /// The name of the policy.
        policy: &'a str,
        /// How many attempts this policy has made so far, at least one.
        attempts: u32,
        /// How long it waits before the next one.
        delay: Duration,
        /// What the last attempt came to.
        class: Class,
    },
    /// A retry policy returns an outcome that is not a success.
    #[non_exhaustive]
    GaveUp {
        /// The name of the policy.
        policy: &'a str,
        /// How many attempts this policy made.
        attempts: u32,
        /// Why there is no further one.
        reason: StopReason,
    },
    /// A policy refused a call or cut it off.
    #[non_exhaustive]
    Rejected {
        /// The name of the policy.
        policy: &'a str,
        /// How it ended the call.
        kind: RejectionKind,
    },
    /// A policy in shadow mode let a call through that it would have refused.
    #[non_exhaustive]
    WouldReject {
        /// The name of the policy.
        policy: &'a str,
        /// How it would have ended the call.
        kind: RejectionKind,
    },
    /// A policy that has states, such as a circuit breaker, went from one to another.
    ///
    /// Of one policy they come in order and one at a time, each to the observer of one of the calls. What is
    /// done by hand belongs to no call, and comes with the next one.
    #[non_exhaustive]
    Transition {
        /// The name of the policy.
        policy: &'a str,
        /// The state it left.
        from: &'a str,
        /// The state it went to.
        to: &'a str,
        /// Why.
        cause: &'a str,
    },
    /// A policy that learns its limit has changed it.
    #[non_exhaustive]
    LimitChanged {
        /// The name of the policy.
        policy: &'a str,
        /// The limit that it left.
        from: u32,
        /// The limit from now on.
        to: u32,
    },
    /// A policy says what became of a call, or what it saw on the way, in a word of its own: its page lists
    /// them. For what none of the others says.
    #[non_exhaustive]
    Noted {
        /// The name of the policy.
        policy: &'a str,
        /// The word, such as `replayed`: fit for the name of a counter.
        note: &'a str,
    },
}

impl<'a> Event<'a> {
    /// The event of a retry that is about to wait.
    #[must_use]
    pub fn retrying(policy: &'a str, attempts: u32, delay: Duration, class: Class) -> Self {
        Event::Retrying {
            policy,
            attempts,
            delay,
            class,
        }
    }

    /// The event of a retry that has ended without success.
    #[must_use]
    pub fn gave_up(policy: &'a str, attempts: u32, reason: StopReason) -> Self {
        Event::GaveUp {
            policy,
            attempts,
            reason,
        }
    }

    /// The event of a call that a policy refused or cut off.
    #[must_use]
    pub fn rejected(policy: &'a str, kind: RejectionKind) -> Self {
        Event::Rejected { policy, kind }
    }

    /// The event of a call that a policy in shadow mode let through.
    #[must_use]
    pub fn would_reject(policy: &'a str, kind: RejectionKind) -> Self {
        Event::WouldReject { policy, kind }
    }

    /// The event of a policy that went from one state to another.
    #[must_use]
    pub fn transition(policy: &'a str, from: &'a str, to: &'a str, cause: &'a str) -> Self {
        Event::Transition {
            policy,
            from,
            to,
            cause,
        }
    }

    /// The event of a policy that has changed its limit.
    #[must_use]
    pub fn limit_changed(policy: &'a str, from: u32, to: u32) -> Self {
        Event::LimitChanged { policy, from, to }
    }

    /// The event of a policy that has something to say in a word of its own.
    #[must_use]
    pub fn noted(policy: &'a str, note: &'a str) -> Self {
        Event::Noted { policy, note }
    }

    /// The name of the policy that speaks.
    #[must_use]
    pub fn policy(&self) -> &'a str {
        match self {
            Event::Retrying { policy, .. }
            | Event::GaveUp { policy, .. }
            | Event::Rejected { policy, .. }
            | Event::WouldReject { policy, .. }
            | Event::Transition { policy, .. }
            | Event::LimitChanged { policy, .. }
            | Event::Noted { policy, .. } => policy,
        }
    }
}

/// Receives [`Event`]s. Any `Fn(&Event<'_>)` is one.
///
/// It runs on the caller's task, between two polls of the call; it should be quick. A panic in it
/// unwinds through the call, which gives back all it holds.
pub trait Observer {
    /// Looks at one event.
    fn on(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>)> Observer for F {
    fn on(&self, event: &Event<'_>) {
        self(event);
    }
}

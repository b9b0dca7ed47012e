//! The comparisons, and how far ours may be from a peer's.

use crate::harness::Mode;

/// How far ours may be from a peer's.
pub(super) enum Aim {
    /// At most so many nanoseconds more.
    Above(f64),
    /// At most so many times as long.
    Times(f64),
}

/// What is compared in one group, mode by mode.
pub(super) struct Comparison {
    pub(super) group: &'static str,
    pub(super) modes: &'static [Mode],
    pub(super) ours: &'static str,
    /// Several peers, and the fastest counts.
    pub(super) peers: &'static [&'static str],
    pub(super) aim: Aim,
}

pub(super) const COMPARISONS: [Comparison; 27] = [
    Comparison {
        group: "idempotency",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["moka"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "retry",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tower"],
        aim: Aim::Above(5.0),
    },
    Comparison {
        group: "timeout",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tokio::time::timeout"],
        aim: Aim::Times(0.7),
    },
    Comparison {
        group: "timeout",
        modes: &[Mode::Pend],
        ours: "steadfast",
        peers: &["tokio::time::timeout"],
        aim: Aim::Times(1.05),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["recloser"],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-time",
        peers: &["recloser"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-open",
        peers: &[
            "recloser-open",
            "failsafe-open",
            "tower-resilience-open",
            "seatbelt-open",
        ],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-time-fast-clock",
        peers: &["recloser"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-open-fast-clock",
        peers: &[
            "recloser-open",
            "failsafe-open",
            "tower-resilience-open",
            "seatbelt-open",
        ],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "bulkhead",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tower"],
        aim: Aim::Times(0.6),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["governor"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-limited-fast-clock",
        peers: &["governor-limited"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["glued"],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["tower-resilience"],
        aim: Aim::Times(0.08),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["governor"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-limited",
        peers: &["governor-limited"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["glued"],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tower-resilience"],
        aim: Aim::Times(0.08),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Pend],
        ours: "steadfast",
        peers: &["glued"],
        aim: Aim::Times(0.7),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-direct-fast-clock",
        peers: &["governor"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-direct-limited-fast-clock",
        peers: &["governor-limited"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-direct",
        peers: &["governor"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-direct-limited",
        peers: &["governor-limited"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "keyed",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["governor"],
        aim: Aim::Times(0.8),
    },
    Comparison {
        group: "keyed",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["governor"],
        aim: Aim::Times(0.8),
    },
    Comparison {
        group: "stack3",
        modes: &Mode::ALL,
        ours: "steadfast",
        peers: &["tower-resilience"],
        aim: Aim::Times(0.2),
    },
    Comparison {
        group: "stack3",
        modes: &Mode::ALL,
        ours: "steadfast",
        peers: &["seatbelt"],
        aim: Aim::Times(0.5),
    },
];

/// Group, ours, the peer, and how many times as many calls two threads are to get done through ours.
pub(super) const CONTENTIONS: [(&str, &str, &str, f64); 2] = [
    ("breaker", "steadfast", "recloser", 5.0),
    ("bulkhead", "steadfast", "tower", 2.0),
];

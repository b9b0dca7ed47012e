//! What happens to whom: all of it follows from a seed.

use std::{fmt, str::FromStr};

pub(crate) const WORKERS: usize = 8;
pub(crate) const KEYS: usize = 500;
pub(crate) const CLIENTS: usize = 3;
/// How many sends of a mode meet with a kill, and how many with a pause.
pub(crate) const KILLS: usize = 48;
pub(crate) const PAUSES: usize = 24;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Transactional,
    Block,
    Retake,
}

pub(crate) const MODES: [Mode; 3] = [Mode::Transactional, Mode::Block, Mode::Retake];

/// Where a call can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    BeforeClaim,
    AfterClaim,
    BeforeRenewal,
    AfterRenewal,
    BeforeEffect,
    AfterEffect,
    BeforeCompletion,
    AfterCompletion,
    /// Of a transaction; elsewhere the completion is committed by itself.
    BeforeCommit,
    AfterCommit,
}

/// Where a transaction passes by: it holds a lock of the database and renews nothing.
const IN_TRANSACTION: [Point; 8] = [
    Point::BeforeClaim,
    Point::AfterClaim,
    Point::BeforeEffect,
    Point::AfterEffect,
    Point::BeforeCompletion,
    Point::AfterCompletion,
    Point::BeforeCommit,
    Point::AfterCommit,
];

/// Where a call under a lease passes by.
const UNDER_LEASE: [Point; 8] = [
    Point::BeforeClaim,
    Point::AfterClaim,
    Point::BeforeRenewal,
    Point::AfterRenewal,
    Point::BeforeEffect,
    Point::AfterEffect,
    Point::BeforeCompletion,
    Point::AfterCompletion,
];

impl Mode {
    pub(crate) fn points(self) -> &'static [Point] {
        match self {
            Mode::Transactional => &IN_TRANSACTION,
            Mode::Block | Mode::Retake => &UNDER_LEASE,
        }
    }
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    Kill,
    Pause,
}

/// One client's request with one key.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) key: usize,
    pub(crate) blow: Option<(Point, Blow)>,
}

/// All sends of a mode, in their order: the clients of a key come close after one another, and the blows fall on
/// who comes first, as the others of a key mostly find it claimed.
pub(crate) fn sends(mode: Mode, seed: u64) -> Vec<Send> {
    let mut random = Random(seed ^ mode as u64);
    let mut sends = Vec::new();
    for window in (0..KEYS).collect::<Vec<_>>().chunks(WORKERS) {
        let mut near: Vec<usize> = window.repeat(CLIENTS);
        random.shuffle(&mut near);
        sends.extend(near.into_iter().map(|key| Send { key, blow: None }));
    }
    let mut keys: Vec<usize> = (0..KEYS).collect();
    random.shuffle(&mut keys);
    let blows = [Blow::Kill; KILLS].into_iter().chain([Blow::Pause; PAUSES]);
    for ((at, blow), key) in blows.enumerate().zip(keys) {
        let points = mode.points();
        let first = sends.iter_mut().find(|send| send.key == key);
        let first = first.expect("every key is sent");
        // Kills and pauses both come round to every point.
        first.blow = Some((points[at % points.len()], blow));
    }
    sends
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let with = self.next() % (end as u64 + 1);
            items.swap(end, usize::try_from(with).expect("it is an index"));
        }
    }
}

/// The names are those of the variants, so that what is printed can be read.
macro_rules! named {
    ($type:ident: $($variant:ident),*) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($type::$variant => stringify!($variant)),* })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                match name {
                    $(stringify!($variant) => Ok($type::$variant),)*
                    other => Err(format!("{other} is no {}", stringify!($type))),
                }
            }
        }
    };
}
named!(Mode: Transactional, Block, Retake);
named!(Point: BeforeClaim, AfterClaim, BeforeRenewal, AfterRenewal, BeforeEffect, AfterEffect,
       BeforeCompletion, AfterCompletion, BeforeCommit, AfterCommit);

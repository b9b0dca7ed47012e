//! Arbitrary histories.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use steadfast_core::{Outcome, Rejection, RejectionKind, Verdict};

use crate::setup::MILLI;

/// What a call comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Said(Verdict),
    /// By a policy inside.
    Refused(Rejection),
}

impl End {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            End::Said(verdict) => verdict,
            End::Refused(rejection) => rejection.verdict(),
        }
    }

    pub(crate) fn outcome(self) -> Outcome<(), ()> {
        match self {
            End::Said(verdict) if verdict.is_success() => Outcome::new(Ok(()), verdict),
            End::Said(verdict) => Outcome::new(Err(()), verdict),
            End::Refused(rejection) => Outcome::rejected(rejection),
        }
    }
}

/// Where the clock goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    On(u64),
    /// To where a slot of time begins, so many after the present one, and some nanoseconds on.
    ToSlot(i64, i64),
    /// To where the open, the half-open or the ramp's next step ends, and some nanoseconds on.
    ToMark(i64),
    /// To where the call becomes slow, and some nanoseconds on.
    ToSlow(usize, i64),
    Back(u64),
    /// To so many slots before the next quarter of the numbers that slots have.
    ToQuarter(u64),
}

/// What may happen to a breaker. `call` picks one of the calls under way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// A call comes that takes a while, with a permit or as a future.
    Begin {
        as_future: bool,
    },
    /// So many calls come that end at once.
    Calls {
        count: u32,
        end: End,
    },
    End {
        call: usize,
        end: End,
    },
    Cancel {
        call: usize,
    },
    Move(Move),
    Isolate,
    ForceClosed,
    Reset,
    OpenFor(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) happening: Happening,
    /// What comes out when anything is drawn.
    pub(crate) random: u64,
}

/// Every class, and the refusals of policies inside.
fn end() -> impl Strategy<Value = End> {
    let said = |verdict| Just(End::Said(verdict));
    let hints = prop_oneof![
        Just(0),
        0..10_000 * MILLI,
        Just(60_000 * MILLI),
        Just(u64::MAX - 1)
    ];
    let hinted = (hints, any::<bool>()).prop_map(|(hint, is_overloaded)| {
        let verdict = if is_overloaded {
            Verdict::overloaded()
        } else {
            Verdict::transient()
        };
        End::Said(verdict.with_retry_after(Duration::from_nanos(hint)))
    });
    let kinds = vec![
        RejectionKind::TimedOut {
            after: Duration::from_millis(5),
        },
        RejectionKind::CircuitOpen,
        RejectionKind::BulkheadFull {
            running: 1,
            waiting: 0,
        },
        RejectionKind::RateLimited,
        RejectionKind::Throttled,
        RejectionKind::Other("it is Sunday"),
    ];
    let refused = select(kinds).prop_map(|kind| {
        let rejection = Rejection::new("inner", kind);
        End::Refused(rejection.with_retry_after(Duration::from_secs(1)))
    });
    prop_oneof![
        8 => said(Verdict::success()),
        4 => said(Verdict::transient()),
        1 => said(Verdict::permanent()),
        1 => said(Verdict::overloaded()),
        1 => said(Verdict::caller()),
        1 => hinted,
        2 => refused,
    ]
}

fn a_moment() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-1), Just(0), Just(1)]
}

fn forward() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0..300 * MILLI).prop_map(Move::On),
        1 => (0..20_000 * MILLI).prop_map(Move::On),
        3 => (1..5_i64, a_moment()).prop_map(|(slots, moment)| Move::ToSlot(slots, moment)),
        1 => (5..40_i64, a_moment()).prop_map(|(slots, moment)| Move::ToSlot(slots, moment)),
        4 => a_moment().prop_map(Move::ToMark),
        2 => (any::<usize>(), a_moment()).prop_map(|(call, moment)| Move::ToSlow(call, moment)),
    ]
}

fn backward() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (-20..=0_i64, a_moment()).prop_map(|(slots, moment)| Move::ToSlot(slots, moment)),
        2 => (0..2000 * MILLI).prop_map(Move::Back),
        1 => (0..30_000 * MILLI).prop_map(Move::Back),
    ]
}

fn by_hand() -> impl Strategy<Value = Happening> {
    prop_oneof![
        1 => Just(Happening::Isolate),
        1 => Just(Happening::ForceClosed),
        3 => Just(Happening::Reset),
        1 => (0..3000 * MILLI).prop_map(Happening::OpenFor),
    ]
}

fn happening(burst: u32) -> impl Strategy<Value = Happening> {
    let call = any::<usize>;
    prop_oneof![
        40 => any::<bool>().prop_map(|as_future| Happening::Begin { as_future }),
        30 => (call(), end()).prop_map(|(call, end)| Happening::End { call, end }),
        20 => end().prop_map(|end| Happening::Calls { count: 1, end }),
        8 => (1..=burst, end()).prop_map(|(count, end)| Happening::Calls { count, end }),
        6 => call().prop_map(|call| Happening::Cancel { call }),
        30 => forward().prop_map(Happening::Move),
        4 => backward().prop_map(Happening::Move),
        2 => by_hand(),
    ]
}

/// Where the clock may begin: at its ends and in between.
pub(crate) fn start() -> impl Strategy<Value = u64> {
    let second = 1000 * MILLI;
    prop_oneof![
        4 => Just(1000 * second),
        1 => Just(0),
        1 => Just(u64::MAX - 20 * second),
        1 => any::<u64>(),
    ]
}

pub(crate) fn calls(count: u32, end: End) -> Step {
    let happening = Happening::Calls { count, end };
    Step {
        happening,
        random: 0,
    }
}

pub(crate) fn only(happening: Happening) -> Step {
    Step {
        happening,
        random: 0,
    }
}

/// A history in which up to `burst` calls come at once.
pub(crate) fn steps(burst: u32) -> impl Strategy<Value = Vec<Step>> {
    let random = prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
    let step =
        (happening(burst), random).prop_map(|(happening, random)| Step { happening, random });
    vec(step, 0..250)
}

//! The decision of a call that meets nobody: one word, and how to read it.

use steadfast_core::Instant;

use crate::rule::{CAPACITY, Rule};

/// What the word counts up to, and then begins again.
pub(crate) const SPAN: u64 = 1 << 63;
/// What a word says of which another place has the state.
pub(crate) const CLOSED: u64 = SPAN;

const _: () = assert!(CAPACITY < SPAN);

/// How a word is read: as the arrival time of its rule, in ticks since `mark`.
///
/// The arrival never lies before the mark, however long nobody calls, and never [`SPAN`] ticks after it: a
/// call that comes later than `reach` after the mark does not decide by the word, but moves the mark. So
/// neither a long life nor a long pause is ever taken for another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) rule: Rule,
    /// The word of an arrival at the mark.
    pub(crate) base: u64,
    pub(crate) mark: u64,
    /// How many nanoseconds after the mark the word is good for.
    pub(crate) reach: u64,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The word with it.
    Admitted(u64),
    Limited(Instant),
    /// It is not for the word to say.
    Beyond,
}

/// What the base is moved by with each new frame, so that a word of an earlier one, in the hands of a thread
/// that slept meanwhile, is no word of this one: an odd number near the golden section of 2^63, by which no
/// few steps come near an earlier place.
const STRIDE: u64 = 0x4f1b_bcdc_bfa5_3e0b;

impl Frame {
    pub(crate) fn new(rule: Rule, mark: u64, base: u64) -> Frame {
        Frame {
            rule,
            base,
            mark,
            reach: (SPAN - 1 - rule.capacity()) / rule.ticks,
        }
    }

    /// The frame after this one, from `now` on, and its word of `arrival`. `None` where that is not within its
    /// span.
    pub(crate) fn next(&self, rule: Rule, arrival: u128, now: Instant) -> Option<(Frame, u64)> {
        let mark = rule.step(now);
        let origin = u128::from(mark) * u128::from(rule.ticks);
        let debt = u64::try_from(arrival.saturating_sub(origin)).ok();
        let debt = debt.filter(|debt| *debt < SPAN)?;
        let frame = Frame::new(rule, mark, self.base.wrapping_add(STRIDE) % SPAN);
        Some((frame, frame.word(debt)))
    }

    #[inline]
    fn word(&self, since_mark: u64) -> u64 {
        self.base.wrapping_add(since_mark) % SPAN
    }

    #[inline]
    fn since_mark(&self, word: u64) -> u64 {
        word.wrapping_sub(self.base) % SPAN
    }

    /// The arrival time that `word` says, in ticks of the clock.
    pub(crate) fn arrival(&self, word: u64) -> u128 {
        u128::from(self.mark) * u128::from(self.rule.ticks) + u128::from(self.since_mark(word))
    }

    /// Takes `cost` units at `now`: `Rule::grant` in one word.
    #[inline]
    pub(crate) fn decide(&self, word: u64, now: Instant, cost: u32) -> Decision {
        let rule = &self.rule;
        let since = match rule.step(now).checked_sub(self.mark) {
            Some(since) if since <= self.reach && cost <= rule.burst => since,
            _ => return Decision::Beyond,
        };
        let here = since * rule.ticks;
        let end = self.since_mark(word).max(here) + u64::from(cost) * rule.unit;
        // Below the span, by what `reach` is.
        let room = here + rule.capacity();
        if end <= room {
            return Decision::Admitted(self.word(end));
        }
        Decision::Limited(self.until(end))
    }

    // Kept apart it would be given the frame by way of memory, and so would a call that is admitted.
    #[inline(always)]
    fn until(&self, end: u64) -> Instant {
        let over = end.saturating_sub(self.rule.capacity());
        let nanos = match self.rule.ticks {
            1 => over,
            ticks => over.div_ceil(ticks),
        };
        self.rule.step_up(self.mark.saturating_add(nanos))
    }
}

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
    ///
    /// What comes of parts of two frames does not count, as the word is another by then; but it must not panic.
    /// Within one frame nothing wraps.
    #[inline]
    pub(crate) fn decide(&self, word: u64, now: Instant, cost: u32) -> Decision {
        let rule = &self.rule;
        let since = match rule.step(now).checked_sub(self.mark) {
            Some(since) if since <= self.reach && cost <= rule.burst => since,
            _ => return Decision::Beyond,
        };
        let here = since.wrapping_mul(rule.ticks);
        let taken = u64::from(cost).wrapping_mul(rule.unit);
        let end = self.since_mark(word).max(here).wrapping_add(taken);
        // Below the span, by what `reach` is.
        let room = here.wrapping_add(rule.capacity());
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rule::Shape;

    fn frame(shape: Shape, n: u32, per: u64, burst: Option<u32>, mark: u64, base: u64) -> Frame {
        let per = Duration::from_nanos(per);
        Frame::new(Rule::new(shape, n, per, burst).unwrap(), mark, base)
    }

    /// Part by part of the one or of the other, as a call reads it that a change of rate overtakes.
    fn torn(one: &Frame, other: &Frame, parts: u32) -> Frame {
        let of = |part: u32| if parts >> part & 1 == 0 { one } else { other };
        Frame {
            rule: Rule {
                shape: one.rule.shape,
                per: of(0).rule.per,
                ticks: of(1).rule.ticks,
                unit: of(2).rule.unit,
                burst: of(3).rule.burst,
            },
            base: of(4).base,
            mark: of(5).mark,
            reach: of(6).reach,
        }
    }

    #[test]
    fn parts_of_two_frames_make_no_sense_and_no_panic() {
        const CENTURY: u64 = 36_500 * 86_400 * 1_000_000_000;
        let bucket = |n, per, burst| frame(Shape::Bucket, n, per, Some(burst), CENTURY, SPAN / 3);
        let mut frames = vec![
            bucket(1, 1, u32::MAX),
            bucket(u32::MAX, 1, u32::MAX),
            bucket(1, CENTURY, 1),
            bucket(4_294_967_291, CENTURY, 2),
            frame(Shape::Bucket, 1, 1_000_000_000, Some(1), 0, SPAN - 1),
        ];
        for (n, per) in [(1, 1), (u32::MAX, CENTURY), (1, CENTURY)] {
            frames.push(frame(Shape::Fixed, n, per, None, 7 * n as u64, 5));
        }
        for (one, other) in frames
            .iter()
            .flat_map(|one| frames.iter().map(move |b| (one, b)))
        {
            for parts in 0..1 << 7 {
                let frame = torn(one, other, parts);
                for word in [0, SPAN / 2, SPAN - 1] {
                    for now in [0, 1, CENTURY, CENTURY * 2, u64::MAX].map(Instant::from_nanos) {
                        for cost in [1, 2, u32::MAX] {
                            let _ = frame.decide(word, now, cost);
                            let (rule, arrival) = (&frame.rule, frame.arrival(word));
                            let _ = rule.available(arrival, now);
                            let _ = rule.grant(arrival, now, cost);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_next_frame_says_the_same_as_far_as_a_word_goes() {
        let first = frame(Shape::Bucket, 7, 1_000_000_000, Some(3), 0, 0);
        let now = Instant::from_nanos(5_000);
        let origin = u128::from(first.rule.ticks) * 5_000;
        for debt in [0, 1, SPAN - 1] {
            let arrival = origin + u128::from(debt);
            let (next, word) = first.next(first.rule, arrival, now).unwrap();
            assert_eq!(next.arrival(word), arrival);
            assert_eq!(next.mark, 5_000);
        }
        for debt in [SPAN, SPAN + 1, u64::MAX] {
            let arrival = origin + u128::from(debt);
            assert!(first.next(first.rule, arrival, now).is_none());
        }
        let (next, word) = first.next(first.rule, 5, now).unwrap();
        assert_eq!(next.arrival(word), origin, "a full bucket");
    }

    #[test]
    fn no_word_comes_back_for_as_long_as_a_thread_may_sleep() {
        let mut one = frame(Shape::Bucket, 1, 1, Some(1), 0, 0);
        let mut bases = vec![one.base];
        for _ in 0..10_000 {
            let (next, word) = one.next(one.rule, 0, Instant::from_nanos(0)).unwrap();
            assert_eq!(word, next.base);
            bases.push(next.base);
            one = next;
        }
        bases.sort_unstable();
        let nearest = bases.windows(2).map(|two| two[1] - two[0]).min();
        assert!(nearest.unwrap() > SPAN / 50_000, "{nearest:?}");
    }
}

//! The bulkhead's state as one word: what an admission loads.

/// How many permits are out, how many there may be, and whether somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

const PERMIT_BITS: u32 = 31;
const IN_FLIGHT: u64 = MAX_PERMITS as u64;
const LIMIT: u64 = IN_FLIGHT << PERMIT_BITS;
/// Somebody waits, so nobody passes.
const QUEUED: u64 = 1 << 62;
/// Nobody else may wait.
const FULL: u64 = 1 << 63;

/// The most permits that the word can count.
pub(crate) const MAX_PERMITS: u32 = (1 << PERMIT_BITS) - 1;

impl Word {
    pub(crate) fn new(limit: u32) -> Word {
        Word(0).with_limit(limit)
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Word {
        Word(bits)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) fn in_flight(self) -> u32 {
        (self.0 & IN_FLIGHT) as u32
    }

    #[inline]
    pub(crate) fn limit(self) -> u32 {
        ((self.0 & LIMIT) >> PERMIT_BITS) as u32
    }

    #[inline]
    pub(crate) fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    #[inline]
    pub(crate) fn is_full(self) -> bool {
        self.0 & FULL != 0
    }

    /// How many more permits there are; none where the limit went below what is in flight.
    pub(crate) fn free(self) -> u32 {
        self.limit().saturating_sub(self.in_flight())
    }

    /// Whether a call of that cost may pass: nobody waits, and there is room.
    #[inline]
    pub(crate) fn fits(self, cost: u32) -> bool {
        !self.is_queued() && u64::from(self.in_flight()) + u64::from(cost) <= self.limit().into()
    }

    /// With so many more permits out, of which there is room for.
    #[inline]
    pub(crate) fn with_taken(self, cost: u32) -> Word {
        Word(self.0 + u64::from(cost))
    }

    pub(crate) fn with_limit(self, limit: u32) -> Word {
        Word(self.0 & !LIMIT | u64::from(limit.min(MAX_PERMITS)) << PERMIT_BITS)
    }

    /// With what there is to say of the queue.
    pub(crate) fn with_queue(self, is_queued: bool, is_full: bool) -> Word {
        let queued = if is_queued { QUEUED } else { 0 };
        let full = if is_full { FULL } else { 0 };
        Word(self.0 & !(QUEUED | FULL) | queued | full)
    }

    /// What has to be added to this word, wrapping, to make it the other one, also after permits have come
    /// back to it.
    pub(crate) fn difference_to(self, next: Word) -> u64 {
        next.0.wrapping_sub(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_word_has_its_place() {
        let word = Word::new(7).with_taken(3).with_queue(true, false);
        assert_eq!((word.in_flight(), word.limit(), word.free()), (3, 7, 4));
        assert!(word.is_queued() && !word.is_full());
        let word = word.with_limit(2).with_queue(false, true);
        assert_eq!((word.in_flight(), word.limit(), word.free()), (3, 2, 0));
        assert!(!word.is_queued() && word.is_full());
    }

    #[test]
    fn the_largest_numbers_stay_in_their_places() {
        let word = Word::new(MAX_PERMITS).with_taken(MAX_PERMITS);
        assert_eq!((word.in_flight(), word.limit()), (MAX_PERMITS, MAX_PERMITS));
        assert!(!word.is_queued() && !word.is_full() && !word.fits(1));
        assert!(!Word::new(MAX_PERMITS).with_taken(1).fits(u32::MAX));
        assert!(Word::new(MAX_PERMITS).fits(MAX_PERMITS));
    }

    #[test]
    fn nobody_passes_while_somebody_waits() {
        assert!(Word::new(2).with_taken(1).fits(1));
        assert!(!Word::new(2).with_taken(1).with_queue(true, false).fits(1));
        assert!(!Word::new(2).with_taken(1).fits(2));
    }

    #[test]
    fn a_difference_is_right_after_permits_came_back() {
        let word = Word::new(9).with_taken(5).with_queue(true, true);
        let next = word.with_limit(4).with_taken(2).with_queue(false, false);
        let back = Word::from_bits(word.bits() - 3);
        let sum = Word::from_bits(back.bits().wrapping_add(word.difference_to(next)));
        assert_eq!((sum.in_flight(), sum.limit()), (4, 4));
        assert!(!sum.is_queued() && !sum.is_full());
    }
}

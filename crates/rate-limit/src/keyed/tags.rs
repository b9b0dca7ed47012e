//! A byte of each slot's hash, eight of which are compared at a time.
//!
//! A probe that looks at one slot after another ends where nobody can foresee it, and a branch that the processor
//! guessed wrong costs more than all the rest of a look-up.

/// How many slots are seen at a time. A table has as many, or more.
pub(super) const GROUP: usize = 8;

const EMPTY: u8 = 0;
/// What every tag has and an empty slot has not.
const TAKEN: u8 = 0x80;
const ONES: u64 = u64::from_ne_bytes([1; GROUP]);
const TOPS: u64 = u64::from_ne_bytes([TAKEN; GROUP]);

/// What is seen of a hash: none of the bits by which it comes to its shard and its home.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u8);

impl Tag {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "seven bits are asked for")]
    pub(super) fn of(hash: u64) -> Tag {
        Tag((hash >> 32) as u8 | TAKEN)
    }
}

/// The tags of all slots, and the first ones once more at the end, so that a group that begins at the last
/// slots goes on with the first.
pub(super) struct Tags(Vec<u8>);

impl Tags {
    /// Of so many empty slots; of none there is one group, which is empty too.
    pub(super) fn new(slots: usize) -> Self {
        Tags(vec![EMPTY; slots.max(1) + GROUP - 1])
    }

    /// Of the slots from that one on.
    #[inline]
    pub(super) fn group(&self, at: usize) -> Group {
        let bytes = self.0[at..].first_chunk();
        Group(u64::from_le_bytes(
            *bytes.expect("it goes on with the first"),
        ))
    }

    pub(super) fn get(&self, at: usize) -> Option<Tag> {
        let tag = self.0[at];
        (tag != EMPTY).then_some(Tag(tag))
    }

    pub(super) fn set(&mut self, at: usize, tag: Option<Tag>) {
        let tag = tag.map_or(EMPTY, |tag| tag.0);
        self.0[at] = tag;
        let slots = self.0.len() + 1 - GROUP;
        if let Some(again) = self.0.get_mut(slots + at) {
            *again = tag;
        }
    }
}

/// The tags of the slots from one on.
#[derive(Clone, Copy)]
pub(super) struct Group(u64);

impl Group {
    /// Which of the slots may have that tag: all that have it, and seldom one that has another.
    #[inline]
    pub(super) fn with(self, tag: Tag) -> impl Iterator<Item = usize> {
        let others = self.0 ^ (ONES * u64::from(tag.0));
        // Above a byte that is zero a borrow may make a one look like a zero too.
        let mut left = others.wrapping_sub(ONES) & !others & TOPS;
        std::iter::from_fn(move || {
            let next = (left != 0).then_some(left.trailing_zeros() as usize / GROUP)?;
            left &= left - 1;
            Some(next)
        })
    }

    #[inline]
    pub(super) fn has_empty(self) -> bool {
        self.0 & TOPS != TOPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(byte: u8) -> Tag {
        Tag::of(u64::from(byte) << 32)
    }

    #[test]
    fn a_group_at_the_end_goes_on_with_the_first_slots() {
        let mut tags = Tags::new(10);
        tags.set(9, Some(tag(1)));
        tags.set(0, Some(tag(2)));
        tags.set(6, Some(tag(3)));
        let group = tags.group(9);
        assert_eq!(group.with(tag(1)).collect::<Vec<_>>(), [0]);
        assert_eq!(group.with(tag(2)).collect::<Vec<_>>(), [1]);
        assert_eq!(group.with(tag(3)).collect::<Vec<_>>(), [7]);
        assert!(group.has_empty());
        tags.set(0, None);
        assert_eq!(tags.group(9).with(tag(2)).count(), 0);
    }

    #[test]
    fn each_slot_of_that_tag_is_found_and_a_full_group_has_no_empty_one() {
        let mut tags = Tags::new(8);
        for at in 0..8 {
            assert!(tags.group(0).has_empty());
            let parity = u8::try_from(at % 2).unwrap();
            tags.set(at, Some(tag(parity)));
        }
        assert!(!tags.group(0).has_empty());
        for parity in 0..2 {
            let found: Vec<_> = tags.group(0).with(tag(parity)).collect();
            let due = (0..8).filter(|at| at % 2 == usize::from(parity));
            assert!(due.clone().all(|at| found.contains(&at)), "{found:?}");
        }
    }
}

//! Counts per slot of time, each in a word of its own.

use std::{array, time::Duration};

use steadfast_core::{Instant, saturating_nanos};

use crate::sync::{Acquire, AtomicU64, OwnLine, Relaxed, Release, SeqCst};

/// The most slots that a window is divided into: as many as fit a line.
pub(crate) const MAX_SLOTS: u32 = 16;

/// How time is cut into slots. Their numbers never go back: a clock that was turned back by more than a
/// window goes on in slots of its own.
#[derive(Debug)]
pub(crate) struct Slots {
    width: u64,
    len: u32,
    line: OwnLine<Line>,
}

#[derive(Debug)]
struct Line {
    /// What is added to the slots since the clock's beginning for the number of one.
    shift: AtomicU64,
    /// The number of the latest slot that anything was counted in.
    newest: AtomicU64,
}

impl Slots {
    pub(crate) fn new(length: Duration, len: u32) -> Self {
        Slots {
            width: (saturating_nanos(length) / u64::from(len)).max(1),
            len,
            line: OwnLine(Line {
                shift: AtomicU64::new(0),
                newest: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The slot that `now` is in; `None` when it is older than the window, as the clock was turned back.
    #[inline]
    pub(crate) fn look_at(&self, now: Instant) -> Option<u32> {
        // Acquire: pairs with `move_to`, so that who counts under new numbers sees what was before it.
        let shift = self.line.0.shift.load(Acquire);
        let number = self.number_at(now, shift);
        let newest = self.newest();
        let has_place = is_after(number, newest) || self.age(number, newest).is_some();
        has_place.then_some(number)
    }

    /// The same for a call that is counted there: the window moves on to it.
    #[inline]
    pub(crate) fn place_at(&self, now: Instant) -> Option<u32> {
        let number = self.look_at(now)?;
        self.advance(number);
        Some(number)
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers of slots come round, and are compared so"
    )]
    fn number_at(&self, now: Instant, shift: u64) -> u32 {
        ((now.as_nanos() / self.width) as u32).wrapping_add(shift as u32)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was widened below")]
    pub(crate) fn newest(&self) -> u32 {
        // Relaxed: it only moves on, and a moment late is as good.
        self.line.0.newest.load(Relaxed) as u32
    }

    /// The newest slot once a call has come at `now`, to look at the window without one; `None` when that
    /// would begin a new one.
    pub(crate) fn newest_at(&self, now: Instant) -> Option<u32> {
        let number = self.look_at(now)?;
        let newest = self.newest();
        Some(if is_after(number, newest) {
            number
        } else {
            newest
        })
    }

    /// Moves the window on, so that it ends with the slot `number` or a later one.
    #[inline]
    pub(crate) fn advance(&self, number: u32) {
        if is_after(number, self.newest()) {
            self.move_on(number);
        }
    }

    #[cold]
    fn move_on(&self, number: u32) {
        let _ = self.line.0.newest.fetch_update(Relaxed, Relaxed, |newest| {
            #[expect(clippy::cast_possible_truncation, reason = "it was widened here")]
            is_after(number, newest as u32).then_some(u64::from(number))
        });
    }

    /// Moves the numbers on by more than a window: what was counted before has left it then, also when
    /// the clock is turned back next, and what comes late under an old number is never seen.
    pub(crate) fn skip_a_window(&self) {
        let jump = self.len + 1;
        let shift = self.line.0.shift.load(Relaxed);
        self.move_to(shift, shift.wrapping_add(jump.into()));
        self.advance(self.newest().wrapping_add(jump));
    }

    /// Lets the present come after all slots there are, where the clock was turned back; its slot.
    #[cold]
    pub(crate) fn turn_back_to(&self, now: Instant) -> u32 {
        let shift = self.line.0.shift.load(Relaxed);
        if let Some(place) = self.place_at(now) {
            return place; // Somebody else did it.
        }
        let next = self.newest().wrapping_add(self.len + 1);
        let ahead = next.wrapping_sub(self.number_at(now, 0));
        self.move_to(shift, ahead.into());
        self.place_at(now).unwrap_or_else(|| self.newest())
    }

    fn move_to(&self, seen: u64, shift: u64) {
        // Release: pairs with `place_at`. Where another one moved them meanwhile, that is as good.
        let _ = self
            .line
            .0
            .shift
            .compare_exchange(seen, shift, Release, Relaxed);
    }

    /// Whether `found` is a later slot than `number`, and not the leftover of an earlier round of numbers.
    fn is_in_use(&self, found: u32, number: u32) -> bool {
        is_after(found, number) && !is_after(found, self.newest())
    }

    /// How many cells they need: a power of two, so that numbers come round where cells do.
    #[inline]
    fn cells(&self) -> u32 {
        self.len.next_power_of_two()
    }

    /// How many slots before `newest` the slot `number` lies, if it is in the window that ends there.
    pub(crate) fn age(&self, number: u32, newest: u32) -> Option<u32> {
        let age = newest.wrapping_sub(number);
        (age < self.len).then_some(age)
    }
}

/// Whether slot number `a` comes after `b`, where numbers come round: at most half a round after.
#[inline]
pub(crate) fn is_after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

/// The content of one cell: the number of its slot, and what was counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) slot: u32,
    pub(crate) count: u32,
}

impl Cell {
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "two halves of one word, put together below"
    )]
    fn unpack(word: u64) -> Cell {
        Cell {
            slot: (word >> 32) as u32,
            count: word as u32,
        }
    }

    #[inline]
    fn pack(self) -> u64 {
        u64::from(self.slot) << 32 | u64::from(self.count)
    }
}

/// One count per slot.
#[derive(Debug)]
pub(crate) struct Stripe(OwnLine<[AtomicU64; MAX_SLOTS as usize]>);

impl Stripe {
    pub(crate) fn new() -> Self {
        Stripe(OwnLine(array::from_fn(|_| AtomicU64::new(0))))
    }

    /// Counts `count` more in the slot `number`; whether they are the first there.
    ///
    /// What belongs to a slot that has left the window is not counted.
    #[inline]
    pub(crate) fn add(&self, slots: &Slots, number: u32, count: u32) -> bool {
        let cell = &self.0.0[(number & (slots.cells() - 1)) as usize];
        // Relaxed: a first guess. SeqCst below: see `TimeWindow::record`.
        let mut seen = cell.load(Relaxed);
        loop {
            let found = Cell::unpack(seen);
            let is_first = found.slot != number;
            if is_first && found.count > 0 && slots.is_in_use(found.slot, number) {
                return false;
            }
            let before = if is_first { 0 } else { found.count };
            let next = Cell {
                slot: number,
                count: before.saturating_add(count),
            };
            match cell.compare_exchange_weak(seen, next.pack(), SeqCst, Relaxed) {
                Ok(_) => return is_first,
                Err(newer) => seen = newer,
            }
        }
    }

    /// What is in its cells, in no order.
    #[inline]
    pub(crate) fn cells(&self, slots: &Slots) -> impl Iterator<Item = Cell> + '_ {
        let cells = slots.cells() as usize;
        self.0.0[..cells]
            .iter()
            .map(|cell| Cell::unpack(cell.load(SeqCst)))
            .filter(|cell| cell.count > 0)
    }

    /// What was counted in the window that ends with the slot `newest`.
    #[inline]
    pub(crate) fn sum(&self, slots: &Slots, newest: u32) -> u64 {
        self.cells(slots)
            .filter(|cell| slots.age(cell.slot, newest).is_some())
            .map(|cell| u64::from(cell.count))
            .sum()
    }
}

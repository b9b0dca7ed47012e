//! Counts per slot of time, each in a word of its own.

use std::{array, sync::atomic};

use steadfast_core::Instant;

use crate::sync::{AtomicU64, OwnLine, Relaxed, SeqCst};

/// The most slots that a window is divided into: as many as fit a line.
pub(crate) const MAX_SLOTS: u32 = 16;

/// How time is cut into slots.
#[derive(Debug)]
pub(crate) struct Slots {
    width: u64,
    len: u32,
}

impl Slots {
    pub(crate) fn new(length: u64, len: u32) -> Self {
        Slots {
            width: (length / u64::from(len)).max(1),
            len,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The number of the slot that `now` is in, `shift` nanoseconds on.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "numbers of slots come round, and are compared so"
    )]
    pub(crate) fn number(&self, now: Instant, shift: u64) -> u32 {
        (now.as_nanos().wrapping_add(shift) / self.width) as u32
    }

    /// Whether the slot `number` has left the window that ends with `newest`.
    #[inline]
    pub(crate) fn has_left(&self, number: u32, newest: u32) -> bool {
        number != newest && !is_after(number, newest) && self.age(number, newest).is_none()
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

/// One count per slot, on a line of its own.
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
        let cell = &self.0.0[(number % slots.len) as usize];
        // Relaxed: a first guess. SeqCst below: see `TimeWindow::record`.
        let mut seen = cell.load(Relaxed);
        loop {
            let found = Cell::unpack(seen);
            let is_first = found.slot != number;
            if is_first && found.count > 0 && is_after(found.slot, number) {
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
        let len = slots.len as usize;
        self.0.0[..len]
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

/// Stripes of one count, so that threads do not fight over a line.
#[derive(Debug)]
pub(crate) struct Striped(Box<[Stripe]>);

impl Striped {
    pub(crate) fn new() -> Self {
        Striped((0..stripes()).map(|_| Stripe::new()).collect())
    }

    /// The stripe of this thread.
    #[inline]
    pub(crate) fn mine(&self) -> &Stripe {
        // The number of stripes is a power of two.
        &self.0[thread_number() & (self.0.len() - 1)]
    }

    pub(crate) fn all(&self) -> &[Stripe] {
        &self.0
    }
}

/// A power of two that is not much above the number of threads that run at once.
fn stripes() -> usize {
    if cfg!(steadfast_loom) {
        return 1;
    }
    let threads = std::thread::available_parallelism().map_or(4, usize::from);
    threads.next_power_of_two().min(8)
}

/// A small number for each thread, in the order in which they come here.
#[inline]
fn thread_number() -> usize {
    #[expect(
        clippy::disallowed_types,
        reason = "only hands out numbers, no model depends on it"
    )]
    static NEXT: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
    thread_local! {
        // Relaxed: any number will do.
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

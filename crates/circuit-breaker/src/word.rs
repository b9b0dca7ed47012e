//! The state as one word: what an admission loads.

/// The breaker's state, as it is published: a kind, whether observers have to be told of it by the next
/// call, which window is in use, and a generation that no other state of this breaker has.
///
/// Ramping and the closed state that follows it share a generation: they are one closed period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Closed = 0,
    Open = 1,
    HalfOpen = 2,
    Ramping = 3,
    Isolated = 4,
    ForcedClosed = 5,
    /// Of a permit that is not watched: nothing is recorded.
    Unwatched = 6,
}

const KIND_BITS: u32 = 3;
const KIND: u64 = (1 << KIND_BITS) - 1;
const UNTOLD: u64 = 1 << KIND_BITS;
/// What all words of one period have in common lies above these.
const PERIOD_SHIFT: u32 = KIND_BITS + 1;
const WINDOW_BITS: u32 = 2;
const GENERATION_SHIFT: u32 = PERIOD_SHIFT + WINDOW_BITS;
/// Only of the word that a call brings back: it was not ready at its first poll.
const WAITED: u64 = 1 << 63;
/// How many windows of one call a bit take turns.
pub(crate) const WINDOWS: usize = 1 << WINDOW_BITS;

impl Word {
    pub(crate) const FIRST: Word = Word(Kind::Closed as u64);
    pub(crate) const UNWATCHED: Word = Word(Kind::Unwatched as u64);

    pub(crate) fn from_bits(bits: u64) -> Word {
        Word(bits)
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// Whether it is closed, and there is nothing that a call has to do for it.
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & (KIND | UNTOLD) == Kind::Closed as u64
    }

    /// Whether the next call has to tell observers of it.
    pub(crate) fn is_untold(self) -> bool {
        self.0 & UNTOLD != 0
    }

    pub(crate) fn untold(self) -> Word {
        Word(self.0 | UNTOLD)
    }

    pub(crate) fn told(self) -> Word {
        Word(self.0 & !UNTOLD)
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match self.0 & KIND {
            0 => Kind::Closed,
            1 => Kind::Open,
            2 => Kind::HalfOpen,
            3 => Kind::Ramping,
            4 => Kind::Isolated,
            5 => Kind::ForcedClosed,
            _ => Kind::Unwatched,
        }
    }

    /// As it is kept by a call that has had to wait.
    pub(crate) fn waited(self) -> Word {
        Word(self.0 | WAITED)
    }

    #[inline]
    pub(crate) fn has_waited(self) -> bool {
        self.0 & WAITED != 0
    }

    /// As it was when the call was let through.
    #[inline]
    pub(crate) fn admitted(self) -> Word {
        Word(self.0 & !WAITED)
    }

    /// Which of the windows that take turns belongs to this period.
    #[inline]
    pub(crate) fn window(self) -> usize {
        (self.0 >> PERIOD_SHIFT) as usize & (WINDOWS - 1)
    }

    #[inline]
    pub(crate) fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }

    /// Whether what was admitted under this word still counts under `now`.
    #[inline]
    pub(crate) fn is_of_period(self, now: Word) -> bool {
        self.0 >> PERIOD_SHIFT == now.0 >> PERIOD_SHIFT
    }

    /// The next state.
    pub(crate) fn next(self, kind: Kind) -> Word {
        let generation = (self.generation() + 1) << GENERATION_SHIFT;
        Word(generation | (self.window() as u64) << PERIOD_SHIFT | kind as u64)
    }

    /// The next state, which begins a closed period and so takes the next window.
    pub(crate) fn next_period(self, kind: Kind) -> Word {
        let window = (self.window() as u64 + 1) & (WINDOWS as u64 - 1);
        let next = self.next(kind).0;
        Word(next & !((WINDOWS as u64 - 1) << PERIOD_SHIFT) | window << PERIOD_SHIFT)
    }

    /// The same period under another kind.
    pub(crate) fn same_period(self, kind: Kind) -> Word {
        Word(self.0 >> PERIOD_SHIFT << PERIOD_SHIFT | kind as u64)
    }
}

//! The latest transitions, in order, for whoever wants to follow them.

use std::{collections::VecDeque, mem, task::Waker};

use steadfast_core::Wakers;

use crate::snapshot::{Cause, State, Transition};

/// How many transitions are kept for readers that have not come yet.
pub(crate) const KEPT: usize = 64;

/// Lives under the breaker's lock; it keeps wakers but calls none.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Transition>,
    /// The sequence number of the next transition.
    next: u64,
    /// The sequence number of the next one for the observers.
    next_emitted: u64,
    is_emitting: bool,
    next_reader: u64,
    waiting: Vec<(u64, Waker)>,
    /// Nobody holds the breaker any more.
    has_ended: bool,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log {
            entries: VecDeque::new(),
            next: 1,
            next_emitted: 1,
            is_emitting: false,
            next_reader: 0,
            waiting: Vec::new(),
            has_ended: false,
        }
    }

    /// The sequence number of the next transition.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next
    }

    pub(crate) fn push(&mut self, from: State, to: State, cause: Cause) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Transition {
            sequence: self.next,
            from,
            to,
            cause,
        });
        self.next += 1;
    }

    /// The first transition from number `sequence` on that is still there.
    fn first_from(&self, sequence: u64) -> Option<Transition> {
        let first = self.entries.front()?.sequence;
        let index = usize::try_from(sequence.saturating_sub(first)).ok()?;
        self.entries.get(index).copied()
    }

    /// Whether observers have to be told of a transition, and nobody is about it.
    pub(crate) fn is_untold(&self) -> bool {
        self.next_emitted < self.next && !self.is_emitting
    }

    /// The next transition for the observers, where nobody is telling them of one already. Who gets it
    /// says `emitted` when they know.
    pub(crate) fn begin_emitting(&mut self) -> Option<Transition> {
        if !self.is_untold() {
            return None;
        }
        let transition = self.first_from(self.next_emitted)?;
        self.next_emitted = transition.sequence + 1;
        self.is_emitting = true;
        Some(transition)
    }

    pub(crate) fn emitted(&mut self) {
        self.is_emitting = false;
    }

    /// A new reader, who has seen everything so far: its number and the next transition's.
    pub(crate) fn new_reader(&mut self) -> (u64, u64) {
        self.next_reader += 1;
        (self.next_reader, self.next)
    }

    /// The next transition for a reader.
    pub(crate) fn read(&self, next: &mut u64) -> Option<Transition> {
        let transition = self.first_from(*next)?;
        *next = transition.sequence + 1;
        Some(transition)
    }

    /// Has `waker` woken for this reader; what was there for it is returned, to be dropped outside of
    /// the lock.
    pub(crate) fn wait(&mut self, reader: u64, waker: Waker) -> Option<Waker> {
        match self.waiting.iter_mut().find(|(id, _)| *id == reader) {
            Some((_, old)) => Some(mem::replace(old, waker)),
            None => {
                self.waiting.push((reader, waker));
                None
            }
        }
    }

    pub(crate) fn forget(&mut self, reader: u64) -> Option<Waker> {
        let index = self.waiting.iter().position(|(id, _)| *id == reader)?;
        Some(self.waiting.swap_remove(index).1)
    }

    /// There will be no further transition: who waits is to be woken outside of the lock.
    pub(crate) fn end(&mut self) -> Wakers {
        self.has_ended = true;
        self.take_waiting()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Who waits, to be woken outside of the lock.
    pub(crate) fn take_waiting(&mut self) -> Wakers {
        let mut wakers = Wakers::default();
        wakers.extend(self.waiting.drain(..).map(|(_, waker)| waker));
        wakers
    }
}

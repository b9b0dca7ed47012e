//! Wakers on their way out of a lock.

use std::{collections::VecDeque, task::Waker};

/// Wakers that a policy has collected under its lock, to be woken once that is free and all else is done. No
/// allocation for a single one, as most often.
///
/// Dropped, it wakes them too: when one of them panics, the others are woken all the same.
#[derive(Debug, Default)]
#[must_use = "they wait until they are woken"]
pub struct Wakers {
    first: Option<Waker>,
    more: VecDeque<Waker>,
}

impl Wakers {
    /// One more.
    pub fn add(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push_back(waker);
        }
    }

    /// Wakes them all.
    pub fn wake(self) {
        drop(self);
    }

    fn wake_all(&mut self) {
        while let Some(waker) = self.first.take().or_else(|| self.more.pop_front()) {
            waker.wake();
        }
    }
}

impl Extend<Waker> for Wakers {
    fn extend<I: IntoIterator<Item = Waker>>(&mut self, wakers: I) {
        wakers.into_iter().for_each(|waker| self.add(waker));
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        /// Goes on where a waker panicked.
        struct Rest<'a>(&'a mut Wakers);

        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.0.wake_all();
            }
        }

        Rest(self).0.wake_all();
    }
}

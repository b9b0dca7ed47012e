//! Those whose turn has come, on their way out of the lock.

use std::{collections::VecDeque, task::Waker};

/// Wakers to be woken, once the lock is free. No allocation for a single one, as most often.
///
/// Dropped, it wakes them too: when one of them panics, the others are woken all the same.
#[derive(Debug, Default)]
#[must_use = "they wait until they are woken"]
pub(crate) struct Wakers {
    first: Option<Waker>,
    more: VecDeque<Waker>,
}

impl Wakers {
    pub(crate) fn add(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push_back(waker);
        }
    }

    pub(crate) fn wake(self) {
        drop(self);
    }

    fn wake_all(&mut self) {
        while let Some(waker) = self.first.take().or_else(|| self.more.pop_front()) {
            waker.wake();
        }
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

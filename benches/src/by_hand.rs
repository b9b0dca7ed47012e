//! Polls a call to its end without an executor.
#![expect(
    clippy::disallowed_types,
    reason = "a flag between a waker and its own thread, no state of a policy"
)]

use std::{
    hint,
    pin::pin,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    task::{Context, Poll, Wake, Waker},
};

/// Whoever polls calls on one thread, one after the other.
///
/// A call that waits for another thread is polled again as soon as it is woken up, and this thread spins until then: the
/// least that waiting can cost. To poll again and again would get in the way of whoever is waited for.
pub(crate) struct Hand {
    woken: Arc<Woken>,
    waker: Waker,
}

impl Hand {
    pub(crate) fn new() -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        Self {
            waker: Waker::from(Arc::clone(&woken)),
            woken,
        }
    }

    /// Polls `call` until it is over.
    #[inline]
    pub(crate) fn finish<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        let mut cx = Context::from_waker(&self.waker);
        loop {
            if let Poll::Ready(output) = call.as_mut().poll(&mut cx) {
                return output;
            }
            self.woken.wait();
        }
    }
}

struct Woken(AtomicBool);

impl Woken {
    // Most calls never come here, and are to be compiled as if nobody did.
    #[cold]
    #[inline(never)]
    fn wait(&self) {
        // Acquire: what was done before the wake-up is seen by the poll that follows.
        while !self.0.swap(false, Acquire) {
            hint::spin_loop();
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the swap in `wait`.
        self.0.store(true, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Hand;
    use crate::{
        operation::{ANSWER, Op, Request},
        subject::Answer,
    };

    #[test]
    fn a_call_is_polled_again_when_it_is_woken() {
        let hand = Hand::new();
        assert!(hand.finish(Op::new(Request::Ready)).is_right());
        assert_eq!(hand.finish(Op::new(Request::PendingOnce)), Ok(ANSWER));
        assert!(hand.finish(Op::new(Request::Refuse)).is_refusal());
    }
}

//! Where callers wait for a policy that another caller is making.

use crate::sync::{Mutex, MutexGuard, ThreadId, lock, thread};

/// Closed by the thread that makes the policy, for as long as it does.
pub(super) struct Gate {
    maker: ThreadId,
    closed: Mutex<()>,
}

impl Gate {
    pub(super) fn of_this_thread() -> Gate {
        Gate {
            maker: thread::current().id(),
            closed: Mutex::new(()),
        }
    }

    pub(super) fn close(&self) -> MutexGuard<'_, ()> {
        lock(&self.closed)
    }

    /// Waits until the policy is made, or is not going to be.
    pub(super) fn wait(&self) {
        assert!(
            self.maker != thread::current().id(),
            "the policy of a key was asked for while this thread was making it"
        );
        drop(lock(&self.closed));
    }
}

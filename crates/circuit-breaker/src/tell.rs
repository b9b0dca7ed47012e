//! How transitions reach observers and readers: never under the lock.

use std::task::{Context, Poll};

use steadfast_core::{Event, Runtime};

use crate::{breaker::Cell, snapshot::Transition};

impl Cell {
    /// Tells observers of the transitions they have not heard of, in order: one call at a time does it,
    /// and takes those of others along.
    pub(crate) fn deliver<R: Runtime>(&self, runtime: &R) {
        loop {
            let Some(transition) = self.control.lock().log.begin_emitting() else {
                return;
            };
            let _emitting = Emitting { cell: self };
            runtime.emit(&Event::transition(
                self.settings.name,
                transition.from.name(),
                transition.to.name(),
                transition.cause.name(),
            ));
        }
    }

    pub(crate) fn new_reader(&self) -> (u64, u64) {
        self.control.lock().log.new_reader()
    }

    pub(crate) fn read(&self, next: &mut u64) -> Option<Transition> {
        self.control.lock().log.read(next)
    }

    pub(crate) fn poll_read(
        &self,
        reader: u64,
        next: &mut u64,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Transition>> {
        let waker = cx.waker().clone();
        let mut control = self.control.lock();
        let read = control.log.read(next);
        let is_ready = read.is_some() || control.log.has_ended();
        let unused = if is_ready {
            Some(waker)
        } else {
            control.log.wait(reader, waker)
        };
        drop(control);
        drop(unused);
        if is_ready {
            Poll::Ready(read)
        } else {
            Poll::Pending
        }
    }

    /// Nobody holds the breaker any more: readers are told, once they have read what there is.
    pub(crate) fn end(&self) {
        let readers = self.control.lock().log.end();
        readers.wake();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.control.lock().log.has_ended()
    }

    pub(crate) fn forget(&self, reader: u64) {
        let waker = self.control.lock().log.forget(reader);
        drop(waker);
    }
}

/// While it lives nobody else tells observers of transitions.
struct Emitting<'a> {
    cell: &'a Cell,
}

impl Drop for Emitting<'_> {
    fn drop(&mut self) {
        self.cell.control.lock().log.emitted();
    }
}

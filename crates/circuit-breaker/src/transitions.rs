//! Following the transitions of a breaker.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{breaker::Cell, snapshot::Transition};

/// The transitions of one breaker, in order, from [`subscribe`](crate::CircuitBreaker::subscribe) on.
///
/// The breaker keeps the last 64. A reader that falls further behind goes on with the oldest there is,
/// and a gap in [`Transition::sequence`] says how many it has missed. Nothing of the reader's runs under
/// the breaker's lock, and no reader holds up another or a call. It ends when nobody holds the breaker any
/// more: following one does not keep it.
///
/// ```
/// use steadfast_circuit_breaker::{CircuitBreaker, State};
///
/// let breaker = CircuitBreaker::consecutive_failures(5).build()?;
/// let mut transitions = breaker.subscribe();
/// breaker.isolate();
///
/// let isolated = transitions.try_recv().unwrap();
/// assert_eq!((isolated.from, isolated.to), (State::Closed, State::Isolated));
/// assert_eq!(transitions.try_recv(), None);
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
pub struct Transitions {
    cell: Arc<Cell>,
    reader: u64,
    next: u64,
}

impl Transitions {
    pub(crate) fn new(cell: Arc<Cell>) -> Self {
        let (reader, next) = cell.new_reader();
        Transitions { cell, reader, next }
    }

    /// The next transition, if there has been one that was not read yet.
    pub fn try_recv(&mut self) -> Option<Transition> {
        self.cell.read(&mut self.next)
    }

    /// The next transition, once there is one; `None` when there will be none, as nobody holds the breaker
    /// any more.
    ///
    /// # Cancel safety
    ///
    /// A transition is taken only when the future is ready, so dropping it loses none.
    pub fn recv(&mut self) -> Recv<'_> {
        Recv {
            transitions: self,
            waits: false,
        }
    }

    /// As [`recv`](Transitions::recv); if there is no transition yet, `cx` is woken for it. For a stream of
    /// your own.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Transition>> {
        self.cell.poll_read(self.reader, &mut self.next, cx)
    }

    /// Whether nobody holds the breaker any more. What was not read yet can still be.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.cell.has_ended()
    }
}

impl Drop for Transitions {
    fn drop(&mut self) {
        self.cell.forget(self.reader);
    }
}

impl fmt::Debug for Transitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transitions")
            .field("breaker", &self.cell.settings.name)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// The future of [`Transitions::recv`].
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a> {
    transitions: &'a mut Transitions,
    waits: bool,
}

impl Future for Recv<'_> {
    type Output = Option<Transition>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Transition>> {
        let polled = self.transitions.poll_recv(cx);
        self.waits = polled.is_pending();
        polled
    }
}

impl Drop for Recv<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.transitions.cell.forget(self.transitions.reader);
        }
    }
}

impl fmt::Debug for Recv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("transitions", &self.transitions)
            .finish()
    }
}

//! A call that waits for its turn.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Instant, Operation, Rejection, Runtime, Timer};

use crate::{
    book::{Entered, Place, Turn},
    cell::Cell,
    limited::Limited,
};

pin_project! {
    /// An operation on its way through the queue. It enters at the first poll.
    pub(crate) struct Wait<'p, O: Operation> {
        cell: &'p Cell,
        operation: Option<O>,
        attempt: Attempt<O::Runtime>,
        ticket: Option<Ticket<'p, O::Runtime>>,
        // Of which turn the timer is.
        armed: Instant,
        // A turn that is later is none.
        latest: Instant,
        #[pin]
        timer: Timer<<O::Runtime as Runtime>::Sleep>,
    }
}

impl<'p, O: Operation> Wait<'p, O> {
    #[inline]
    pub(crate) fn new(cell: &'p Cell, operation: O, attempt: Attempt<O::Runtime>) -> Self {
        Wait {
            cell,
            operation: Some(operation),
            attempt,
            ticket: None,
            armed: Instant::MAX,
            latest: Instant::MAX,
            timer: Timer::never(),
        }
    }

    /// Ready when its turn has come, or when it is refused.
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Limited>> {
        if self.ticket.is_none() {
            if let Some(at_once) = self.as_mut().enter(cx) {
                return Poll::Ready(at_once);
            }
        }
        loop {
            let me = self.as_mut().project();
            let ticket = me.ticket.as_mut().expect("it has entered the queue");
            let is_over = me.timer.poll(me.attempt.runtime(), cx).is_ready();
            let turn = if is_over {
                ticket.come_at(*me.armed)
            } else {
                ticket.look(cx)
            };
            match turn {
                Turn::Come => return Poll::Ready(Ok(())),
                Turn::GivenUp(limited) => return Poll::Ready(Err(limited)),
                Turn::At(at) if at > *me.latest => return Poll::Ready(ticket.leave(at)),
                Turn::At(at) if at == *me.armed => return Poll::Pending,
                Turn::At(at) => self.as_mut().arm(at),
            }
        }
    }

    /// Takes units or a place in the queue; `None` where it has to wait.
    fn enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Result<(), Limited>> {
        let mut me = self.project();
        let now = me.attempt.now();
        // At its deadline nothing can begin any more.
        let deadline = me.attempt.deadline();
        let last = match deadline {
            Instant::MAX => Instant::MAX,
            deadline => deadline.saturating_sub(Duration::from_nanos(1)),
        };
        *me.latest = last.min(now + me.cell.settings.max_wait);
        // Before anything is taken, so that a clone that panics leaves nothing behind.
        let mut ticket = Ticket {
            cell: me.cell,
            runtime: me.attempt.runtime().clone(),
            place: None,
        };
        let entered = (me.cell).enter_at(now, me.attempt.cost(), *me.latest, cx.waker());
        let (place, turn) = match entered {
            Entered::Admitted => return Some(Ok(())),
            Entered::Refused(limited) => return Some(Err(limited)),
            Entered::Waits(place, turn) => (place, turn),
        };
        ticket.place = Some(place);
        *me.ticket = Some(ticket);
        *me.armed = turn;
        me.timer.set(Timer::new(now, turn));
        None
    }

    fn arm(self: Pin<&mut Self>, turn: Instant) {
        let mut me = self.project();
        let now = me.attempt.runtime().now();
        *me.armed = turn;
        me.timer.set(Timer::new(now, turn));
    }

    /// Tells of a refusal, and how long it is from the present.
    pub(crate) fn reject(self: Pin<&mut Self>, limited: Limited) -> Rejection {
        let me = self.project();
        if me.ticket.is_some() {
            me.attempt.begins_now();
        }
        let now = me.attempt.now();
        me.cell.reject(me.attempt.runtime(), limited, now)
    }

    /// The operation to start, once its turn has come.
    pub(crate) fn take(self: Pin<&mut Self>) -> (O, Attempt<O::Runtime>) {
        let me = self.project();
        let mut attempt = me.attempt.clone();
        if me.ticket.is_some() {
            attempt.begins_now();
        }
        let operation = me.operation.take();
        (operation.expect("it has its turn once"), attempt)
    }
}

/// A place in the queue. Dropped, it is given up, and the slot is for those behind if its time has not come.
struct Ticket<'p, R: Runtime> {
    cell: &'p Cell,
    runtime: R,
    /// None before it has one, and once it is known what became of it.
    place: Option<Place>,
}

impl<R: Runtime> Ticket<'_, R> {
    fn come_at(&mut self, turn: Instant) -> Turn {
        let turn = self.cell.come_at(self.place(), turn);
        self.note(turn)
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Turn {
        let turn = self.cell.look(self.place(), cx.waker());
        self.note(turn)
    }

    /// Leaves the queue, as its turn was moved to `turn`, which is too late.
    fn leave(&mut self, turn: Instant) -> Result<(), Limited> {
        let place = self.place();
        self.place = None;
        match self.cell.leave_at(place, self.runtime.now()) {
            Turn::Come => Ok(()),
            Turn::GivenUp(limited) => Err(limited),
            Turn::At(_) => Err(Limited::Until(turn)),
        }
    }

    fn place(&self) -> Place {
        self.place.expect("it is polled until it is over")
    }

    fn note(&mut self, turn: Turn) -> Turn {
        if !matches!(turn, Turn::At(_)) {
            self.place = None;
        }
        turn
    }
}

impl<R: Runtime> Drop for Ticket<'_, R> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.cell.leave_at(place, self.runtime.now());
        }
    }
}

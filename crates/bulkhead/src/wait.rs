//! A call that waits for its turn.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Instant, Operation, Runtime, Timer};

use crate::cell::{Cell, Counts, Entered};
use crate::queue::{Arrival, Place};

pin_project! {
    /// An operation on its way through the queue. It enters at the first poll.
    pub(crate) struct Wait<'p, O: Operation> {
        cell: &'p Cell,
        operation: Option<O>,
        attempt: Attempt<O::Runtime>,
        ticket: Option<Ticket<'p, O::Runtime>>,
        // When the wait is over, where somebody further out has the timer for that.
        watched: Option<Instant>,
        #[pin]
        timer: Timer<<O::Runtime as Runtime>::Sleep>,
    }
}

impl<'p, O: Operation> Wait<'p, O> {
    pub(crate) fn new(cell: &'p Cell, operation: O, attempt: Attempt<O::Runtime>) -> Self {
        Wait {
            cell,
            operation: Some(operation),
            attempt,
            ticket: None,
            watched: None,
            timer: Timer::never(),
        }
    }

    /// Ready when its permits are its own, or when it is refused.
    pub(crate) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Counts>> {
        let is_new = self.ticket.is_none();
        let at_once = if is_new {
            self.as_mut().enter(cx)
        } else {
            // A turn that has come is taken, whatever the time.
            self.as_mut().ticket().poll(cx)
        };
        if at_once.is_ready() {
            return at_once;
        }
        let me = self.as_mut().project();
        let runtime = me.attempt.runtime();
        let is_over = me.timer.poll(runtime, cx).is_ready()
            || !is_new && me.watched.is_some_and(|until| runtime.now() >= until);
        if is_over {
            return Poll::Ready(self.ticket().leave());
        }
        Poll::Pending
    }

    fn ticket(self: Pin<&mut Self>) -> &mut Ticket<'p, O::Runtime> {
        let ticket = self.project().ticket.as_mut();
        ticket.expect("it has entered the queue")
    }

    /// Takes permits or a place in the queue; ready where there is nothing to wait for.
    fn enter(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Counts>> {
        let mut me = self.project();
        let now = me.attempt.now();
        let deadline = me.attempt.deadline();
        if deadline <= now {
            return Poll::Ready(Err(me.cell.counts(me.cell.word())));
        }
        let arrival = Arrival {
            cost: me.attempt.cost(),
            priority: me.attempt.priority(),
            at: now,
        };
        let place = match me.cell.enter(arrival, cx.waker()) {
            Entered::Acquired => return Poll::Ready(Ok(())),
            Entered::Refused(counts) => return Poll::Ready(Err(counts)),
            Entered::Waits(place) => place,
        };
        *me.ticket = Some(Ticket {
            cell: me.cell,
            runtime: me.attempt.runtime().clone(),
            place: Some(place),
            cost: arrival.cost,
        });
        let own = now + me.cell.settings.max_wait;
        if deadline <= own && me.attempt.is_deadline_enforced() {
            // Somebody's timer will have this polled; then it has to see by itself that its time is up.
            *me.watched = Some(deadline);
        } else {
            me.timer.set(Timer::new(now, own.min(deadline)));
        }
        Poll::Pending
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

/// A place in the queue. Dropped, it is given up, and a turn that had come goes on to the next.
struct Ticket<'p, R: Runtime> {
    cell: &'p Cell,
    runtime: R,
    /// None once it is known what became of it.
    place: Option<Place>,
    cost: u32,
}

impl<R: Runtime> Ticket<'_, R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Counts>> {
        let place = self.place.expect("it is polled until it is over");
        let turn = ready!(self.cell.poll_turn(place, cx.waker()));
        self.place = None;
        Poll::Ready(turn)
    }

    /// Leaves the queue, unless its turn has come by now.
    fn leave(&mut self) -> Result<(), Counts> {
        let place = self.place.take().expect("it is polled until it is over");
        self.cell.leave(place, || self.runtime.now())
    }
}

impl<R: Runtime> Drop for Ticket<'_, R> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        if self.cell.leave(place, || self.runtime.now()).is_ok() {
            self.cell.give_back(self.cost, || self.runtime.now());
        }
    }
}

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
        // Whether it has not been served at once.
        waits: bool,
        // When the wait is over, where somebody further out has the timer for that.
        watched: Option<Instant>,
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
            waits: false,
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
        // Before anything is taken, so that whatever panics from here on it comes back.
        let ticket = me.ticket.insert(Ticket {
            cell: me.cell,
            runtime: me.attempt.runtime().clone(),
            holds: Holds::Nothing,
        });
        let (entered, given_up) = me.cell.enter(arrival, cx.waker());
        ticket.holds = match entered {
            Entered::Acquired(cost) => Holds::Permits(cost),
            Entered::Refused(counts) => return Poll::Ready(Err(counts)),
            Entered::Waits(place) => Holds::Place(place),
        };
        given_up.wake();
        if let Holds::Permits(_) = ticket.holds {
            return Poll::Ready(Ok(()));
        }
        *me.waits = true;
        let own = now + me.cell.settings.max_wait;
        if deadline <= own && me.attempt.is_deadline_enforced() {
            // Somebody's timer will have this polled; then it has to see by itself that its time is up.
            *me.watched = Some(deadline);
        } else {
            me.timer.set(Timer::new(now, own.min(deadline)));
        }
        Poll::Pending
    }

    /// The operation to start, once its turn has come, and how many permits it has.
    pub(crate) fn take(self: Pin<&mut Self>) -> (O, Attempt<O::Runtime>, u32) {
        let me = self.project();
        let mut attempt = me.attempt.clone();
        if *me.waits {
            attempt.begins_now();
        }
        let operation = me.operation.take();
        let Some(Holds::Permits(cost)) = me.ticket.as_ref().map(|ticket| &ticket.holds) else {
            unreachable!("its turn has come");
        };
        (operation.expect("it has its turn once"), attempt, *cost)
    }

    /// Somebody else gives the permits back from here on.
    pub(crate) fn hand_over(self: Pin<&mut Self>) {
        self.ticket().holds = Holds::Nothing;
    }
}

/// A place in the queue, or a turn that has come. Dropped, the place is given up, and the turn goes on to the
/// next.
struct Ticket<'p, R: Runtime> {
    cell: &'p Cell,
    runtime: R,
    holds: Holds,
}

enum Holds {
    Nothing,
    Place(Place),
    Permits(u32),
}

impl<R: Runtime> Ticket<'_, R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Counts>> {
        let turn = ready!(self.cell.poll_turn(self.place(), cx.waker()));
        Poll::Ready(self.ends(turn))
    }

    /// Leaves the queue, unless its turn has come by now.
    fn leave(&mut self) -> Result<(), Counts> {
        let place = self.place();
        let turn = self.cell.leave(place, || self.runtime.now());
        self.ends(turn)
    }

    fn place(&self) -> Place {
        match self.holds {
            Holds::Place(place) => place,
            Holds::Nothing | Holds::Permits(_) => unreachable!("it is polled until it is over"),
        }
    }

    fn ends(&mut self, turn: Result<u32, Counts>) -> Result<(), Counts> {
        self.holds = turn.map_or(Holds::Nothing, Holds::Permits);
        turn.map(drop)
    }
}

impl<R: Runtime> Drop for Ticket<'_, R> {
    fn drop(&mut self) {
        if let Holds::Place(_) = self.holds {
            let _ = self.leave();
        }
        if let Holds::Permits(cost) = self.holds {
            self.cell.give_back(cost, || self.runtime.now());
        }
    }
}

//! Timers that a thread keeps armed for its next sleeps: see `TokioRuntime`.
//!
//! A kept timer is not put off when it is taken: that would cost two more writes to the count of handles,
//! which all threads of the runtime share. It fires at its old time or, most often, never.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    runtime::{Handle, Id},
    task::coop::{has_budget_remaining, unconstrained},
    time::{Instant as TokioInstant, Sleep, sleep_until},
};

use super::super::origin::{origin, std_now, to_std};
use crate::Instant;

/// How many timers a thread keeps.
const MOST: usize = 1024;

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept::NOTHING) };
}

/// A timer for `at` on the current runtime: one that the thread kept, or a new one.
///
/// # Panics
///
/// Outside a tokio runtime with timers enabled.
pub(super) fn arm(at: Instant) -> Pin<Box<ArmedTimer>> {
    let runtime = Handle::current().id();
    let found = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        (kept.switch_to(runtime), kept.take(at))
    });
    let (of_another, taken) = found.unwrap_or_default();
    drop_all(of_another);
    if let Some(mut timer) = taken {
        *timer.as_mut().project().at = at;
        return timer;
    }
    Box::pin(ArmedTimer::new(runtime, at))
}

/// Gives up all that this thread keeps.
pub(super) fn forget() {
    let kept = KEPT.try_with(|kept| kept.replace(Kept::NOTHING));
    drop(kept);
}

/// One of them may be the last that holds a runtime, and with that what its user gave to it, to drop which
/// may panic. So this happens neither under the borrow nor at the cost of who does not know of it.
fn drop_all(timers: Timers) {
    if !timers.is_empty() {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(timers)));
    }
}

/// Keeps the timer of a sleep that is dropped, if it can still be of use.
pub(super) fn give_back(timer: Pin<Box<ArmedTimer>>) {
    // Elapsed, though nobody has seen it fire: a runtime that shuts down does that to all its timers,
    // and to poll them from then on panics.
    if timer.polled && !timer.sleep.is_elapsed() {
        keep(timer);
    }
}

/// Keeps a timer for the next sleep of this thread, and forgets whom it was to wake.
pub(super) fn keep(mut timer: Pin<Box<ArmedTimer>>) {
    let wanted = KEPT.try_with(|kept| kept.borrow().wants(&timer));
    if !wanted.unwrap_or(false) {
        return;
    }
    if !timer.on_real_time && !is_clock_real() {
        return forget();
    }
    *timer.as_mut().project().on_real_time = true;
    let wake_nobody = || {
        let nobody = &mut Context::from_waker(Waker::noop());
        // What has fired would use up some of the task's budget.
        let _ = Pin::new(&mut unconstrained(timer.as_mut().project().sleep)).poll(nobody);
    };
    // To poll panics while the runtime is shut down. Then it does not get to the next one.
    if catch_unwind(AssertUnwindSafe(wake_nobody)).is_err() {
        return forget();
    }
    let _one_too_many = KEPT.try_with(|kept| kept.borrow_mut().put(timer));
}

pin_project! {
    /// One of tokio's timers, and what it is for.
    pub(super) struct ArmedTimer {
        #[pin]
        sleep: Sleep,
        // When it is to be ready.
        at: Instant,
        // When tokio fires it: earlier than `at`, if it was kept from an earlier sleep.
        fires: Instant,
        runtime: Id,
        polled: bool,
        // Known to have been armed while the clock was not paused.
        on_real_time: bool,
    }
}

impl ArmedTimer {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the runtime's sleeps come from"
    )]
    fn new(runtime: Id, at: Instant) -> Self {
        ArmedTimer {
            sleep: sleep_until(to_tokio(at)),
            at,
            fires: at,
            runtime,
            polled: false,
            on_real_time: false,
        }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    #[inline]
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut me = self.project();
        *me.polled = true;
        loop {
            if *me.fires < *me.at && me.sleep.is_elapsed() {
                *me.fires = *me.at;
                me.sleep.as_mut().reset(to_tokio(*me.at));
                *me.on_real_time = false;
            }
            ready!(poll_unconstrained(me.sleep.as_mut(), cx));
            if *me.fires == *me.at {
                return Poll::Ready(());
            }
        }
    }
}

#[inline]
fn poll_unconstrained(sleep: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    if has_budget_remaining() {
        return sleep.poll(cx);
    }
    Pin::new(&mut unconstrained(sleep)).poll(cx)
}

/// It is cheap at both ends: a thread may have many that fire later than those it needs.
type Timers = VecDeque<Pin<Box<ArmedTimer>>>;

/// The timers that a thread keeps: of one runtime, those that fire first in front.
struct Kept {
    runtime: Option<Id>,
    timers: Timers,
}

impl Kept {
    const NOTHING: Self = Kept {
        runtime: None,
        timers: Timers::new(),
    };

    /// Keeps timers of `runtime` from now on, and gives away those of another: tokio numbers runtimes one
    /// after another, in 64 bits where there are atomics of that size.
    fn switch_to(&mut self, runtime: Id) -> Timers {
        if self.runtime == Some(runtime) {
            return Timers::new();
        }
        self.runtime = Some(runtime);
        mem::take(&mut self.timers)
    }

    /// The timer that has to be put off the least to fire at `at`.
    fn take(&mut self, at: Instant) -> Option<Pin<Box<ArmedTimer>>> {
        if self.timers.back()?.fires <= at {
            return self.timers.pop_back();
        }
        let in_time = self.timers.partition_point(|timer| timer.fires <= at);
        self.timers.remove(in_time.checked_sub(1)?)
    }

    /// Whether there is a place for `timer`, or a timer that fires later and so is of less use.
    fn wants(&self, timer: &ArmedTimer) -> bool {
        let last = self.timers.back();
        let is_late = last.is_some_and(|last| last.fires <= timer.fires);
        self.runtime == Some(timer.runtime) && !(is_late && self.timers.len() == MOST)
    }

    /// Keeps `timer`; gives the last away where that is one too many.
    fn put(&mut self, timer: Pin<Box<ArmedTimer>>) -> Option<Pin<Box<ArmedTimer>>> {
        match self.timers.back() {
            Some(last) if last.fires > timer.fires => {
                let earlier = self
                    .timers
                    .partition_point(|kept| kept.fires <= timer.fires);
                self.timers.insert(earlier, timer);
            }
            _ => self.timers.push_back(timer),
        }
        if self.timers.len() > MOST {
            return self.timers.pop_back();
        }
        None
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop_all(mem::take(&mut self.timers));
    }
}

fn to_tokio(at: Instant) -> TokioInstant {
    // Tokio takes 30 years for "far future" too.
    let far = || origin() + Duration::from_secs(60 * 60 * 24 * 365 * 30);
    TokioInstant::from_std(to_std(at).unwrap_or_else(far))
}

/// Whether tokio's clock is the machine's: one that is paused lags behind, unless it was moved ahead.
#[expect(
    clippy::disallowed_methods,
    reason = "the one clock is compared with the other"
)]
fn is_clock_real() -> bool {
    let machine = std_now();
    let ahead = TokioInstant::now()
        .into_std()
        .checked_duration_since(machine);
    ahead.is_some_and(|ahead| ahead < Duration::from_millis(1))
}

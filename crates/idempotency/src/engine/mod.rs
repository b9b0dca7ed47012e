//! One call under a key: claim, work, end.

mod finish;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Event, Outcome, Runtime, StopReason, Timer, Verdict};

use self::finish::Finishing;
use crate::{
    Background, Codec, Finding, Idempotent, Refusal, Store, Stored, TakenOver,
    admit::{Admission, Admitted, Gate},
    codec::{decoded, encoded},
    flights::Lead,
    hold::{Held, Hold},
    keeper::Keeper,
    recover::Found,
};

/// What runs under a claim.
pub(crate) trait Work {
    type Ok;
    type Err;
    type Runtime: Runtime;
    type Future: Future<Output = Outcome<Self::Ok, Self::Err>>;

    fn start(self, attempt: Attempt<Self::Runtime>, grant: Grant) -> Self::Future;
}

/// What work is told of its claim; without a hold where the store could not be asked.
pub(crate) struct Grant {
    pub(crate) held: Option<Arc<Held>>,
    pub(crate) taken_over: bool,
    pub(crate) step: Option<Arc<str>>,
}

/// How a call ended.
pub(crate) struct Ended<T, E> {
    pub(crate) outcome: Outcome<T, E>,
    /// Whether the result is that of another call.
    pub(crate) replayed: bool,
}

pin_project! {
    /// The state machine of one call.
    pub(crate) struct Engine<'p, W: Work, S: Store, C, B: Background<S>> {
        // Dropped first: nothing is left of the work when its claim is ended.
        #[pin]
        state: State<'p, W::Future, W::Ok, W::Err>,
        // One at a time waits.
        #[pin]
        timer: Timer<<W::Runtime as Runtime>::Sleep>,
        hold: Hold<'p, S, C, B>,
        lead: Option<Lead<'p>>,
        admission: Admission<'p>,
        keeper: Keeper<'p>,
        work: Option<W>,
        attempt: Attempt<W::Runtime>,
        claim: &'p Idempotent<S, C, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<'p, F, T, E> {
        Admitting,
        Recovering { found: Found, step: Option<Arc<str>> },
        Running { #[pin] future: F },
        Finishing { finishing: Finishing<'p, T, E> },
        Over,
    }
}

impl<'p, W: Work, S: Store, C, B: Background<S>> Engine<'p, W, S, C, B> {
    pub(crate) fn new(
        claim: &'p Idempotent<S, C, B>,
        work: W,
        attempt: Attempt<W::Runtime>,
    ) -> Self {
        Engine {
            state: State::Admitting,
            timer: Timer::never(),
            hold: Hold::new(claim),
            lead: None,
            admission: Admission::new(),
            keeper: Keeper::new(),
            work: Some(work),
            attempt,
            claim,
        }
    }

    /// Where it is, in a word.
    pub(crate) fn place(&self) -> &'static str {
        match self.state {
            State::Admitting => "claiming",
            State::Recovering { .. } => "recovering",
            State::Running { .. } => "running",
            State::Finishing { .. } => "finishing",
            State::Over => "over",
        }
    }
}

impl<W, S, C, B> Future for Engine<'_, W, S, C, B>
where
    W: Work,
    S: Store,
    C: Codec<W::Ok>,
    B: Background<S>,
{
    type Output = Ended<W::Ok, W::Err>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let ended = match self.as_mut().project().state.project() {
                StateProj::Admitting => {
                    let admitted = ready!(self.as_mut().gate().poll(cx));
                    self.as_mut().admitted(admitted)
                }
                StateProj::Recovering { .. } => ready!(self.as_mut().poll_recovery(cx)),
                StateProj::Running { .. } => ready!(self.as_mut().poll_work(cx)),
                StateProj::Finishing { .. } => Some(ready!(self.as_mut().poll_finish(cx))),
                StateProj::Over => panic!("a call was polled after its end"),
            };
            if let Some(ended) = ended {
                self.as_mut().project().state.set(State::Over);
                // What is left of a claim goes on without the caller.
                let me = self.project();
                me.hold.hand_over();
                drop(me.lead.take());
                return Poll::Ready(ended);
            }
        }
    }
}

type End<W> = Ended<<W as Work>::Ok, <W as Work>::Err>;

impl<'p, W, S, C, B> Engine<'p, W, S, C, B>
where
    W: Work,
    S: Store,
    C: Codec<W::Ok>,
    B: Background<S>,
{
    fn gate(self: Pin<&mut Self>) -> Gate<'_, 'p, S, C, B, W::Runtime> {
        let me = self.project();
        Gate {
            admission: me.admission,
            claim: me.claim,
            hold: me.hold,
            lead: me.lead,
            attempt: me.attempt,
            timer: me.timer,
        }
    }

    fn note(&self, note: &str) {
        let name = self.claim.shared.settings.name;
        self.attempt.runtime().emit(&Event::noted(name, note));
    }

    /// Starts the work, or ends the call.
    fn admitted(mut self: Pin<&mut Self>, admitted: Admitted) -> Option<End<W>> {
        match admitted {
            Admitted::Replay { stored, coalesced } => {
                let note = if coalesced { "coalesced" } else { "replayed" };
                Some(self.replay(&stored, note))
            }
            Admitted::Refused(Refusal::StoreUnavailable, _)
                if self.claim.shared.settings.fail_open =>
            {
                self.note("fail_open");
                // A claim that was granted without anybody hearing of it must not be released.
                self.as_mut().project().hold.nothing();
                self.start(false, None);
                None
            }
            Admitted::Refused(refusal, after) => {
                let outcome = self.refuse(refusal, after);
                Some(outcome)
            }
            Admitted::Granted {
                lease,
                taken_over,
                step,
                asked,
            } => {
                let me = self.as_mut().project();
                let (shared, fence) = (&me.claim.shared, lease.fence);
                me.hold.claimed(Arc::new(Held::new(lease)), taken_over);
                let mut timer = me.timer;
                timer.set(Timer::new(asked, asked + shared.settings.renewal()));
                if !taken_over {
                    self.start(false, step);
                    return None;
                }
                self.note("taken_over");
                let Some(recover) = &self.claim.shared.recover else {
                    self.start(true, step);
                    return None;
                };
                let taken_over = TakenOver {
                    id: self.claim.id.clone(),
                    step: step.clone(),
                    fence,
                };
                let found = recover.find(taken_over, &self.claim.shared.codec);
                let me = self.project();
                me.admission.waited = true;
                let mut state = me.state;
                state.set(State::Recovering { found, step });
                None
            }
        }
    }

    fn start(self: Pin<&mut Self>, taken_over: bool, step: Option<Arc<str>>) {
        let me = self.project();
        me.hold.starts();
        let mut attempt = me.attempt.clone();
        if me.admission.waited {
            attempt.begins_now();
        }
        let grant = Grant {
            held: me.hold.held().cloned(),
            taken_over,
            step,
        };
        let work = me.work.take().expect("a call is admitted once");
        let future = work.start(attempt, grant);
        let mut state = me.state;
        state.set(State::Running { future });
    }

    fn poll_recovery(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<End<W>>> {
        let me = self.as_mut().project();
        let StateProj::Recovering { found, step } = me.state.project() else {
            unreachable!("it recovers");
        };
        let Poll::Ready(finding) = found.as_mut().poll(cx) else {
            return self.keep(cx);
        };
        let step = step.take();
        match finding {
            Finding::NotApplied => {
                me.hold.proven();
                self.start(true, step);
                Poll::Ready(None)
            }
            Finding::Applied(stored) => {
                // It is the result of another call, as those that come later will have it.
                let ended = self.replay(&stored, "recovered");
                self.finish(ended, true, Some(stored));
                Poll::Ready(None)
            }
            Finding::Unknown => {
                let ended = self.refuse(Refusal::Indeterminate, None);
                self.finish(ended, true, None);
                Poll::Ready(None)
            }
        }
    }

    fn poll_work(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<End<W>>> {
        let StateProj::Running { future } = self.as_mut().project().state.project() else {
            unreachable!("it runs");
        };
        let Poll::Ready(outcome) = future.poll(cx) else {
            return self.keep(cx);
        };
        if self.hold.held().is_none() {
            return Poll::Ready(Some(Ended {
                outcome,
                replayed: false,
            }));
        }
        let result = outcome.verdict.is_success().then_some(&outcome.result);
        let stored = result.map(|result| match result {
            Ok(value) => encoded(&*self.claim.shared.codec, value),
            // A success of which there is no result to keep.
            Err(_) => Stored::nothing(),
        });
        let ended = Ended {
            outcome,
            replayed: false,
        };
        self.finish(ended, false, stored);
        Poll::Ready(None)
    }

    /// Holds the claim while the work is pending.
    fn keep(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<End<W>>> {
        let me = self.project();
        if let Some(held) = me.hold.held() {
            let (lead, runtime) = (me.lead.as_ref(), me.attempt.runtime());
            me.keeper.poll(me.claim, held, lead, runtime, me.timer, cx);
        }
        Poll::Pending
    }

    fn replay(&self, stored: &Stored, note: &str) -> End<W> {
        match decoded(&*self.claim.shared.codec, stored) {
            Ok(value) => {
                self.note(note);
                Ended {
                    // Nothing was started for it.
                    outcome: Outcome::new(Ok(value), Verdict::success())
                        .ended(StopReason::Succeeded, 0),
                    replayed: true,
                }
            }
            Err(refusal) => self.refuse(refusal, None),
        }
    }

    #[cold]
    fn refuse(&self, refusal: Refusal, after: Option<Duration>) -> End<W> {
        let name = self.claim.shared.settings.name;
        self.note(refusal.note());
        let rejected = Event::rejected(name, refusal.kind());
        self.attempt.runtime().emit(&rejected);
        Ended {
            outcome: refusal.outcome(name, after),
            replayed: false,
        }
    }
}

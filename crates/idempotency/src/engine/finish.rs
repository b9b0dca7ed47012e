//! How a call ends, and how that is written.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use steadfast_core::{Instant, Runtime, Timer};

use super::{End, Ended, Engine, State, StateProj, Work};
use crate::{
    Answer, Background, Codec, Ending, Refusal, Standing, Store, StoreErrorKind, Stored, Written,
    flights::Landing, hold::Held, settings::backoff,
};

/// Between two tries to write an end, where there is no background.
const REPEAT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
const TRIES: u32 = 3;

/// An end that is being written.
pub(super) struct Finishing<'p, T, E> {
    ended: Option<Ended<T, E>>,
    /// Whether it was said already what became of the call.
    noted: bool,
    answer: Option<Answer<'p, Written>>,
    /// When the store is given up, once it has kept anybody waiting.
    give_up: Option<Instant>,
    tries: u32,
}

impl<W, S, C, B> Engine<'_, W, S, C, B>
where
    W: Work,
    S: Store,
    C: Codec<W::Ok>,
    B: Background<S>,
{
    /// Begins to write how it ended: with this result, or without one.
    pub(super) fn finish(self: Pin<&mut Self>, ended: End<W>, noted: bool, stored: Option<Stored>) {
        let me = self.project();
        let ending = match stored {
            Some(stored) => Ending::Completed(me.claim.shared.settings.kept(stored)),
            None if !ended.outcome.verdict.may_have_executed() && me.hold.may_release() => {
                Ending::Released
            }
            None => Ending::Unknown,
        };
        me.hold.ends(ending);
        me.keeper.rests();
        let mut state = me.state;
        state.set(State::Finishing {
            finishing: Finishing {
                ended: Some(ended),
                noted,
                answer: None,
                give_up: None,
                tries: 0,
            },
        });
    }

    pub(super) fn poll_finish(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End<W>> {
        let me = self.as_mut().project();
        let (claim, runtime) = (*me.claim, me.attempt.runtime());
        let settings = &*claim.shared.settings;
        let StateProj::Finishing { finishing } = me.state.project() else {
            unreachable!("it finishes");
        };
        let mut timer = me.timer;
        let written = loop {
            let Some(answer) = &mut finishing.answer else {
                if finishing.tries > 0 {
                    ready!(timer.as_mut().poll(runtime, cx));
                }
                let (held, ending) = me.hold.ending().expect("its end is known");
                let (held, ending) = (Arc::clone(held), ending.clone());
                let store = &*claim.shared.store;
                finishing.answer = Some(Answer::later(async move {
                    store.finish(&held.lease, ending).await
                }));
                finishing.tries += 1;
                timer.set(Timer::never());
                if let Some(give_up) = finishing.give_up {
                    timer.set(Timer::new(runtime.now(), give_up));
                }
                continue;
            };
            let polled = Pin::new(answer).poll(cx);
            if let Poll::Ready(Ok(written)) = polled {
                break Some(written);
            }
            let now = runtime.now();
            let deadline = me.attempt.deadline();
            let is_new = finishing.give_up.is_none();
            let give_up = *finishing
                .give_up
                .get_or_insert((now + settings.store_patience).min(deadline));
            match polled {
                Poll::Pending => {
                    if is_new {
                        timer.set(Timer::new(now, give_up));
                    }
                    ready!(timer.as_mut().poll(runtime, cx));
                    break None;
                }
                Poll::Ready(result) => {
                    let is_hopeless = result.is_err_and(|e| e.kind() == StoreErrorKind::Corrupt);
                    let pause = backoff(REPEAT.0, REPEAT.1, finishing.tries, runtime.random());
                    if is_hopeless || finishing.tries >= TRIES || now + pause >= give_up {
                        break None;
                    }
                    finishing.answer = None;
                    timer.set(Timer::new(now, now + pause));
                }
            }
        };
        let ended = finishing.ended.take().expect("it ends once");
        let noted = finishing.noted;
        let ending = me.hold.ending().map(|(_, ending)| ending.clone());
        Poll::Ready(self.finished(ended, noted, ending.expect("its end is known"), written))
    }

    /// What the caller gets of it, now that the end is written, or is not.
    fn finished(
        mut self: Pin<&mut Self>,
        ended: End<W>,
        noted: bool,
        ending: Ending,
        written: Option<Written>,
    ) -> End<W> {
        let me = self.as_mut().project();
        let lead = me.lead.take();
        // Who has heard already that somebody took over need not hear it from the store once more.
        let is_fenced = |(held, _): (&Arc<Held>, _)| held.standing() == Standing::Fenced;
        let written = match written {
            None if me.hold.ending().is_some_and(is_fenced) => Some(Written::Fenced(None)),
            written => written,
        };
        let note = match &written {
            // It stays on to be written; or its lease ends it.
            None if me.hold.hand_over() => Some("completion_deferred"),
            None => Some("completion_lost"),
            Some(_) => {
                me.hold.nothing();
                (!noted).then_some(match &ending {
                    Ending::Completed(_) => "executed",
                    Ending::Released => "released",
                    Ending::Unknown => "unknown",
                })
            }
        };
        match (written, ending) {
            (Some(Written::Fenced(Some(stored))), _) => {
                if let Some(lead) = lead {
                    lead.lands(Landing::Completed(stored.clone()));
                }
                self.replay(&stored, "fenced")
            }
            (Some(Written::Fenced(None)), _) => {
                drop(lead);
                if ended.outcome.verdict.is_success() {
                    return self.refuse(Refusal::Fenced, None);
                }
                self.note("fenced");
                ended
            }
            (_, ending) => {
                if let (Some(lead), Ending::Completed(stored)) = (lead, ending) {
                    lead.lands(Landing::Completed(stored));
                }
                if let Some(note) = note {
                    self.note(note);
                }
                ended
            }
        }
    }
}

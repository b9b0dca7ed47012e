//! Keeps a claim for as long as its work takes.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_core::{Event, Instant, Runtime, Timer};

use crate::{Answer, Background, Idempotent, Standing, Store, Written, flights::Lead, hold::Held};

/// The renewals of one claim, a third of the lease apart. It is polled only when the work is pending.
pub(crate) struct Keeper<'p> {
    renewal: Option<Answer<'p, Written>>,
    sent: Instant,
    stopped: bool,
}

impl<'p> Keeper<'p> {
    pub(crate) fn new() -> Self {
        Keeper {
            renewal: None,
            sent: Instant::MAX,
            stopped: false,
        }
    }

    /// Gives up the renewal that is under way: nobody polls it any more, and it may hold what the end of the claim
    /// needs, such as the one connection to the store.
    pub(crate) fn rests(&mut self) {
        self.renewal = None;
    }

    /// Renews what has to be renewed by now, and has the task woken when there is more.
    pub(crate) fn poll<S, C, B, R>(
        &mut self,
        claim: &'p Idempotent<S, C, B>,
        held: &Arc<Held>,
        lead: Option<&Lead<'p>>,
        runtime: &R,
        mut timer: Pin<&mut Timer<R::Sleep>>,
        cx: &mut Context<'_>,
    ) where
        S: Store,
        B: Background<S>,
        R: Runtime,
    {
        let settings = &*claim.shared.settings;
        while !self.stopped {
            let Some(renewal) = &mut self.renewal else {
                if timer.as_mut().poll(runtime, cx).is_pending() {
                    return;
                }
                self.sent = runtime.now();
                let (store, held) = (&*claim.shared.store, Arc::clone(held));
                self.renewal = Some(Answer::later(async move {
                    store.renew(&held.lease, settings.lease, None).await
                }));
                timer.set(Timer::new(self.sent, self.sent + settings.renewal()));
                continue;
            };
            let next = match Pin::new(renewal).poll(cx) {
                // One that takes too long is given up for the next.
                Poll::Pending if timer.as_mut().poll(runtime, cx).is_pending() => return,
                Poll::Ready(Ok(Written::Done)) => {
                    held.stands(Standing::Held);
                    if let Some(lead) = lead {
                        lead.holds(self.sent + settings.lease);
                    }
                    self.sent + settings.renewal()
                }
                Poll::Ready(Ok(Written::Fenced(_))) => {
                    held.stands(Standing::Fenced);
                    self.stopped = true;
                    runtime.emit(&Event::noted(settings.name, "fenced_while_running"));
                    Instant::MAX
                }
                Poll::Pending | Poll::Ready(Err(_)) => {
                    held.stands(Standing::Unsure);
                    runtime.emit(&Event::noted(settings.name, "renewal_failed"));
                    runtime.now() + settings.renewal() / 4
                }
            };
            self.renewal = None;
            timer.set(Timer::new(self.sent, next));
        }
    }
}

impl fmt::Debug for Keeper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

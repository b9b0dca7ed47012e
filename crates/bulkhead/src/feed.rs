//! How calls that end come to the adaptive limit: added up in stripes, and looked at now and then.

use std::fmt;

use steadfast_core::{Instant, OwnLine, Striped, saturating_nanos};

use crate::{
    adaptive::{AdaptiveLimit, Control, Tally},
    sync::{AtomicU64, Mutex, Relaxed},
};

/// Calls add themselves to a stripe; the first one that comes a sixteenth of a window after the last look
/// hands them all over, itself included. Where it finds another about it, it adds itself like the others.
pub(crate) struct Feed {
    stripes: Striped<Stripe>,
    every_nanos: u64,
    /// When the next look is due.
    due: OwnLine<AtomicU64>,
    control: Mutex<Control>,
}

const LOOKS_PER_WINDOW: u64 = 16;

/// Calls that have ended since the last look, and when the latest of them did.
///
/// Under a lock, as a look must not see half of a call: a time without its count, or a count without its
/// time. It is that of a few threads, and held for a few additions.
type Stripe = Mutex<(Tally, Instant)>;

const NOTHING: (Tally, Instant) = (Tally::NONE, Instant::from_nanos(0));

fn add(stripe: &Stripe, call: Tally, now: Instant) {
    let mut sum = stripe.lock();
    sum.0.add(call);
    sum.1 = sum.1.max(now);
}

impl Feed {
    /// The settings have been checked.
    pub(crate) fn new(settings: &AdaptiveLimit) -> Self {
        Feed {
            stripes: Striped::new(|| Mutex::new(NOTHING)),
            every_nanos: saturating_nanos(settings.shortest_window()) / LOOKS_PER_WINDOW,
            due: OwnLine(AtomicU64::new(0)),
            control: Mutex::new(Control::new(settings)),
        }
    }

    /// Takes in a call that ended at `now`. When that changes the limit, `set` is told while no other call
    /// can change it; what it returns is handed on.
    pub(crate) fn record_at<T>(
        &self,
        call: Tally,
        now: Instant,
        random: impl FnOnce() -> u64,
        set: impl FnOnce(u32) -> T,
    ) -> Option<T> {
        // Relaxed: a moment late is as good.
        let ahead = self.due.0.load(Relaxed).saturating_sub(now.as_nanos());
        // Further ahead than it ever is: the clock was turned back.
        if ahead > 0 && ahead <= self.every_nanos {
            add(self.stripes.mine(), call, now);
            return None;
        }
        self.look_at(call, now, random(), set)
    }

    #[cold]
    fn look_at<T>(
        &self,
        call: Tally,
        now: Instant,
        random: u64,
        set: impl FnOnce(u32) -> T,
    ) -> Option<T> {
        let Some(mut control) = self.control.try_lock() else {
            add(self.stripes.mine(), call, now);
            return None;
        };
        let before = control.limit();
        let (mut earlier, mut latest) = NOTHING;
        for stripe in self.stripes.all() {
            let (sum, at) = std::mem::replace(&mut *stripe.lock(), NOTHING);
            earlier.add(sum);
            latest = latest.max(at);
        }
        // By themselves, as they may have ended long ago.
        if !earlier.is_empty() {
            control.absorb_at(earlier, latest.min(now), random);
        }
        control.absorb_at(call, now, random);
        // Relaxed: see above.
        let due = now.as_nanos().saturating_add(self.every_nanos);
        self.due.0.store(due, Relaxed);
        let limit = control.limit();
        (limit != before).then(|| set(limit))
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

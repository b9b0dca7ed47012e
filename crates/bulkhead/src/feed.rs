//! How calls that end come to the adaptive limit: added up in stripes, and looked at now and then.

use std::fmt;

use steadfast_core::{Instant, OwnLine, Striped, saturating_nanos};

use crate::{
    adaptive::{AdaptiveLimit, Control, Tally},
    sync::{AcqRel, AtomicU64, Mutex, Relaxed},
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

/// Calls that have ended since the last look.
///
/// Its words are read one by one: of a call that adds itself at that moment, a part may come with the next
/// look. Over two looks nothing is lost, and nothing comes twice.
#[derive(Debug)]
struct Stripe {
    answered: AtomicU64,
    dropped: AtomicU64,
    rtt_nanos: AtomicU64,
    max_in_flight: AtomicU64,
    latest: AtomicU64,
}

impl Stripe {
    fn new() -> Self {
        Stripe {
            answered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            rtt_nanos: AtomicU64::new(0),
            max_in_flight: AtomicU64::new(0),
            latest: AtomicU64::new(0),
        }
    }

    fn add(&self, call: Tally, now: Instant) {
        // Relaxed: each word is a sum or a maximum of its own.
        self.latest.fetch_max(now.as_nanos(), Relaxed);
        let in_flight = call.max_in_flight.into();
        if self.max_in_flight.load(Relaxed) < in_flight {
            self.max_in_flight.fetch_max(in_flight, Relaxed);
        }
        if call.answered > 0 {
            self.rtt_nanos.fetch_add(call.rtt_nanos, Relaxed);
            // AcqRel: who takes the count takes the time that was added before.
            self.answered.fetch_add(call.answered.into(), AcqRel);
        } else {
            self.dropped.fetch_add(call.dropped.into(), AcqRel);
        }
    }

    /// What has been added, and when the last of it ended.
    fn take(&self) -> (Tally, Instant) {
        let count = |word: &AtomicU64| u32::try_from(word.swap(0, AcqRel)).unwrap_or(u32::MAX);
        let tally = Tally {
            // Before the rest, see above.
            answered: count(&self.answered),
            dropped: count(&self.dropped),
            rtt_nanos: self.rtt_nanos.swap(0, AcqRel),
            max_in_flight: count(&self.max_in_flight),
        };
        (tally, Instant::from_nanos(self.latest.swap(0, AcqRel)))
    }
}

impl Feed {
    /// The settings have been checked.
    pub(crate) fn new(settings: &AdaptiveLimit) -> Self {
        Feed {
            stripes: Striped::new(Stripe::new),
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
            self.stripes.mine().add(call, now);
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
            self.stripes.mine().add(call, now);
            return None;
        };
        let before = control.limit();
        let (mut earlier, mut latest) = (Tally::default(), Instant::from_nanos(0));
        for stripe in self.stripes.all() {
            let (tally, at) = stripe.take();
            earlier.add(tally);
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

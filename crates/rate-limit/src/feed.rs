//! How calls come to the adaptive rate: what is sent is added up in stripes, and looked at now and then.

use std::time::Duration;

use steadfast_core::{Instant, OwnLine, Striped, saturating_nanos};

use crate::{
    adaptive::{AdaptiveRate, BUCKET, Control},
    sync::{AtomicU64, Mutex, Relaxed},
};

/// Calls that are sent add themselves to a stripe; the first one after half a second hands them all over, itself
/// included. Of those that go well one in [`GROWTH`] raises the rate, and each that is throttled is heard. Where
/// somebody else is about it, only those that are throttled wait for the lock.
pub(crate) struct Feed {
    sent: Striped<AtomicU64>,
    line: OwnLine<Line>,
    control: OwnLine<Mutex<Control>>,
}

/// What each call reads.
struct Line {
    /// In millionths of a unit a second; [`FREE`] while it is not limited. Changed under the lock only.
    rate: AtomicU64,
    /// When what was sent is to be handed over next.
    look: AtomicU64,
    /// When the next call that goes well counts.
    grow: AtomicU64,
}

/// More than any rate there is.
const FREE: u64 = u64::MAX;

/// A rate that grows is looked at so often.
const GROWTH: Duration = Duration::from_millis(50);
/// A rise of less than this part is none, as everybody who waits has another turn by it.
const LEAST_RISE: u64 = 100;

/// The rate was another, in millionths of a unit a second; `None` where there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: Option<u64>,
    pub(crate) to: u64,
}

impl Feed {
    /// The settings have been checked.
    pub(crate) fn new(settings: &AdaptiveRate) -> Self {
        let control = Control::new(settings);
        let rate = control.rate_micros().unwrap_or(FREE);
        Feed {
            sent: Striped::new(|| AtomicU64::new(0)),
            line: OwnLine(Line {
                rate: AtomicU64::new(rate),
                look: AtomicU64::new(0),
                grow: AtomicU64::new(0),
            }),
            control: OwnLine(Mutex::new(control)),
        }
    }

    /// In millionths of a unit a second; `None` while it is not limited.
    #[inline]
    pub(crate) fn rate(&self) -> Option<u64> {
        // Relaxed: a moment late is as good.
        let rate = self.line.0.rate.load(Relaxed);
        (rate != FREE).then_some(rate)
    }

    /// Takes in that so many units are sent at `now`.
    #[inline]
    pub(crate) fn sent_at(&self, now: Instant, units: u32) {
        // Relaxed: a count, which is taken out by an exchange.
        self.sent.mine().fetch_add(units.into(), Relaxed);
        if !is_ahead(&self.line.0.look, now, BUCKET) {
            self.look_at(now);
        }
    }

    #[cold]
    fn look_at(&self, now: Instant) {
        if let Some(mut control) = self.control.0.try_lock() {
            self.hand_over_at(&mut control, now);
        }
    }

    fn hand_over_at(&self, control: &mut Control, now: Instant) {
        // Relaxed: each unit is taken out once, whoever has added it.
        let stripes = self.sent.all().map(|stripe| stripe.swap(0, Relaxed));
        let sent = stripes.fold(0, u64::saturating_add);
        if sent > 0 {
            control.sent_at(now, sent);
            // Relaxed: a moment late is as good.
            let look = control.next_look().as_nanos();
            self.line.0.look.store(look, Relaxed);
        }
    }

    /// Takes in that a call was throttled at `now` that was sent at `sent`.
    #[cold]
    pub(crate) fn throttled_at(&self, now: Instant, sent: Instant) -> Option<Change> {
        let mut control = self.control.0.lock();
        self.hand_over_at(&mut control, now);
        control.throttled_at(now, sent);
        self.publish(&control)
    }

    /// Takes in that a call went well at `now`.
    #[inline]
    pub(crate) fn succeeded_at(&self, now: Instant) -> Option<Change> {
        if is_ahead(&self.line.0.grow, now, GROWTH) {
            return None;
        }
        self.grow_at(now)
    }

    #[cold]
    fn grow_at(&self, now: Instant) -> Option<Change> {
        let mut control = self.control.0.try_lock()?;
        // Relaxed: a moment late is as good.
        let next = (now + GROWTH).as_nanos();
        self.line.0.grow.store(next, Relaxed);
        control.succeeded_at(now);
        self.publish(&control)
    }

    /// Whoever goes by a change goes by the rate of then, which may be a newer one: what is told last is the last.
    fn publish(&self, control: &Control) -> Option<Change> {
        let to = control.rate_micros()?;
        // Relaxed: the lock orders those who change it.
        let from = self.line.0.rate.load(Relaxed);
        if to >= from && to - from < from / LEAST_RISE {
            return None;
        }
        self.line.0.rate.store(to, Relaxed);
        let from = (from != FREE).then_some(from);
        Some(Change { from, to })
    }

    /// Whether at `now` nothing was sent for so long, at least.
    pub(crate) fn is_quiet_at(&self, now: Instant, length: Duration) -> bool {
        // Relaxed: a moment late is as good.
        let look = Instant::from_nanos(self.line.0.look.load(Relaxed));
        now >= look + length
    }
}

/// Whether that is still to come at `now`. Further ahead than it ever is, the clock was turned back.
#[inline]
fn is_ahead(due: &AtomicU64, now: Instant, furthest: Duration) -> bool {
    // Relaxed: a moment late is as good.
    let ahead = due.load(Relaxed).saturating_sub(now.as_nanos());
    ahead > 0 && ahead <= saturating_nanos(furthest)
}

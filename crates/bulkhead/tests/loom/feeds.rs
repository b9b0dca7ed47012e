//! How calls that end at the same time come to the adaptive limit.

use loom::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};
use steadfast_core::{Instant, Ratio};

use crate::{
    adaptive::{AdaptiveLimit, Aimd, Control, Sample, Tally},
    feed::Feed,
    models::{check, race},
};

const GOOD: Sample = Sample::Answered { rtt_nanos: 1000 };
const MILLI: u64 = 1_000_000;

/// Grows after three calls where at most one of them was dropped, and shrinks where more were.
fn settings() -> AdaptiveLimit {
    AdaptiveLimit::new(Aimd::new())
        .initial(10)
        .window_calls(3)
        .tolerated_drops(Ratio::percent(40))
}

/// What takes in calls that end; the limit where it changes.
pub(crate) trait Feeds: Send + Sync + 'static {
    fn record_at(&self, sample: Sample, millis: u64) -> Option<u32>;
}

impl Feeds for Feed {
    fn record_at(&self, sample: Sample, millis: u64) -> Option<u32> {
        let now = Instant::from_nanos(millis * MILLI);
        self.record_at(Tally::one(sample, 10), now, || 0, |limit| limit)
    }
}

pub(crate) fn real() -> Feed {
    Feed::new(&settings())
}

/// Adds to what it has loaded.
pub(crate) struct LoadsThenStores {
    answered: AtomicU64,
    control: Mutex<Control>,
}

pub(crate) fn loads_then_stores() -> LoadsThenStores {
    LoadsThenStores {
        answered: AtomicU64::new(0),
        control: Mutex::new(Control::new(&settings())),
    }
}

impl Feeds for LoadsThenStores {
    fn record_at(&self, sample: Sample, millis: u64) -> Option<u32> {
        let now = Instant::from_nanos(millis * MILLI);
        if sample == GOOD {
            let seen = self.answered.load(SeqCst);
            self.answered.store(seen + 1, SeqCst);
            return None;
        }
        let mut control = self.control.lock().unwrap();
        for _ in 0..self.answered.swap(0, SeqCst) {
            control.absorb_at(Tally::one(GOOD, 10), Instant::from_nanos(MILLI), 0);
        }
        control.absorb_at(Tally::one(sample, 10), now, 0)
    }
}

/// Two good calls end at once, and one that was dropped ends long after: with both of them it is one of
/// three, and the limit grows.
pub(crate) fn calls_are_kept<F: Feeds>(make: fn() -> F) {
    check(2, move || {
        let feed = Arc::new(make());
        let other = Arc::clone(&feed);
        let theirs = Box::new(move || assert_eq!(other.record_at(GOOD, 1), None));
        race(vec![theirs], || assert_eq!(feed.record_at(GOOD, 1), None));
        let limit = feed.record_at(Sample::Dropped, 500);
        assert_eq!(limit, Some(11), "a call was lost, or came twice");
    });
}

/// Four calls end within 14 ms, and a window lasts 100 ms at least.
pub(crate) fn no_window_ends_early<F: Feeds>(make: fn() -> F) {
    const BEGIN: u64 = 1_000_000;
    check(2, move || {
        let feed = Arc::new(make());
        assert_eq!(feed.record_at(GOOD, BEGIN), None);
        let other = Arc::clone(&feed);
        let theirs = Box::new(move || assert_eq!(other.record_at(GOOD, BEGIN + 1), None));
        let limit = race(vec![theirs], || feed.record_at(GOOD, BEGIN + 7));
        assert_eq!(limit, None, "a window of 14 ms");
        let limit = feed.record_at(GOOD, BEGIN + 14);
        assert_eq!(limit, None, "a window of 14 ms");
    });
}

/// Adds the count of a call, and then when it ended; a look may come in between.
pub(crate) struct CountsThenDates {
    answered: AtomicU64,
    latest: AtomicU64,
    control: Mutex<Control>,
}

pub(crate) fn counts_then_dates() -> CountsThenDates {
    CountsThenDates {
        answered: AtomicU64::new(0),
        latest: AtomicU64::new(0),
        control: Mutex::new(Control::new(&settings())),
    }
}

impl Feeds for CountsThenDates {
    fn record_at(&self, sample: Sample, millis: u64) -> Option<u32> {
        let nanos = millis * MILLI;
        if millis == 1_000_001 {
            self.answered.fetch_add(1, SeqCst);
            self.latest.fetch_max(nanos, SeqCst);
            return None;
        }
        let mut control = self.control.lock().unwrap();
        for _ in 0..self.answered.swap(0, SeqCst) {
            let at = Instant::from_nanos(self.latest.swap(0, SeqCst));
            control.absorb_at(Tally::one(GOOD, 10), at, 0);
        }
        control.absorb_at(Tally::one(sample, 10), Instant::from_nanos(nanos), 0)
    }
}

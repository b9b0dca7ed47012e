//! The shared state of a bulkhead: one word that calls exchange, and the lock for those who wait.

use std::{
    fmt,
    task::{Poll, Waker},
};

use steadfast_core::{Event, Instant, Rejection, RejectionKind, Runtime, Wakers};

use crate::{
    adaptive::{Sample, Tally},
    feed::Feed,
    queue::{Arrival, Place, Queue, Turn},
    settings::Settings,
    sync::{Acquire, AtomicU64, Mutex, OwnLine, Relaxed, Release},
    word::Word,
};

/// While the word says that somebody waits, permits are given out and the word's other parts are changed
/// under the lock only; permits come back without it. So a late arrival cannot overtake, and whoever brings
/// permits back sees in the same step whether somebody waits for them.
pub(crate) struct Cell {
    pub(crate) settings: Settings,
    word: OwnLine<AtomicU64>,
    queue: OwnLine<Mutex<Queue>>,
    feed: Option<Feed>,
}

/// How many permits are out and how many calls wait, as a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) running: u32,
    pub(crate) waiting: u32,
}

impl Counts {
    fn of(word: Word, queue: &Queue) -> Self {
        Counts {
            running: word.in_flight(),
            waiting: queue.len(),
        }
    }
}

/// What became of a call that was ready to wait.
#[derive(Debug)]
pub(crate) enum Entered {
    /// So many permits.
    Acquired(u32),
    Waits(Place),
    Refused(Counts),
}

impl Cell {
    pub(crate) fn new(settings: Settings) -> Self {
        let queue = Queue::new(settings.order, settings.max_waiting);
        let word = Word::new(settings.max_concurrent).with_queue(false, queue.is_full());
        Cell {
            feed: settings.adaptive.as_ref().map(Feed::new),
            settings,
            word: OwnLine(AtomicU64::new(word.bits())),
            queue: OwnLine(Mutex::new(queue)),
        }
    }

    pub(crate) fn word(&self) -> Word {
        // Acquire: what is given out because of it was given back before, by calls that have ended.
        Word::from_bits(self.word.0.load(Acquire))
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.queue.0.lock().len()
    }

    /// Takes that many permits, or says what there was instead.
    #[inline]
    pub(crate) fn try_take(&self, cost: u32) -> Result<(), Word> {
        // Relaxed: the exchange decides, and a refusal publishes nothing.
        let mut seen = Word::from_bits(self.word.0.load(Relaxed));
        while seen.fits(cost) {
            match self.exchange(seen, seen.with_taken(cost)) {
                Ok(()) => return Ok(()),
                Err(newer) => seen = newer,
            }
        }
        if cost == 0 { Ok(()) } else { Err(seen) }
    }

    #[inline]
    fn exchange(&self, seen: Word, next: Word) -> Result<(), Word> {
        let (seen, next) = (seen.bits(), next.bits());
        // Acquire: pairs with `give_back`, so what the earlier call did is done. A failure publishes nothing.
        let exchanged = (self.word.0).compare_exchange_weak(seen, next, Acquire, Relaxed);
        exchanged.map(drop).map_err(Word::from_bits)
    }

    /// Takes permits back, and gives them to those who wait. `now` is asked where it is needed.
    #[inline]
    pub(crate) fn give_back(&self, cost: u32, now: impl FnOnce() -> Instant) {
        // Release: pairs with the exchange that takes them next, or with the load of who holds the lock.
        let before = self.word.0.fetch_sub(cost.into(), Release);
        if Word::from_bits(before).is_queued() {
            self.hand_on(now);
        }
    }

    #[cold]
    fn hand_on(&self, now: impl FnOnce() -> Instant) {
        let now = self.time(now);
        let mut wakers = Wakers::default();
        let mut queue = self.queue.0.lock();
        self.settle(&mut queue, now, &mut wakers);
        drop(queue);
        wakers.wake();
    }

    /// The time, where the order of the queue depends on it.
    fn time(&self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        self.settings.order.needs_time().then(now)
    }

    /// Serves those who wait, and brings the word up to date.
    fn settle(&self, queue: &mut Queue, now: Option<Instant>, wakers: &mut Wakers) {
        let word = self.word();
        let taken = queue.serve(word.free(), now, wakers);
        let next = word.with_taken(taken);
        self.change(word, next.with_queue(!queue.is_empty(), queue.is_full()));
    }

    /// Changes the word by the difference between the two, with the lock held. Meanwhile permits may have
    /// come back, and none was taken where the difference takes any.
    fn change(&self, seen: Word, next: Word) {
        if next != seen {
            // Relaxed: whoever takes permits after this sees what came back before it all the same, as an
            // addition breaks no release sequence. To those who wait it is the lock that publishes.
            self.word.0.fetch_add(seen.difference_to(next), Relaxed);
        }
    }

    /// Takes permits, or a place in the queue, unless there is neither. Who waits is woken by `waker`.
    ///
    /// Whoever was given up for it is to be woken once it is sure that what was taken comes back.
    pub(crate) fn enter(&self, mut call: Arrival, waker: &Waker) -> (Entered, Wakers) {
        let waker = waker.clone();
        let now = self.time(|| call.at);
        let mut wakers = Wakers::default();
        let mut queue = self.queue.0.lock();
        let word = self.word();
        call.cost = self.charge(call.cost, word);
        if call.cost > word.limit() {
            return (Entered::Refused(Counts::of(word, &queue)), wakers);
        }
        if self.take_or_close(call.cost) {
            return (Entered::Acquired(call.cost), wakers);
        }
        let place = queue.push(call, &mut wakers);
        // It may be the first, and there may be room for it alone.
        self.settle(&mut queue, now, &mut wakers);
        let (entered, unused) = match place {
            None => (Entered::Refused(Counts::of(word, &queue)), Some(waker)),
            Some(place) => match queue.look(place, waker) {
                (None, unused) => (Entered::Waits(place), unused),
                (Some(_), unused) => (Entered::Acquired(call.cost), unused),
            },
        };
        drop(queue);
        drop(unused);
        (entered, wakers)
    }

    /// How many permits a call of that cost takes: where the limit adapts no more than there are, as such a
    /// call could not even teach it that there may be more.
    #[inline]
    pub(crate) fn charge(&self, cost: u32, word: Word) -> u32 {
        if self.is_adaptive() {
            cost.min(word.limit())
        } else {
            cost
        }
    }

    /// Takes permits, or makes the word say that somebody waits, with the lock held. Where there is room it
    /// does not say so even for a moment, as others would be refused for it.
    fn take_or_close(&self, cost: u32) -> bool {
        let mut seen = self.word();
        while !seen.is_queued() {
            let fits = seen.fits(cost);
            let next = if fits {
                seen.with_taken(cost)
            } else {
                seen.with_queue(true, seen.is_full())
            };
            match self.exchange(seen, next) {
                Ok(()) => return fits,
                Err(newer) => seen = newer,
            }
        }
        false
    }

    /// Whether the turn of a call has come, or it was given up. If neither, `waker` is woken by then.
    pub(crate) fn poll_turn(&self, place: Place, waker: &Waker) -> Poll<Result<u32, Counts>> {
        let waker = waker.clone();
        let mut queue = self.queue.0.lock();
        let (turn, unused) = queue.look(place, waker);
        let counts = Counts::of(self.word(), &queue);
        drop(queue);
        drop(unused);
        match turn {
            None => Poll::Pending,
            Some(Turn::Come(cost)) => Poll::Ready(Ok(cost)),
            Some(Turn::GivenUp) => Poll::Ready(Err(counts)),
        }
    }

    /// Takes a call out of the queue. `Ok` where its turn had come by then, and its permits are its own.
    pub(crate) fn leave(&self, place: Place, now: impl FnOnce() -> Instant) -> Result<u32, Counts> {
        let now = self.time(now);
        let mut wakers = Wakers::default();
        let mut queue = self.queue.0.lock();
        let (turn, unused) = queue.leave(place);
        // Others may fit where it did not.
        self.settle(&mut queue, now, &mut wakers);
        let counts = Counts::of(self.word(), &queue);
        drop(queue);
        drop(unused);
        wakers.wake();
        match turn {
            Some(Turn::Come(cost)) => Ok(cost),
            Some(Turn::GivenUp) | None => Err(counts),
        }
    }

    /// Changes the limit. Those who wait for more than that are given up.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.change_limit(limit).wake();
    }

    fn change_limit(&self, limit: u32) -> Wakers {
        let mut wakers = Wakers::default();
        let mut queue = self.queue.0.lock();
        let word = self.word();
        self.change(word, word.with_limit(limit));
        if self.is_adaptive() {
            queue.lighten(limit);
        } else {
            queue.shed_above(limit, &mut wakers);
        }
        self.settle(&mut queue, None, &mut wakers);
        wakers
    }

    /// Whether it learns its limit from the calls.
    #[inline]
    pub(crate) fn is_adaptive(&self) -> bool {
        self.feed.is_some()
    }

    /// Learns from a call that ended at `now`, when so many permits were out.
    pub(crate) fn learn<R: Runtime>(
        &self,
        sample: Sample,
        in_flight: u32,
        now: Instant,
        runtime: &R,
    ) {
        let Some(feed) = &self.feed else {
            return;
        };
        let set = |limit| (self.word().limit(), limit, self.change_limit(limit));
        let call = Tally::one(sample, in_flight);
        if let Some((from, to, wakers)) = feed.record_at(call, now, || runtime.random(), set) {
            runtime.emit(&Event::limit_changed(self.settings.name, from, to));
            wakers.wake();
        }
    }

    /// What there is to say to a call for which `word` has no room.
    pub(crate) fn counts(&self, word: Word) -> Counts {
        if word.is_full() || !word.is_queued() {
            let waiting = if word.is_queued() {
                self.settings.max_waiting
            } else {
                0
            };
            return Counts {
                running: word.in_flight(),
                waiting,
            };
        }
        let queue = self.queue.0.lock();
        Counts::of(self.word(), &queue)
    }

    /// Tells of a refusal.
    pub(crate) fn reject<R: Runtime>(&self, runtime: &R, counts: Counts) -> Rejection {
        let kind = RejectionKind::BulkheadFull {
            running: counts.running,
            waiting: counts.waiting,
        };
        runtime.emit(&Event::rejected(self.settings.name, kind));
        Rejection::new(self.settings.name, kind)
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        f.debug_struct("Bulkhead")
            .field("name", &self.settings.name)
            .field("limit", &word.limit())
            .field("in_flight", &word.in_flight())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

//! The shared state of a breaker: what calls load and record, and the lock for everything rare.

use std::{fmt, mem, time::Duration};

use steadfast_core::{Attempt, Event, Instant, RejectionKind, Runtime};

use crate::{
    control::{Admission, Control, Ending},
    ended::Ended,
    in_a_row::InARow,
    settings::{Health, Settings},
    snapshot::{Cause, Snapshot, State},
    sync::{Acquire, AtomicU64, Mutex, OwnLine, Relaxed, Release},
    window::{Sample, Window},
    word::{Kind, Word},
};

pub(crate) struct Cell {
    pub(crate) settings: Settings,
    front: OwnLine<Front>,
    window: Window,
    in_a_row: InARow,
    stale: OwnLine<AtomicU64>,
    pub(crate) control: Mutex<Control>,
}

/// What calls load and only transitions store.
#[derive(Debug)]
struct Front {
    word: AtomicU64,
    /// See `Control`.
    mark: AtomicU64,
    open_nanos: AtomicU64,
}

impl Cell {
    pub(crate) fn new(settings: Settings) -> Self {
        Cell {
            front: OwnLine(Front {
                word: AtomicU64::new(Word::FIRST.bits()),
                mark: AtomicU64::new(0),
                open_nanos: AtomicU64::new(0),
            }),
            window: Window::new(&settings),
            in_a_row: InARow::new(),
            stale: OwnLine(AtomicU64::new(0)),
            control: Mutex::new(Control::new()),
            settings,
        }
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        // Acquire: pairs with the store in `change`, which publishes the window of the period.
        Word::from_bits(self.front.0.word.load(Acquire))
    }

    /// Lets a call through, or says how long to stay away.
    #[inline]
    pub(crate) fn admit<R: Runtime>(
        &self,
        attempt: &mut Attempt<R>,
    ) -> Result<Word, Option<Duration>> {
        let word = self.word();
        if word.is_closed() {
            return Ok(word);
        }
        self.admit_unless_closed(word, attempt)
    }

    fn admit_unless_closed<R: Runtime>(
        &self,
        word: Word,
        attempt: &mut Attempt<R>,
    ) -> Result<Word, Option<Duration>> {
        let admission = match word.kind() {
            Kind::ForcedClosed => Admission::Pass(Word::UNWATCHED),
            Kind::Isolated => Admission::Refuse(None),
            Kind::Open => match self.still_open_at(attempt.now()) {
                Some(remaining) => Admission::Refuse(Some(remaining)),
                None => self.decide(attempt),
            },
            _ => self.decide(attempt),
        };
        let refused = match admission {
            Admission::Pass(word) => return Ok(word),
            Admission::Refuse(retry_after) => retry_after,
        };
        let name = self.settings.name;
        let kind = RejectionKind::CircuitOpen;
        if self.settings.shadow {
            attempt.runtime().emit(&Event::would_reject(name, kind));
            return Ok(Word::UNWATCHED);
        }
        attempt.runtime().emit(&Event::rejected(name, kind));
        Err(refused)
    }

    /// How long it stays open, where that needs no second look.
    fn still_open_at(&self, now: Instant) -> Option<Duration> {
        // Relaxed: they were stored before the word, or belong to a later time that it is open.
        let remaining = self
            .front
            .0
            .mark
            .load(Relaxed)
            .saturating_sub(now.as_nanos());
        // More is left than it is open in all where the clock was turned back.
        let is_open = remaining > 0 && remaining <= self.front.0.open_nanos.load(Relaxed);
        is_open.then(|| Duration::from_nanos(remaining))
    }

    #[cold]
    fn decide<R: Runtime>(&self, attempt: &mut Attempt<R>) -> Admission {
        let now = attempt.now();
        let runtime = attempt.runtime();
        let random = runtime.random();
        let admission = self.change(|control| control.admit_at(now, &self.settings, random));
        let lent = Lent {
            cell: self,
            admission,
            now,
        };
        self.deliver(runtime);
        mem::forget(lent);
        admission
    }

    /// Counts what a call came to that was let through under `word`.
    #[inline]
    pub(crate) fn record<R: Runtime>(&self, word: Word, result: &Ended<'_, R>) {
        let is_good = result.health == Health::Good;
        if !(is_good && word == self.word() && self.is_unmoved_by_good_calls(word)) {
            self.count_in_every_rule(word, result);
        }
    }

    /// Whether one more good call would change nothing: most of the time, so this is all that is made
    /// part of the caller.
    #[inline]
    fn is_unmoved_by_good_calls(&self, word: Word) -> bool {
        word.is_closed()
            && self.window.is_unmoved_by_good_calls(word)
            && !self.settings.watches_slow()
            && (self.settings.consecutive.is_none() || self.in_a_row.failures(word) == 0)
    }

    #[inline(never)]
    fn count_in_every_rule<R: Runtime>(&self, word: Word, result: &Ended<'_, R>) {
        let settings = &self.settings;
        match word.kind() {
            Kind::Closed | Kind::Ramping if result.health != Health::Unknown => {}
            Kind::HalfOpen => return self.take_back(word, result),
            _ => return,
        }
        let mut now = Instant::MAX;
        let mut place = 0;
        if settings.needs_time() {
            now = result.now();
            place = match self.window.place_at(now) {
                Some(place) => place,
                None => self.place_again_at(now, word),
            };
        }
        if !word.is_of_period(self.word()) {
            return self.count_stale();
        }
        let cause = self.count(word, place, result.health, result.is_slow(settings, now));
        if let Some(cause) = cause {
            self.trip(word, cause, result, now);
        }
    }

    /// Makes a place in the window after the clock was turned back.
    #[cold]
    fn place_again_at(&self, now: Instant, word: Word) -> u32 {
        let control = self.control.lock();
        if word.is_of_period(control.word()) {
            self.window.turn_back_to(now);
        }
        self.window.place_at(now).unwrap_or(0)
    }

    #[cold]
    fn count_stale(&self) {
        self.stale.0.fetch_add(1, Relaxed);
    }

    /// Counts a call in every rule; why the breaker has to open, if it has to.
    #[inline]
    fn count(&self, word: Word, place: u32, health: Health, slow: bool) -> Option<Cause> {
        let settings = &self.settings;
        let failed = health.is_bad();
        let sample = Sample { failed, slow };
        let counts = self.window.record(word, place, sample, settings);
        let mut cause = counts.and_then(|counts| settings.judge(counts));
        if let Some(limit) = settings.consecutive {
            if self.in_a_row.record(word, health) >= limit {
                cause = cause.or(Some(Cause::ConsecutiveFailures));
            }
        }
        cause
    }

    #[cold]
    fn trip<R: Runtime>(&self, word: Word, cause: Cause, result: &Ended<'_, R>, now: Instant) {
        let ending = result.ending(&self.settings, now);
        let random = result.runtime.random();
        let settings = &self.settings;
        let counts = self.change(|control| control.trip(word, cause, ending, settings, random));
        if counts {
            self.deliver(result.runtime);
        }
    }

    #[cold]
    fn take_back<R: Runtime>(&self, word: Word, result: &Ended<'_, R>) {
        let ending = result.ending(&self.settings, Instant::MAX);
        let random = result.runtime.random();
        let settings = &self.settings;
        let counts = self.change(|control| control.take_back(word, ending, settings, random));
        if counts {
            self.deliver(result.runtime);
        } else if result.health != Health::Unknown {
            self.count_stale();
        }
    }

    /// Changes the state, and makes the change known.
    fn change<T>(&self, change: impl FnOnce(&mut Control) -> T) -> T {
        let mut control = self.control.lock();
        let before = control.word();
        let mark = control.mark();
        let next = control.log.next_sequence();
        let answer = change(&mut control);
        let word = control.word();
        if word == before && mark == control.mark() {
            return answer;
        }
        let begins = matches!(word.kind(), Kind::Closed | Kind::Ramping);
        if begins && !word.is_of_period(before) {
            // Where it was closed before, that period is over before its window is emptied. Release: who
            // sees the window empty sees this, and does not count in it what is late.
            let between = word.same_period(Kind::Unwatched);
            self.front.0.word.store(between.bits(), Release);
            self.window.begin(word);
        }
        if word.kind() == Kind::Open {
            // Relaxed: published with the word. In no other state: see `still_open_at`.
            self.front.0.mark.store(control.mark().as_nanos(), Relaxed);
            self.front.0.open_nanos.store(control.open_nanos(), Relaxed);
        }
        // Release: pairs with the load in `word`.
        self.front.0.word.store(word.bits(), Release);
        let waiting = if next == control.log.next_sequence() {
            Vec::new()
        } else {
            control.log.take_waiting()
        };
        drop(control);
        for (_, waker) in waiting {
            waker.wake();
        }
        answer
    }

    pub(crate) fn isolate(&self) {
        self.change(Control::isolate);
    }

    pub(crate) fn force_closed(&self) {
        self.change(Control::force_closed);
    }

    pub(crate) fn reset(&self) {
        self.change(Control::reset);
    }

    pub(crate) fn open_at(&self, now: Instant, length: Duration) {
        self.change(|control| control.open_by_hand_at(now, length));
    }

    pub(crate) fn snapshot_at(&self, now: Instant) -> Snapshot {
        let control = self.control.lock();
        let word = control.word();
        let state = State::of(word.kind());
        let remaining = control.mark() - now;
        let is_closed = matches!(state, State::Closed | State::Ramping);
        Snapshot {
            state,
            remaining: if state == State::Open {
                remaining.min(Duration::from_nanos(control.open_nanos()))
            } else {
                Duration::ZERO
            },
            reopened: control.reopened(),
            consecutive_failures: self.in_a_row.failures(word),
            window: if is_closed {
                self.window.buckets_at(word, now)
            } else {
                Vec::new()
            },
            stale: self.stale.0.load(Relaxed),
        }
    }

    /// Whether it is closed and remembers nothing bad.
    pub(crate) fn is_untroubled_at(&self, now: Instant) -> bool {
        let seen = self.snapshot_at(now);
        let bad = seen.failures() + seen.slow() + u64::from(seen.consecutive_failures);
        seen.state == State::Closed && bad == 0
    }

    pub(crate) fn restore_at(&self, now: Instant, snapshot: &Snapshot) {
        self.change(|control| {
            let remaining = snapshot.remaining;
            control.restore_at(now, snapshot.state, remaining, snapshot.reopened);
        });
        if snapshot.state == State::Closed {
            let word = self.word();
            self.window.refill_at(word, now, &snapshot.window);
            self.in_a_row.set(word, snapshot.consecutive_failures);
        }
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.settings.name)
            .field("state", &State::of(self.word().kind()))
            .finish_non_exhaustive()
    }
}

/// Gives a probe's place back where an observer panics before the call holds it.
struct Lent<'a> {
    cell: &'a Cell,
    admission: Admission,
    now: Instant,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Admission::Pass(word) = self.admission else {
            return;
        };
        if word.kind() == Kind::HalfOpen {
            let ending = Ending {
                health: Health::Unknown,
                slow: false,
                now: self.now,
                retry_after: None,
            };
            let settings = &self.cell.settings;
            self.cell
                .change(|control| control.take_back(word, ending, settings, 0));
        }
    }
}

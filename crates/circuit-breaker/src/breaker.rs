//! The shared state of a breaker: what calls load and record, and the lock for everything rare.

use std::{fmt, mem, time::Duration};

use steadfast_core::{Attempt, Event, Instant, RejectionKind, Runtime, Wakers};

use crate::{
    control::{Admission, Control, Ending},
    ended::Ended,
    in_a_row::InARow,
    settings::{Health, Settings},
    snapshot::{Cause, State},
    sync::{Acquire, AtomicU64, Mutex, OwnLine, Relaxed, Release},
    window::{Sample, Window},
    word::{Kind, Word},
};

pub(crate) struct Cell {
    pub(crate) settings: Settings,
    front: OwnLine<Front>,
    pub(crate) window: Window,
    pub(crate) in_a_row: InARow,
    pub(crate) stale: OwnLine<AtomicU64>,
    handles: AtomicU64,
    pub(crate) control: Mutex<Control>,
}

/// What comes of a change of state.
#[must_use = "readers wait to be woken"]
pub(crate) struct Changed<T> {
    answer: T,
    /// Readers, to be woken when all is done that must not be left out: one of them may panic.
    pub(crate) readers: Wakers,
    /// Whether there is something that observers have to be told.
    is_untold: bool,
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
            handles: AtomicU64::new(1),
            control: Mutex::new(Control::new()),
            settings,
        }
    }

    pub(crate) fn add_handle(&self) {
        // Relaxed: who clones a handle holds one.
        self.handles.fetch_add(1, Relaxed);
    }

    pub(crate) fn remove_handle(&self) {
        // Release: pairs with the load in `has_one_handle`.
        if self.handles.fetch_sub(1, Release) == 1 {
            self.end();
        }
    }

    pub(crate) fn has_one_handle(&self) -> bool {
        // Acquire: what was done through a handle that is gone is seen from here on.
        self.handles.load(Acquire) == 1
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        // Acquire: pairs with the store in `change`, which publishes the window of the period.
        Word::from_bits(self.front.0.word.load(Acquire))
    }

    /// Lets a call through, or says how long to stay away.
    #[inline(never)]
    pub(crate) fn admit_unless_closed<R: Runtime>(
        &self,
        word: Word,
        attempt: &mut Attempt<R>,
    ) -> Result<Word, Option<Duration>> {
        let admission = match word.kind() {
            _ if word.is_untold() => self.decide(attempt),
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
        let changed = self.change(|control| control.admit_at(now, &self.settings, random));
        let admission = changed.answer;
        let lent = Lent {
            cell: self,
            admission,
            now,
        };
        changed.readers.wake();
        if changed.is_untold {
            self.deliver(runtime);
        }
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
        let (mut place, mut slow) = (0, false);
        if settings.needs_time() {
            let now = result.now(settings);
            slow = result.is_slow(settings, now);
            place = match self.window.place_at(now) {
                Some(place) => place,
                None => self.place_again(word, result.runtime),
            };
        }
        if !word.is_of_period(self.word()) {
            return self.count_stale();
        }
        if let Some(cause) = self.count(word, place, result.health, slow) {
            self.trip(word, cause, result);
        }
    }

    /// A place in the window, where the time that was read lies before it: it is older than the window by
    /// now, or the clock was turned back, which makes a new place.
    #[cold]
    fn place_again<R: Runtime>(&self, word: Word, runtime: &R) -> u32 {
        let now = runtime.now();
        let control = self.control.lock();
        if word.is_of_period(control.word()) && self.window.place_at(now).is_none() {
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
    fn trip<R: Runtime>(&self, word: Word, cause: Cause, result: &Ended<'_, R>) {
        let settings = &self.settings;
        let ending = result.ending(settings);
        let random = result.runtime.random();
        let changed = self.change(|control| control.trip(word, cause, ending, settings, random));
        if changed.is_untold {
            self.deliver(result.runtime);
        }
    }

    #[cold]
    fn take_back<R: Runtime>(&self, word: Word, result: &Ended<'_, R>) {
        let settings = &self.settings;
        let ending = result.ending(settings);
        let random = result.runtime.random();
        let changed = self.change(|control| control.take_back(word, ending, settings, random));
        if !changed.answer {
            if result.health != Health::Unknown {
                self.count_stale();
            }
        } else if changed.is_untold {
            self.deliver(result.runtime);
        }
    }

    /// Changes the state, and publishes it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Control) -> T) -> Changed<T> {
        self.change_and_fill(change, |_| ())
    }

    /// The same; where it begins a closed period, `fill` may fill the window for it.
    pub(crate) fn change_and_fill<T>(
        &self,
        change: impl FnOnce(&mut Control) -> T,
        fill: impl FnOnce(Word),
    ) -> Changed<T> {
        let mut control = self.control.lock();
        let before = control.word();
        let mark = control.mark();
        let next = control.log.next_sequence();
        let answer = change(&mut control);
        let mut changed = Changed {
            answer,
            readers: Wakers::default(),
            is_untold: control.log.is_untold(),
        };
        let word = control.word();
        if word == before && mark == control.mark() {
            return changed;
        }
        let begins = matches!(word.kind(), Kind::Closed | Kind::Ramping);
        if begins && !word.is_of_period(before) {
            // Where it was closed before, that period is over before its window is emptied. Release: who
            // sees the window empty sees this, and does not count in it what is late.
            let between = word.same_period(Kind::Unwatched);
            self.front.0.word.store(between.bits(), Release);
            self.window.begin(word);
            fill(word);
        }
        if word.kind() == Kind::Open {
            // Relaxed: published with the word. In no other state: see `still_open_at`.
            self.front.0.mark.store(control.mark().as_nanos(), Relaxed);
            self.front.0.open_nanos.store(control.open_nanos(), Relaxed);
        }
        // Release: pairs with the load in `word`.
        self.front.0.word.store(word.bits(), Release);
        if next != control.log.next_sequence() {
            changed.readers = control.log.take_waiting();
        }
        changed
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
                began: self.now,
                now: self.now,
                retry_after: None,
            };
            let settings = &self.cell.settings;
            let change = |control: &mut Control| control.take_back(word, ending, settings, 0);
            self.cell.change(change).readers.wake();
        }
    }
}

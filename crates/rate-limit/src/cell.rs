//! The shared state of a limit: one word that calls exchange, and the lock for those who wait.

use std::{fmt, task::Waker};

use steadfast_core::{Event, Instant, Rejection, Runtime, Wakers};

use crate::{
    book::{Book, Entered, Place, Turn},
    frame::{CLOSED, Decision, Frame},
    limited::Limited,
    rule::{Rule, Shape},
    settings::Settings,
    sync::{Acquire, AtomicU64, Mutex, MutexGuard, OwnLine, Relaxed, Release},
    tally::Tally,
};

/// While the word is open it is the state, together with the frame that says how to read it. While it is
/// closed the book under the lock is: when somebody waits, as a wait that is cancelled takes the state back;
/// when the frame is being changed; always for a sliding window; and where the state is none that a word
/// can say. Only who has the lock closes and opens it, and the frame is written while it is closed. So a word
/// that is still there after the frame was read is of that frame: the exchange proves it for who takes, and
/// a second look for who is refused.
///
/// Within a frame the word only grows. What is left is a thread that sleeps between its look and its
/// exchange, and wakes when another frame has the very word that it saw. The bases of frames are spread over
/// all words, so that it would have to be one word in 2^63 by chance.
pub(crate) struct Cell {
    pub(crate) settings: Settings,
    line: OwnLine<Line>,
    book: OwnLine<Mutex<Book>>,
}

/// What a call reads. It fills the first of the two cache lines.
struct Line {
    word: AtomicU64,
    base: AtomicU64,
    mark: AtomicU64,
    reach: AtomicU64,
    ticks: AtomicU64,
    unit: AtomicU64,
    burst: AtomicU64,
    per: AtomicU64,
}

impl Line {
    fn new(word: u64, frame: &Frame) -> Line {
        Line {
            word: AtomicU64::new(word),
            base: AtomicU64::new(frame.base),
            mark: AtomicU64::new(frame.mark),
            reach: AtomicU64::new(frame.reach),
            ticks: AtomicU64::new(frame.rule.ticks),
            unit: AtomicU64::new(frame.rule.unit),
            burst: AtomicU64::new(frame.rule.burst.into()),
            per: AtomicU64::new(frame.rule.per),
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a burst was written")]
    fn frame(&self, shape: Shape) -> Frame {
        // Acquire: pairs with `publish`. Whoever sees a part of a frame sees that the word was closed for it.
        let read = |part: &AtomicU64| part.load(Acquire);
        Frame {
            rule: Rule {
                shape,
                per: if shape == Shape::Fixed {
                    read(&self.per)
                } else {
                    1
                },
                ticks: read(&self.ticks),
                unit: read(&self.unit),
                burst: read(&self.burst) as u32,
            },
            base: read(&self.base),
            mark: read(&self.mark),
            reach: read(&self.reach),
        }
    }

    /// Writes a frame and opens the word, which is closed, with the lock held.
    fn publish(&self, word: u64, frame: &Frame) {
        // Release: pairs with `frame`, after the word was closed.
        let write = |part: &AtomicU64, value| part.store(value, Release);
        write(&self.base, frame.base);
        write(&self.mark, frame.mark);
        write(&self.reach, frame.reach);
        write(&self.ticks, frame.rule.ticks);
        write(&self.unit, frame.rule.unit);
        write(&self.burst, frame.rule.burst.into());
        write(&self.per, frame.rule.per);
        // Release: whoever sees the word, or one that was exchanged for it, sees its frame.
        write(&self.word, word);
    }
}

impl Cell {
    pub(crate) fn new(settings: Settings) -> Self {
        let frame = Frame::new(settings.rule, 0, 0);
        let word = if settings.rule.shape == Shape::Sliding {
            CLOSED
        } else {
            0
        };
        let book = Book::new(settings.rule, settings.max_waiting);
        Cell {
            line: OwnLine(Line::new(word, &frame)),
            book: OwnLine(Mutex::new(book)),
            settings,
        }
    }

    /// Takes `cost` units at `now`.
    // Kept apart it saves and restores the registers that it needs, and the exchange waits for each of these.
    #[inline(always)]
    pub(crate) fn try_take_at(&self, now: Instant, cost: u32) -> Result<(), Limited> {
        if cost == 0 {
            return Ok(());
        }
        let line = &self.line.0;
        // Acquire: pairs with `publish`, for the frame.
        let mut seen = line.word.load(Acquire);
        while seen & CLOSED == 0 {
            let frame = line.frame(self.settings.rule.shape);
            let newer = match frame.decide(seen, now, cost) {
                Decision::Admitted(next) => {
                    // Relaxed: with its frame the word is the whole state, and nothing is published by it.
                    // Acquire where it failed: as the load above.
                    match line
                        .word
                        .compare_exchange_weak(seen, next, Relaxed, Acquire)
                    {
                        Ok(_) => return Ok(()),
                        Err(newer) => newer,
                    }
                }
                Decision::Limited(until) => {
                    // Acquire: as the load above.
                    let newer = line.word.load(Acquire);
                    if newer == seen {
                        return Err(Limited::Until(until));
                    }
                    newer
                }
                Decision::Beyond => break,
            };
            seen = newer;
        }
        self.take_under_lock(now, cost)
    }

    #[cold]
    fn take_under_lock(&self, now: Instant, cost: u32) -> Result<(), Limited> {
        self.with_book(now, |book, now, _| book.take_at(now, cost))
    }

    /// Takes `cost` units at `now`, or a place in the queue where the turn comes not after `latest`.
    pub(crate) fn enter_at(
        &self,
        now: Instant,
        cost: u32,
        latest: Instant,
        waker: &Waker,
    ) -> Entered {
        let waker = waker.clone();
        let (entered, unused) =
            self.with_book(now, |book, now, _| book.enter_at(now, cost, latest, waker));
        drop(unused);
        entered
    }

    /// What becomes of a call that waits. If its turn is moved, `waker` is woken.
    pub(crate) fn look(&self, place: Place, waker: &Waker) -> Turn {
        let waker = waker.clone();
        let mut book = self.book.0.lock();
        let (turn, unused) = book.look(place, waker);
        drop(book);
        drop(unused);
        turn
    }

    /// What becomes of a call whose turn is at hand at `now`.
    pub(crate) fn come_at(&self, place: Place, now: Instant) -> Turn {
        let (turn, unused) = self.with_book(now, |book, now, _| book.come_at(place, now));
        drop(unused);
        turn
    }

    /// Takes a call out of the queue.
    pub(crate) fn leave_at(&self, place: Place, now: Instant) -> Turn {
        let (turn, unused) =
            self.with_book(now, |book, now, wakers| book.leave_at(place, now, wakers));
        drop(unused);
        turn
    }

    pub(crate) fn refund_at(&self, now: Instant, cost: u32) {
        self.with_book(now, |book, now, wakers| book.refund_at(now, cost, wakers));
    }

    /// Goes over to the rule that `next` makes of the present one.
    pub(crate) fn change_at<E>(
        &self,
        now: Instant,
        next: impl FnOnce(&Rule) -> Result<Rule, E>,
    ) -> Result<(), E> {
        self.with_book(now, |book, now, wakers| {
            let rule = next(&book.rule)?;
            book.change_at(now, rule, wakers);
            Ok(())
        })
    }

    /// Closes the word, does something with the book, opens the word if that can be, and wakes whoever is to
    /// be woken, in that order. A time before the mark counts as the mark.
    fn with_book<T>(
        &self,
        now: Instant,
        act: impl FnOnce(&mut Book, Instant, &mut Wakers) -> T,
    ) -> T {
        let mut wakers = Wakers::default();
        let mut book = self.book.0.lock();
        let line = &self.line.0;
        let frame = line.frame(self.settings.rule.shape);
        // Relaxed: the lock orders those who close and open, and what is written next is a release.
        let word = line.word.fetch_or(CLOSED, Relaxed);
        if word & CLOSED == 0 {
            book.tally = Tally::Arrival(frame.arrival(word));
        }
        let now = now.max(Instant::from_nanos(frame.mark));
        let result = act(&mut book, now, &mut wakers);
        self.open(&book, &frame, now);
        drop(book);
        wakers.wake();
        result
    }

    fn open(&self, book: &MutexGuard<'_, Book>, frame: &Frame, now: Instant) {
        let line = &self.line.0;
        match &book.tally {
            Tally::Arrival(arrival) if book.waiting() == 0 => {
                if let Some((frame, word)) = frame.next(book.rule, *arrival, now) {
                    line.publish(word, &frame);
                    return;
                }
            }
            Tally::Arrival(_) | Tally::Log(_) => {}
        }
        // Release: as in `publish`, though of a closed word nobody reads it but who has the lock.
        line.mark.store(book.rule.step(now), Release);
    }

    /// Asks something of the state, and changes nothing, as `now` may be a time that is only thought of.
    pub(crate) fn ask<T>(&self, now: Instant, question: impl Fn(&Rule, &Tally, Instant) -> T) -> T {
        let line = &self.line.0;
        loop {
            // Acquire: as in `try_take_at`.
            let seen = line.word.load(Acquire);
            let frame = line.frame(self.settings.rule.shape);
            let now = now.max(Instant::from_nanos(frame.mark));
            if seen & CLOSED == 0 {
                let tally = Tally::Arrival(frame.arrival(seen));
                let answer = question(&frame.rule, &tally, now);
                // Relaxed: what was read before it is acquired, and nothing is read after it.
                if line.word.load(Relaxed) == seen {
                    return answer;
                }
                continue;
            }
            let book = self.book.0.lock();
            // Relaxed: the lock orders it with whoever opens.
            if line.word.load(Relaxed) & CLOSED != 0 {
                let mark = line.frame(self.settings.rule.shape).mark;
                return question(&book.rule, &book.tally, now.max(Instant::from_nanos(mark)));
            }
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.book.0.lock().waiting()
    }

    /// The rule of the present.
    pub(crate) fn rule(&self) -> Rule {
        self.book.0.lock().rule
    }

    /// Whether a call that there is nothing for may wait for its turn.
    #[inline]
    pub(crate) fn may_wait(&self, limited: Limited) -> bool {
        !self.settings.max_wait.is_zero() && matches!(limited, Limited::Until(_))
    }

    /// Tells of a refusal.
    pub(crate) fn reject<R: Runtime>(
        &self,
        runtime: &R,
        limited: Limited,
        now: Instant,
    ) -> Rejection {
        let rejection = limited.rejection(self.settings.name, now);
        runtime.emit(&Event::rejected(self.settings.name, rejection.kind()));
        rejection
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let book = self.book.0.lock();
        let (rule, waiting) = (book.rule, book.waiting());
        drop(book);
        f.debug_struct("RateLimit")
            .field("name", &self.settings.name)
            .field("shape", &rule.shape)
            .field("burst", &rule.burst)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(steadfast_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cell(shape: Shape, n: u32) -> Cell {
        let rule = Rule::new(shape, n, Duration::from_secs(1), None);
        Cell::new(Settings {
            rule: rule.expect("a valid rule"),
            max_wait: Duration::from_secs(60),
            max_waiting: 10,
            name: "limit",
        })
    }

    fn is_open(cell: &Cell) -> bool {
        cell.line.0.word.load(Relaxed) & CLOSED == 0
    }

    #[test]
    fn the_word_is_closed_while_somebody_waits_and_open_again_then() {
        for shape in [Shape::Bucket, Shape::Fixed] {
            let (cell, now) = (cell(shape, 3), Instant::from_nanos(1_000));
            assert!(is_open(&cell));
            cell.try_take_at(now, 3).unwrap();
            assert!(is_open(&cell));
            let entered = cell.enter_at(now, 1, Instant::MAX, Waker::noop());
            let Entered::Waits(place, _) = entered else {
                panic!("{entered:?}");
            };
            assert!(!is_open(&cell));
            cell.leave_at(place, now);
            assert!(is_open(&cell));
            for change in [1, 3] {
                cell.change_at(now, |rule| rule.with_rate(change, Duration::from_secs(1)))
                    .unwrap();
                cell.refund_at(now, 1);
                assert!(is_open(&cell));
            }
        }
        assert!(!is_open(&cell(Shape::Sliding, 3)));
    }

    #[test]
    fn a_pause_that_the_word_does_not_reach_leaves_it_open() {
        let cell = cell(Shape::Bucket, 7_919);
        let late = Instant::from_nanos(1 << 62);
        cell.try_take_at(late, 1).unwrap();
        assert!(is_open(&cell));
        let mark = cell.line.0.mark.load(Relaxed);
        assert_eq!(mark, late.as_nanos());
    }
}

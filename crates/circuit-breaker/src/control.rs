//! The states and the ways between them: what happens when, decided from what is passed in.

use std::time::Duration;

use steadfast_core::{Instant, saturating_nanos};

use crate::{
    chance::below,
    log::Log,
    settings::{Health, Settings},
    snapshot::{Cause, State},
    word::{Kind, Word},
};

/// The state as whoever changes it sees it, under the breaker's lock.
#[derive(Debug)]
pub(crate) struct Control {
    word: Word,
    /// Until when it is open or half-open, or since when it has been ramping.
    mark: Instant,
    /// How long it is open in all.
    open_nanos: u64,
    /// How often it has opened again, after probes that went badly, since it was closed last.
    reopened: u32,
    probes: Probes,
    pub(crate) log: Log,
}

/// The probes of one half-open state.
#[derive(Clone, Copy, Debug, Default)]
struct Probes {
    out: u32,
    judged: u32,
    failed: u32,
    failed_in_a_row: u32,
}

impl Probes {
    fn lent(self) -> u32 {
        self.out + self.judged
    }

    /// Those that are out now have failed.
    fn given_up(self) -> Probes {
        Probes {
            out: 0,
            judged: self.lent(),
            failed: self.failed + self.out,
            failed_in_a_row: self.failed_in_a_row + self.out,
        }
    }
}

/// What becomes of a call that was not simply let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Pass(Word),
    /// With the time after which it has a chance, where that is known.
    Refuse(Option<Duration>),
}

/// What a call brings back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) health: Health,
    pub(crate) slow: bool,
    pub(crate) began: Instant,
    pub(crate) now: Instant,
    pub(crate) retry_after: Option<Duration>,
}

impl Control {
    pub(crate) fn new() -> Self {
        Control {
            word: Word::FIRST,
            mark: Instant::from_nanos(0),
            open_nanos: 0,
            reopened: 0,
            probes: Probes::default(),
            log: Log::new(),
        }
    }

    pub(crate) fn word(&self) -> Word {
        self.word
    }

    pub(crate) fn mark(&self) -> Instant {
        self.mark
    }

    pub(crate) fn open_nanos(&self) -> u64 {
        self.open_nanos
    }

    pub(crate) fn reopened(&self) -> u32 {
        self.reopened
    }

    /// Whether its time was over so long ago as it was open, and nobody has called since.
    pub(crate) fn is_forgotten_at(&self, now: Instant) -> bool {
        self.mark + Duration::from_nanos(self.open_nanos) <= now
    }

    fn go(&mut self, word: Word, cause: Cause) {
        let (from, to) = (State::of(self.word.kind()), State::of(word.kind()));
        if from != to {
            self.log.push(from, to, cause);
        }
        // A call tells of what it does itself.
        let is_untold = cause == Cause::ByHand && (from != to || self.word.is_untold());
        self.word = if is_untold { word.untold() } else { word };
    }

    fn open_at(&mut self, now: Instant, nanos: u64, cause: Cause) {
        self.open_nanos = nanos;
        self.mark = now + Duration::from_nanos(nanos);
        self.go(self.word.next(Kind::Open), cause);
    }

    fn reopen_at(
        &mut self,
        now: Instant,
        retry_after: Option<Duration>,
        cause: Cause,
        settings: &Settings,
        random: u64,
    ) {
        self.reopened = self.reopened.saturating_add(1);
        let nanos = settings.open_nanos(self.reopened, retry_after, random);
        self.open_at(now, nanos, cause);
    }

    /// Decides on a call that comes in any state, and that tells observers what they do not know.
    pub(crate) fn admit_at(&mut self, now: Instant, settings: &Settings, random: u64) -> Admission {
        self.word = self.word.told();
        match self.word.kind() {
            Kind::Closed | Kind::Unwatched => Admission::Pass(self.word),
            Kind::ForcedClosed => Admission::Pass(Word::UNWATCHED),
            Kind::Isolated => Admission::Refuse(None),
            Kind::Open => {
                if now < self.mark {
                    // Longer than it has ever been open in all: the clock was turned back.
                    let longest = Duration::from_nanos(self.open_nanos);
                    let remaining = (self.mark - now).min(longest);
                    self.mark = now + remaining;
                    return Admission::Refuse(Some(remaining));
                }
                self.probes = Probes::default();
                self.mark = now + settings.half_open_for;
                self.go(self.word.next(Kind::HalfOpen), Cause::OpenTimeOver);
                self.lend_at(now, settings)
            }
            Kind::HalfOpen => {
                if now >= self.mark {
                    self.end_half_open_at(now, None, settings, random);
                    return self.admit_at(now, settings, random);
                }
                self.mark = self.mark.min(now + settings.half_open_for);
                self.lend_at(now, settings)
            }
            Kind::Ramping => {
                self.mark = self.mark.min(now); // The clock may have been turned back.
                let since = now.saturating_nanos_since(self.mark);
                match settings.ramp_share(since) {
                    Some((share, rest)) => {
                        let draw = below(share.denominator().into(), random);
                        if draw < share.numerator().into() {
                            Admission::Pass(self.word)
                        } else {
                            Admission::Refuse(Some(rest))
                        }
                    }
                    None => {
                        self.reopened = 0;
                        self.go(self.word.same_period(Kind::Closed), Cause::RampOver);
                        Admission::Pass(self.word)
                    }
                }
            }
        }
    }

    /// Lends a permit for a probe, where there is one.
    fn lend_at(&mut self, now: Instant, settings: &Settings) -> Admission {
        if self.probes.lent() >= settings.probes {
            // Half-open is over then, whatever the probes do.
            return Admission::Refuse(Some(self.mark - now));
        }
        self.probes.out += 1;
        Admission::Pass(self.word)
    }

    /// Takes back a probe's permit, with what it came to; `false` when it is of an earlier state.
    pub(crate) fn take_back(
        &mut self,
        word: Word,
        ending: Ending,
        settings: &Settings,
        random: u64,
    ) -> bool {
        if word != self.word {
            return false;
        }
        let probes = &mut self.probes;
        probes.out -= 1;
        if ending.health == Health::Unknown {
            return true;
        }
        let hung = ending.now - ending.began >= settings.half_open_for;
        let failed = ending.health.is_bad() || ending.slow || hung;
        probes.judged += 1;
        probes.failed += u32::from(failed);
        probes.failed_in_a_row = match ending.health {
            Health::Bad { in_a_row: false } => probes.failed_in_a_row,
            _ if failed => probes.failed_in_a_row + 1,
            _ => 0,
        };
        let Probes {
            judged,
            failed,
            failed_in_a_row,
            ..
        } = *probes;
        let (now, retry_after) = (ending.now, ending.retry_after);
        if settings.probes_failed(failed, settings.probes, failed_in_a_row) {
            let cause = if hung {
                Cause::HalfOpenTimeOver
            } else {
                Cause::ProbesFailed
            };
            self.reopen_at(now, retry_after, cause, settings, random);
        } else if judged >= settings.probes {
            self.close_at(now, settings);
        } else if now >= self.mark {
            self.end_half_open_at(now, retry_after, settings, random);
        }
        true
    }

    /// Its time is over with fewer results than were asked for. Those that came in decide, and a probe that
    /// is still out has failed.
    fn end_half_open_at(
        &mut self,
        now: Instant,
        retry_after: Option<Duration>,
        settings: &Settings,
        random: u64,
    ) {
        let cause = Cause::HalfOpenTimeOver;
        let Probes {
            judged,
            failed,
            failed_in_a_row,
            ..
        } = self.probes.given_up();
        if judged == 0 {
            // Nothing is known: it opens again, for no longer than before.
            let nanos = settings.open_nanos(self.reopened, retry_after, random);
            self.open_at(now, nanos, cause);
        } else if settings.probes_failed(failed, judged, failed_in_a_row) {
            self.reopen_at(now, retry_after, cause, settings, random);
        } else {
            self.close_at(now, settings);
        }
    }

    fn close_at(&mut self, now: Instant, settings: &Settings) {
        if settings.ramp.is_empty() {
            self.reopened = 0;
            self.go(self.word.next_period(Kind::Closed), Cause::ProbesSucceeded);
        } else {
            self.mark = now;
            self.go(self.word.next_period(Kind::Ramping), Cause::ProbesSucceeded);
        }
    }

    /// Opens, because of what calls of the period of `word` came to; `false` when that is over.
    pub(crate) fn trip(
        &mut self,
        word: Word,
        cause: Cause,
        ending: Ending,
        settings: &Settings,
        random: u64,
    ) -> bool {
        if !word.is_of_period(self.word) {
            return false;
        }
        let (now, retry_after) = (ending.now, ending.retry_after);
        if self.word.kind() == Kind::Ramping {
            self.reopen_at(now, retry_after, cause, settings, random);
        } else {
            let nanos = settings.open_nanos(0, retry_after, random);
            self.open_at(now, nanos, cause);
        }
        true
    }

    pub(crate) fn isolate(&mut self) {
        self.go(self.word.next(Kind::Isolated), Cause::ByHand);
    }

    pub(crate) fn force_closed(&mut self) {
        self.go(self.word.next(Kind::ForcedClosed), Cause::ByHand);
    }

    pub(crate) fn reset(&mut self) {
        self.reopened = 0;
        self.go(self.word.next_period(Kind::Closed), Cause::ByHand);
    }

    pub(crate) fn open_by_hand_at(&mut self, now: Instant, length: Duration) {
        self.open_at(now, saturating_nanos(length), Cause::ByHand);
    }

    pub(crate) fn restore_at(
        &mut self,
        now: Instant,
        state: State,
        remaining: Duration,
        reopened: u32,
    ) {
        match state {
            State::Closed => self.reset(),
            State::Isolated => self.isolate(),
            State::ForcedClosed => self.force_closed(),
            State::Open => self.open_by_hand_at(now, remaining),
            // Its probes are gone: whoever comes next is one.
            State::HalfOpen | State::Ramping => self.open_by_hand_at(now, Duration::ZERO),
        }
        if state != State::Closed {
            self.reopened = reopened;
        }
    }
}

//! When the oldest of a queue is to be given up: the CoDel law.

use std::time::Duration;

use steadfast_core::{Instant, saturating_nanos};

/// The state of RFC 8289, section 5. Its packets are those who wait, and what it says of dequeuing is done
/// when there is a permit for somebody.
#[derive(Clone, Debug)]
pub(crate) struct Codel {
    target: Duration,
    interval: Duration,
    /// When the oldest will have waited too long for a whole interval.
    above_until: Option<Instant>,
    dropping: bool,
    drop_next: Instant,
    /// How many were given up since it began to, and what that number was at first.
    count: u64,
    last_count: u64,
}

/// For so many intervals it remembers how fast it had to give up.
const REMEMBERED: u32 = 16;

impl Codel {
    pub(crate) fn new(target: Duration, interval: Duration) -> Self {
        Codel {
            target,
            interval,
            above_until: None,
            dropping: false,
            drop_next: Instant::from_nanos(0),
            count: 0,
            last_count: 0,
        }
    }

    /// Whether there is overload.
    pub(crate) fn is_dropping(&self) -> bool {
        self.dropping
    }

    /// Nobody waits any more.
    pub(crate) fn end(&mut self) {
        self.above_until = None;
        self.dropping = false;
    }

    /// Whether to give up the oldest, who has waited since `oldest`; `None` where it is the only one.
    /// Ask again after a yes: of the one who is the oldest then.
    pub(crate) fn drops_at(&mut self, now: Instant, oldest: Option<Instant>) -> bool {
        if !self.stays_above_at(now, oldest) {
            self.dropping = false;
            return false;
        }
        if !self.dropping {
            self.begin_at(now);
            return true;
        }
        if now < self.drop_next {
            return false;
        }
        self.count += 1;
        self.drop_next = self.law(self.drop_next);
        true
    }

    fn stays_above_at(&mut self, now: Instant, oldest: Option<Instant>) -> bool {
        let is_above = oldest.is_some_and(|since| now - since >= self.target);
        if !is_above {
            self.above_until = None;
            return false;
        }
        let until = *self.above_until.get_or_insert(now + self.interval);
        now >= until
    }

    fn begin_at(&mut self, now: Instant) {
        self.dropping = true;
        let grown = self.count - self.last_count;
        let is_recent = now - self.drop_next < self.interval.saturating_mul(REMEMBERED);
        self.count = if grown > 1 && is_recent { grown } else { 1 };
        self.last_count = self.count;
        self.drop_next = self.law(now);
    }

    /// `interval / sqrt(count)` later.
    fn law(&self, from: Instant) -> Instant {
        let interval = u128::from(saturating_nanos(self.interval));
        // Rounded down once: the root of a rounded square is that of the square.
        let wait = (interval * interval / u128::from(self.count)).isqrt();
        from + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(1_000_000_000) + ms(millis)
    }

    fn codel() -> Codel {
        Codel::new(ms(5), ms(100))
    }

    /// Asks each millisecond of a queue whose oldest has always waited a second; when it said yes.
    fn drops(codel: &mut Codel, times: std::ops::Range<u64>) -> Vec<u64> {
        let old = |now| Some(at(now).saturating_sub(ms(1000)));
        times
            .flat_map(|now| {
                let mut yes = Vec::new();
                while codel.drops_at(at(now), old(now)) {
                    yes.push(now);
                }
                yes
            })
            .collect()
    }

    #[test]
    fn drops_come_at_the_interval_by_the_root_of_their_count() {
        // 100, 100 / sqrt(1), + 100 / sqrt(2), + 100 / sqrt(3), + 100 / sqrt(4) ..
        let expected = [100, 200, 271, 329, 379, 424, 464];
        assert_eq!(drops(&mut codel(), 0..500), expected);
    }

    #[test]
    fn exactly_the_target_is_too_long_and_a_nanosecond_less_is_not() {
        let since = |before| Some(at(300).saturating_sub(before));
        for (waited, drops) in [(ms(5), true), (ms(5) - Duration::from_nanos(1), false)] {
            let mut codel = codel();
            assert!(!codel.drops_at(at(200), since(ms(200))));
            assert_eq!(codel.drops_at(at(300), since(waited)), drops);
            assert_eq!(codel.is_dropping(), drops);
        }
    }

    #[test]
    fn an_interval_begins_anew_when_the_wait_was_short_in_between() {
        let mut codel = codel();
        assert!(drops(&mut codel, 0..100).is_empty());
        assert!(!codel.drops_at(at(100), Some(at(99))));
        assert_eq!(drops(&mut codel, 101..250), [201]);
    }

    #[test]
    fn the_only_one_is_never_given_up() {
        let mut codel = codel();
        drops(&mut codel, 0..150);
        assert!(codel.is_dropping());
        assert!(!codel.drops_at(at(250), None));
        assert!(!codel.is_dropping());
    }

    #[test]
    fn it_remembers_for_sixteen_intervals_how_fast_it_had_to_drop() {
        for (pause, second) in [(1_500, 50), (1_600, 100)] {
            let mut codel = codel();
            let first = drops(&mut codel, 0..400);
            assert_eq!(first.len(), 5);
            assert!(!codel.drops_at(at(400), None));
            let begin = 400 + pause;
            let again = drops(&mut codel, begin..begin + 201);
            // Four more than it began with, so the next comes after 100 / sqrt(4) = 50; or after 100.
            assert_eq!(again[..2], [begin + 100, begin + 100 + second]);
        }
    }

    #[test]
    fn a_clock_that_is_turned_back_ends_the_overload() {
        let mut codel = codel();
        drops(&mut codel, 0..300);
        assert!(!codel.drops_at(at(100), Some(at(290))));
        assert!(!codel.is_dropping());
    }

    #[test]
    fn settings_at_their_ends_do_not_overflow() {
        let day = Duration::from_secs(86_400);
        let mut codel = Codel::new(Duration::from_nanos(1), day);
        let long_ago = Some(Instant::from_nanos(0));
        for now in [1, u64::MAX / 2, u64::MAX - 1] {
            let now = Instant::from_nanos(now);
            let drops = (0..100).take_while(|_| codel.drops_at(now, long_ago));
            assert!(drops.count() <= 100);
        }
    }
}

//! A leaky bucket as a meter: the other form of the algorithm in I.371, which keeps a level and no time of arrival.

use std::time::Duration;

use proptest::{prelude::*, test_runner::TestCaseError};
use steadfast_core::{Instant, RejectionKind};
use steadfast_rate_limit::RateLimit;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    n: u32,
    per: u64,
    burst: u32,
}

/// A level in parts of a unit: a unit is `per` of them, and each nanosecond takes `n` away. No fraction is ever
/// reduced, and nothing is rounded.
struct Meter {
    settings: Settings,
    level: i128,
    at: i128,
}

impl Meter {
    fn level_at(&self, now: i128) -> i128 {
        (self.level - (now - self.at) * i128::from(self.settings.n)).max(0)
    }

    fn room_at(&self, now: i128) -> i128 {
        i128::from(self.settings.burst) * i128::from(self.settings.per) - self.level_at(now)
    }

    fn try_acquire_at(&mut self, now: i128, cost: u32) -> Result<(), i128> {
        let cost = i128::from(cost) * i128::from(self.settings.per);
        let lacks = cost - self.room_at(now);
        if lacks > 0 {
            let n = i128::from(self.settings.n);
            return Err((lacks + n - 1) / n);
        }
        self.level = self.level_at(now) + cost;
        self.at = now;
        Ok(())
    }

    fn refund_at(&mut self, now: i128, cost: u32) {
        let cost = i128::from(cost) * i128::from(self.settings.per);
        self.level = (self.level_at(now) - cost).max(0);
        self.at = now;
    }
}

/// What is done, and how long after the one before.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pause: Pause,
    act: Act,
}

#[derive(Clone, Debug)]
enum Pause {
    Nanos(u64),
    /// So many units' time, and a nanosecond more or less.
    Units(u32, i8),
    /// Until what was refused last is due, and a nanosecond more or less.
    Due(i8),
    /// The word's span divided by that, so many times, and a few units' time more or less.
    Spans(u64, u8, i8),
    Years(u8),
}

#[derive(Clone, Debug)]
enum Act {
    Take(u32),
    /// A share of the burst.
    TakePart(u32),
    Refund(u32),
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let second = 1_000_000_000_u64;
    let pers = prop_oneof![
        Just(second),
        Just(60 * second),
        Just(86_400 * second),
        1..100_u64,
        1..10 * second,
        1..3_153_600_000 * second,
    ];
    let numbers = prop_oneof![1..10_u32, 1..2_000_u32, Just(7_919), any::<u32>()];
    let bursts = prop_oneof![1..5_u32, 1..5_000_u32, Just(u32::MAX)];
    (numbers, pers, bursts).prop_map(|(n, per, burst)| {
        let n = n.max(1);
        // The largest that fits, where it does not.
        let built = |burst| {
            RateLimit::new(n, Duration::from_nanos(per))
                .burst(burst)
                .build()
        };
        let burst = match built(burst) {
            Ok(_) => burst,
            Err(error) => error
                .allowed()
                .split(' ')
                .next_back()
                .unwrap()
                .parse()
                .unwrap(),
        };
        built(burst).expect("the error names one that fits");
        Settings { n, per, burst }
    })
}

pub(crate) fn asks(most: usize) -> impl Strategy<Value = Vec<Ask>> {
    let pause = prop_oneof![
        4 => Just(Pause::Nanos(0)),
        2 => (0..2_000_000_000_u64).prop_map(Pause::Nanos),
        4 => (0..6_u32, -1..=1_i8).prop_map(|(units, more)| Pause::Units(units, more)),
        6 => (-1..=1_i8).prop_map(Pause::Due),
        2 => (prop_oneof![1..10_u64, any::<u64>()], 1..6_u8, -3..=3_i8)
            .prop_map(|(by, times, more)| Pause::Spans(by.max(1), times, more)),
        1 => (0..60_u8).prop_map(Pause::Years),
    ];
    let act = prop_oneof![
        6 => (0..4_u32).prop_map(Act::Take),
        4 => (1..4_u32).prop_map(Act::TakePart),
        1 => (1..5_u32).prop_map(Act::Refund),
    ];
    let ask = (pause, act).prop_map(|(pause, act)| Ask { pause, act });
    prop::collection::vec(ask, 1..most)
}

/// Asks both the same.
pub(crate) fn meets(settings: &Settings, asks: &[Ask]) -> Result<(), TestCaseError> {
    let limit = RateLimit::new(settings.n, Duration::from_nanos(settings.per));
    let limit = limit.burst(settings.burst).build().unwrap();
    let mut meter = Meter {
        settings: settings.clone(),
        level: 0,
        at: 0,
    };
    let (n, per) = (u64::from(settings.n), settings.per);
    let ticks = n / gcd(n, per);
    let (mut now, mut due) = (0_u64, 0_u64);
    for ask in asks {
        let moved = |by: u64, more: i8| now.saturating_add(by).saturating_add_signed(more.into());
        let unit = per.div_ceil(n);
        let next = match ask.pause {
            Pause::Nanos(nanos) => moved(nanos, 0),
            Pause::Units(units, more) => moved(unit.saturating_mul(units.into()), more),
            Pause::Due(more) => due.saturating_add_signed(more.into()),
            Pause::Spans(by, times, more) => {
                let span = (u64::MAX / ticks / by).saturating_mul(times.into());
                moved(span, 0).saturating_add_signed(i64::from(more).saturating_mul(unit as i64))
            }
            Pause::Years(years) => moved(u64::from(years) * 31_536_000_000_000_000, 0),
        };
        // The last instant means never.
        now = now.max(next).min(u64::MAX - 1);
        let (time, wide) = (Instant::from_nanos(now), i128::from(now));
        let cost = match ask.act {
            Act::Take(cost) => cost,
            Act::TakePart(part) => settings.burst / part,
            Act::Refund(cost) => {
                limit.refund_at(time, cost);
                meter.refund_at(wide, cost);
                continue;
            }
        };
        let available = u32::try_from(meter.room_at(wide) / i128::from(per)).unwrap();
        prop_assert_eq!(limit.available_at(time), available);
        if cost > settings.burst {
            let refused = limit.try_acquire_at(time, cost).unwrap_err();
            prop_assert_eq!(
                refused.kind(),
                RejectionKind::Other("it costs more than there ever is at once")
            );
            continue;
        }
        let expected = meter.try_acquire_at(wide, cost);
        let nanos = i128::from(u64::MAX - now);
        let after = |wait: i128| (wait < nanos).then(|| Duration::from_nanos(wait as u64));
        let asked = limit.retry_after_at(time, cost);
        prop_assert_eq!(
            asked,
            expected.map_or_else(after, |()| Some(Duration::ZERO))
        );
        match (limit.try_acquire_at(time, cost), expected) {
            (Ok(()), Ok(())) => {}
            (Err(refused), Err(wait)) => {
                prop_assert_eq!(refused.kind(), RejectionKind::RateLimited);
                prop_assert_eq!(refused.retry_after(), after(wait));
                due = now.saturating_add(u64::try_from(wait).unwrap_or(u64::MAX));
            }
            (found, expected) => {
                prop_assert!(false, "{found:?}, expected {expected:?} at {now}");
            }
        }
    }
    Ok(())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

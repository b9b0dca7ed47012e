//! Windows that have more and less in turn, beside a list of all that was ever taken.

use std::time::Duration;

use proptest::{prelude::*, test_runner::TestCaseError};
use steadfast_core::Instant;
use steadfast_rate_limit::RateLimit;

use crate::steps::Shape;

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Take(u32),
    Number(u32),
    Pass(u64),
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        6 => (1..=5_u32).prop_map(Change::Take),
        2 => (1..=9_u32).prop_map(Change::Number),
        4 => (0..9_u64).prop_map(Change::Pass),
    ];
    prop::collection::vec(change, 1..100)
}

/// A call is admitted just when there is room beside all that was taken in the window that ends with it.
pub(crate) fn counts_all(shape: Shape, per: u64, changes: &[Change]) -> Result<(), TestCaseError> {
    let nanos = Duration::from_nanos;
    let (mut n, mut now) = (9_u32, 1_000_u64);
    let limit = RateLimit::new(n, nanos(per));
    let limit = match shape {
        Shape::Fixed => limit.fixed(),
        Shape::Sliding | Shape::Bucket => limit.sliding(),
    };
    let limit = limit.build().unwrap();
    let mut all: Vec<(u64, u32)> = Vec::new();
    for change in changes {
        let at = Instant::from_nanos(now);
        match *change {
            Change::Number(number) => {
                n = number;
                limit.set_rate_at(at, n, nanos(per)).unwrap();
            }
            Change::Pass(length) => now += length,
            Change::Take(cost) => {
                let counts = |taken: u64| match shape {
                    Shape::Fixed => taken / per == now / per,
                    Shape::Sliding | Shape::Bucket => taken + per > now,
                };
                let inside = all.iter().filter(|(taken, _)| counts(*taken));
                let inside: u32 = inside.map(|(_, cost)| cost).sum();
                prop_assert_eq!(limit.available_at(at), n.saturating_sub(inside));
                let taken = limit.try_acquire_at(at, cost).is_ok();
                prop_assert_eq!(taken, inside + cost <= n);
                if taken {
                    all.push((now, cost));
                }
            }
        }
    }
    Ok(())
}

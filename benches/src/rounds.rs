//! Turns and rounds: everyone is measured for a moment, then the next, again and again until the time is up.

use std::time::{Duration, Instant};

/// How many calls take about as long as `turn`; `time` says how long so many take.
///
/// A turn is to be long beside reading the clock, and short beside a neighbour's burst of work.
pub(crate) fn calls_in(turn: Duration, mut time: impl FnMut(u64) -> Duration) -> u64 {
    let mut calls = 64;
    let taken = loop {
        // The better of two, or a burst of the neighbour's would pass for the length of a few calls.
        let taken = time(calls).min(time(calls));
        if taken >= turn / 2 {
            break taken;
        }
        calls *= 2;
    };
    let scale = turn.as_secs_f64() / taken.as_secs_f64();
    ((calls as f64 * scale) as u64).max(1)
}

/// Gives each of `all` its turn, round after round, until `budget` is spent; three rounds at least.
///
/// `between` is told the rounds done and the time spent after each round.
#[expect(
    clippy::disallowed_methods,
    reason = "elapsed time is what a benchmark is after"
)]
pub(crate) fn take_turns<T>(
    all: &mut [T],
    budget: Duration,
    mut turn: impl FnMut(&mut T),
    mut between: impl FnMut(usize, Duration),
) {
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || start.elapsed() < budget {
        // There and back, so that nobody always comes after the same neighbour.
        if rounds % 2 == 0 {
            all.iter_mut().for_each(&mut turn);
        } else {
            all.iter_mut().rev().for_each(&mut turn);
        }
        rounds += 1;
        between(rounds, start.elapsed());
    }
}

/// The samples in order, smallest first, so that the median is in the middle.
pub(crate) fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

/// The middle one of samples in order.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, time::Duration};

    use super::{calls_in, median, sorted, take_turns};

    #[test]
    fn a_turn_holds_as_many_calls_as_fit() {
        let time = |calls: u64| Duration::from_nanos(calls * 100);
        assert_eq!(calls_in(Duration::from_millis(2), time), 20_000);
        assert_eq!(calls_in(Duration::from_micros(1), time), 10);
        assert_eq!(calls_in(Duration::from_nanos(1), time), 1);
    }

    #[test]
    fn rounds_go_there_and_back_and_are_three_without_a_budget() {
        let order = RefCell::new(String::new());
        take_turns(
            &mut ['a', 'b'],
            Duration::ZERO,
            |row| order.borrow_mut().push(*row),
            |rounds, _| order.borrow_mut().push_str(&rounds.to_string()),
        );
        assert_eq!(order.into_inner(), "ab1ba2ab3");
    }

    #[test]
    fn the_median_is_the_middle_one_in_order() {
        assert_eq!(median(&sorted(vec![9.0, 1.0, 2.0])), 2.0);
    }
}

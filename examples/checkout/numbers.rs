//! Figures of a report: how they are taken, rounded and written.

use std::time::Duration;

use serde::Serializer;

/// The nearest-rank percentile of sorted times: the smallest that `percent` of them do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0, 10.0)
}

pub(crate) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// For `--json`.
pub(crate) fn in_milliseconds<S: Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(milliseconds(*time))
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// `1 order`, `2 orders`.
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = [10, 20, 30].map(Duration::from_millis);
        assert_eq!(percentile(&times, 50), times[1]);
        assert_eq!(percentile(&times, 99), times[2]);
        assert_eq!(percentile(&times[..1], 1), times[0]);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}

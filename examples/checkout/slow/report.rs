//! The comparison of the three runs: one JSON object, or for people a table with a few plain words.

use std::{fmt, time::Duration};

use serde::Serialize;
use steadfast::Error;

use super::{
    plan::Provider,
    shop::{MAX_CONCURRENT, MAX_WAITING, WORKERS, is_refused},
    table, words,
};
use crate::{
    faults::Faults,
    gateway::ChargeError,
    ledger::Tally,
    numbers::{in_milliseconds, milliseconds, percentile, rounded},
    run::Paid,
    window::Window,
};

/// The three runs side by side. Serialises to what `--json` prints, displays as the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SlowReport {
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    pub(crate) orders: u64,
    /// Orders that cannot succeed.
    #[serde(skip)]
    pub(crate) declined: u64,
    pub(crate) slow: Comparison,
}

/// What a slow provider does to a healthy one, in the place of the three clients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Comparison {
    /// Counted from the first request to the slow provider.
    #[serde(rename = "begins_ms", serialize_with = "in_milliseconds")]
    pub(crate) begins: Duration,
    #[serde(rename = "lasts_ms", serialize_with = "in_milliseconds")]
    pub(crate) lasts: Duration,
    /// Orders of the slow provider that came meanwhile.
    pub(crate) orders: u64,
    pub(crate) workers: usize,
    /// Of each bulkhead.
    pub(crate) max_concurrent: u32,
    pub(crate) max_waiting: u32,
    /// The healthy provider's orders, at the same times as below, and no others.
    pub(crate) alone: Run,
    pub(crate) without_bulkheads: Run,
    pub(crate) with_bulkheads: Run,
}

impl Comparison {
    /// `runs` are the orders alone, without and with bulkheads.
    pub(crate) fn of(slow: Window, orders: u64, runs: [Run; 3]) -> Self {
        let alone = runs[0].healthy.p99_ms;
        let [alone, without_bulkheads, with_bulkheads] = runs.map(|run| Run {
            healthy_p99_to_alone: (alone > 0.0)
                .then(|| rounded(run.healthy.p99_ms / alone, 1000.0)),
            ..run
        });
        Comparison {
            begins: slow.begins,
            lasts: slow.length(),
            orders,
            workers: WORKERS,
            max_concurrent: MAX_CONCURRENT,
            max_waiting: MAX_WAITING,
            alone,
            without_bulkheads,
            with_bulkheads,
        }
    }
}

/// One run. How it compares is for [`Comparison`] to say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Run {
    /// To both providers, as counted by them.
    pub(crate) requests: u64,
    /// The healthy provider's p99 as a multiple of that alone; none where it had no orders.
    pub(crate) healthy_p99_to_alone: Option<f64>,
    pub(crate) healthy: Side,
    /// None where its orders were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slow: Option<Side>,
}

/// What became of one provider's orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Side {
    pub(crate) orders: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Those of the failed whose last attempt found the bulkhead full.
    pub(crate) refused: u64,
    /// From when an order came, so that its wait for a worker counts.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Orders, not charges.
    pub(crate) charged_twice: u64,
}

type Result = Paid<Error<ChargeError>>;

impl Run {
    /// `provider` tells whose the order with that index was.
    pub(crate) fn of(
        paid: &[Result],
        provider: impl Fn(usize) -> Provider,
        healthy: &Tally,
        slow: &Tally,
    ) -> Self {
        let of = |whose| -> Vec<&Result> {
            paid.iter()
                .filter(|paid| provider(paid.index) == whose)
                .collect()
        };
        let slows = of(Provider::Slow);
        Run {
            requests: healthy.requests + slow.requests,
            healthy_p99_to_alone: None,
            healthy: Side::of(&of(Provider::Healthy), healthy),
            slow: (!slows.is_empty()).then(|| Side::of(&slows, slow)),
        }
    }
}

impl Side {
    fn of(paid: &[&Result], tally: &Tally) -> Self {
        let count = |is: fn(&Result) -> bool| paid.iter().filter(|paid| is(paid)).count() as u64;
        let mut times: Vec<Duration> = paid.iter().map(|paid| paid.took).collect();
        times.sort_unstable();
        Side {
            orders: paid.len() as u64,
            succeeded: count(|paid| paid.result.is_ok()),
            failed: count(|paid| paid.result.is_err()),
            refused: count(|paid| paid.result.as_ref().is_err_and(is_refused)),
            p50_ms: milliseconds(percentile(&times, 50)),
            p99_ms: milliseconds(percentile(&times, 99)),
            charged_twice: tally.books.charged_twice,
        }
    }
}

impl fmt::Display for SlowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words::before(self, f)?;
        writeln!(f)?;
        table::of(&self.slow, f)?;
        writeln!(f)?;
        words::after(self, f)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use steadfast::{Rejection, RejectionKind};
    use tokio::time::Instant;

    use super::*;
    use crate::books::{Audit, Receipt};

    fn side(orders: u64, failed: u64, refused: u64, p99_ms: f64) -> Side {
        Side {
            orders,
            succeeded: orders - failed,
            failed,
            refused,
            p50_ms: 98.5,
            p99_ms,
            charged_twice: 0,
        }
    }

    fn run(requests: u64, healthy_p99_ms: f64, slow: Option<Side>) -> Run {
        Run {
            requests,
            healthy_p99_to_alone: None,
            healthy: side(510, 4, 0, healthy_p99_ms),
            slow,
        }
    }

    pub(crate) fn report() -> SlowReport {
        let slow = Window {
            begins: Duration::from_millis(440),
            ends: Duration::from_millis(1900),
        };
        let without = Side {
            p50_ms: 1440.0,
            charged_twice: 0,
            ..side(490, 4, 0, 2272.0)
        };
        let with = Side {
            p50_ms: 67.0,
            ..side(490, 309, 305, 2186.0)
        };
        SlowReport {
            faults: Faults::Slow,
            seed: 7,
            orders: 1000,
            declined: 8,
            slow: Comparison::of(
                slow,
                236,
                [
                    run(510, 160.0, None),
                    run(1123, 1920.0, Some(without)),
                    run(749, 176.0, Some(with)),
                ],
            ),
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do to count from"
    )]
    fn a_run_counts_the_orders_of_each_provider_apart() {
        let ended = Instant::now();
        let paid = || {
            Ok(Receipt {
                order: "ord-0001".to_owned(),
                charge: 1,
                replayed: false,
            })
        };
        let order = |index: usize, result| Paid {
            index,
            result,
            took: Duration::from_millis(10 * (1 + index as u64)),
            ended,
        };
        let full = RejectionKind::BulkheadFull {
            running: 28,
            waiting: 4,
        };
        let refused = Err(Rejection::new("bulkhead", full).into());
        let paid = [
            order(0, paid()),
            order(1, paid()),
            order(2, Err(Error::Operation(ChargeError::Declined))),
            order(3, refused),
        ];
        let provider = |index| match index {
            0 | 2 => Provider::Healthy,
            _ => Provider::Slow,
        };
        let tally = |requests, charged_twice| Tally {
            requests,
            books: Audit {
                charged_twice,
                ..Audit::default()
            },
            ..Tally::default()
        };
        let run = Run::of(&paid, provider, &tally(2, 0), &tally(3, 1));
        let healthy = Side {
            orders: 2,
            succeeded: 1,
            failed: 1,
            refused: 0,
            p50_ms: 10.0,
            p99_ms: 30.0,
            charged_twice: 0,
        };
        let slow = Side {
            refused: 1,
            p50_ms: 20.0,
            p99_ms: 40.0,
            charged_twice: 1,
            ..healthy
        };
        assert_eq!(run.requests, 5);
        assert_eq!((run.healthy, run.slow), (healthy, Some(slow)));
        let alone = Run::of(&paid[..1], provider, &tally(1, 0), &tally(0, 0));
        assert_eq!(alone.slow, None);
    }

    #[test]
    fn a_p99_is_compared_to_that_alone() {
        let slow = report().slow;
        assert_eq!(slow.alone.healthy_p99_to_alone, Some(1.0));
        assert_eq!(slow.without_bulkheads.healthy_p99_to_alone, Some(12.0));
        assert_eq!(slow.with_bulkheads.healthy_p99_to_alone, Some(1.1));
        let none = [0.0; 3].map(|p99_ms| run(0, p99_ms, None));
        let window = Window {
            begins: slow.begins,
            ends: slow.begins + slow.lasts,
        };
        let nothing = Comparison::of(window, 0, none);
        assert_eq!(nothing.with_bulkheads.healthy_p99_to_alone, None);
    }

    #[test]
    fn the_json_has_exactly_the_promised_shape() {
        let healthy = |p99| {
            format!(
                r#"{{"orders":510,"succeeded":506,"failed":4,"refused":0,"p50_ms":98.5,"p99_ms":{p99},"charged_twice":0}}"#
            )
        };
        let alone = format!(
            r#"{{"requests":510,"healthy_p99_to_alone":1.0,"healthy":{}}}"#,
            healthy("160.0")
        );
        let without = format!(
            r#"{{"requests":1123,"healthy_p99_to_alone":12.0,"healthy":{},"slow":{{"orders":490,"succeeded":486,"failed":4,"refused":0,"p50_ms":1440.0,"p99_ms":2272.0,"charged_twice":0}}}}"#,
            healthy("1920.0")
        );
        let with = format!(
            r#"{{"requests":749,"healthy_p99_to_alone":1.1,"healthy":{},"slow":{{"orders":490,"succeeded":181,"failed":309,"refused":305,"p50_ms":67.0,"p99_ms":2186.0,"charged_twice":0}}}}"#,
            healthy("176.0")
        );
        let wanted = format!(
            r#"{{"faults":"slow","seed":7,"orders":1000,"slow":{{"begins_ms":440.0,"lasts_ms":1460.0,"orders":236,"workers":64,"max_concurrent":28,"max_waiting":4,"alone":{alone},"without_bulkheads":{without},"with_bulkheads":{with}}}}}"#
        );
        let json = serde_json::to_string(&report()).expect("it serialises");
        assert_eq!(json, wanted);
    }
}

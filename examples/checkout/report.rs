//! The comparison of the clients: an aligned table with a few plain words, or one JSON object.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use crate::{
    faults::Faults,
    ledger::Tally,
    run::{CONCURRENCY, Paid},
};

/// What one client achieved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// As counted by the server.
    pub(crate) requests: u64,
    /// Requests per order.
    pub(crate) load_factor: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Orders, not charges.
    pub(crate) charged_twice: u64,
}

impl Row {
    pub(crate) fn of(paid: Vec<Paid>, tally: Tally) -> Self {
        let orders = paid.len() as u64;
        let succeeded = paid.iter().map(|paid| u64::from(paid.succeeded)).sum();
        let mut times: Vec<Duration> = paid.iter().map(|paid| paid.took).collect();
        times.sort_unstable();
        Row {
            succeeded,
            failed: orders - succeeded,
            requests: tally.requests,
            load_factor: rounded(tally.requests as f64 / orders.max(1) as f64, 1000.0),
            p50_ms: milliseconds(percentile(&times, 50)),
            p99_ms: milliseconds(percentile(&times, 99)),
            charged_twice: tally.charged_twice,
        }
    }
}

/// The nearest-rank percentile of sorted times: the smallest that `percent` of them do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0, 10.0)
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// The three clients side by side. Serialises to what `--json` prints, displays as the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    #[serde(serialize_with = "name")]
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    pub(crate) orders: u64,
    /// Orders that cannot succeed.
    #[serde(skip)]
    pub(crate) declined: u64,
    pub(crate) clients: Clients,
}

/// One row a client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Clients {
    pub(crate) bare: Row,
    pub(crate) naive: Row,
    pub(crate) steadfast: Row,
}

fn name<S: Serializer>(faults: &Faults, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(faults.name())
}

const HEADER: [&str; 8] = [
    "client",
    "succeeded",
    "failed",
    "requests sent",
    "load factor",
    "p50",
    "p99",
    "charged twice",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Clients {
            bare,
            naive,
            steadfast,
        } = &self.clients;
        let table = [
            HEADER.map(str::to_owned),
            cells("bare", bare),
            cells("naive", naive),
            cells("steadfast", steadfast),
        ];
        let (orders, seed) = (count(self.orders, "order"), self.seed);
        let faults = self.faults.name();
        writeln!(
            f,
            "{orders}, {CONCURRENCY} at a time; faults {faults}, seed {seed}\n"
        )?;
        let widths = HEADER.map(str::len);
        for row in &table {
            write!(f, "{:<9}", row[0])?;
            for (cell, width) in row.iter().zip(widths).skip(1) {
                write!(f, "  {cell:>width$}", width = width.max(8))?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        self.words(f)
    }
}

fn cells(client: &str, row: &Row) -> [String; 8] {
    [
        client.to_owned(),
        row.succeeded.to_string(),
        row.failed.to_string(),
        row.requests.to_string(),
        format!("{:.2}", row.load_factor),
        format!("{:.0} ms", row.p50_ms),
        format!("{:.0} ms", row.p99_ms),
        row.charged_twice.to_string(),
    ]
}

impl Report {
    /// What to see in the table.
    fn words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.declined > 0 {
            let (declined, all) = (count(self.declined, "order"), self.orders);
            writeln!(
                f,
                "{declined} of {all} cannot succeed: the card is declined."
            )?;
        }
        if self.faults == Faults::Off {
            return writeln!(f, "Nothing went wrong, so all three did the same.");
        }
        let lost = |row: &Row| count(row.failed.saturating_sub(self.declined), "order");
        let extra = |row: &Row| row.requests.saturating_sub(self.orders);
        let Clients {
            bare,
            naive,
            steadfast,
        } = &self.clients;
        write!(
            f,
            "\
bare       asks once, and loses {} that could have been paid.
naive      asks again at once, and meets the same rate limit or overload again:
           {} requests more, {} lost.
steadfast  waits as long as the server says or a little longer each time, within a budget:
           {} requests more, {} lost. The waiting shows in its p99.
",
            lost(bare),
            extra(naive),
            lost(naive),
            extra(steadfast),
            lost(steadfast),
        )?;
        if steadfast.charged_twice > 0 {
            write!(
                f,
                "
Charges made twice are still there, with steadfast for {}: when the answer is cut off
or late after the charge, a retry cannot know that it repeats one. Idempotency keys will
remove them in a later part of steadfast.
",
                count(steadfast.charged_twice, "order"),
            )?;
            if steadfast.charged_twice > naive.charged_twice {
                writeln!(
                    f,
                    "(Orders that naive gave up on are charged now, and some of those twice.)"
                )?;
            }
        }
        Ok(())
    }
}

/// `1 order`, `2 orders`.
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(succeeded: u64, requests: u64, charged_twice: u64) -> Row {
        Row {
            succeeded,
            failed: 1000 - succeeded,
            requests,
            load_factor: rounded(requests as f64 / 1000.0, 1000.0),
            p50_ms: 98.5,
            p99_ms: 1234.0,
            charged_twice,
        }
    }

    fn report(faults: Faults) -> Report {
        Report {
            faults,
            seed: 7,
            orders: 1000,
            declined: 8,
            clients: Clients {
                bare: row(855, 1000, 0),
                naive: row(905, 1336, 40),
                steadfast: row(991, 1204, 38),
            },
        }
    }

    #[test]
    fn a_row_counts_and_measures() {
        let paid = |ms| Paid {
            succeeded: ms != 3,
            took: Duration::from_millis(ms),
        };
        let row = Row::of(
            (1..=200).rev().map(paid).collect(),
            Tally {
                requests: 250,
                charged_twice: 4,
            },
        );
        let wanted = Row {
            succeeded: 199,
            failed: 1,
            requests: 250,
            load_factor: 1.25,
            p50_ms: 100.0,
            p99_ms: 198.0,
            charged_twice: 4,
        };
        assert_eq!(row, wanted);
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = [10, 20, 30].map(Duration::from_millis);
        assert_eq!(percentile(&times, 50), times[1]);
        assert_eq!(percentile(&times, 99), times[2]);
        assert_eq!(percentile(&times[..1], 1), times[0]);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn the_json_has_exactly_the_promised_shape() {
        let row = |succeeded, failed, requests, load_factor, twice| {
            format!(
                r#"{{"succeeded":{succeeded},"failed":{failed},"requests":{requests},"load_factor":{load_factor},"p50_ms":98.5,"p99_ms":1234.0,"charged_twice":{twice}}}"#
            )
        };
        let wanted = format!(
            r#"{{"faults":"storm","seed":7,"orders":1000,"clients":{{"bare":{},"naive":{},"steadfast":{}}}}}"#,
            row(855, 145, 1000, "1.0", 0),
            row(905, 95, 1336, "1.336", 40),
            row(991, 9, 1204, "1.204", 38),
        );
        assert_eq!(
            serde_json::to_string(&report(Faults::Storm)).expect("it serialises"),
            wanted
        );
    }

    #[test]
    fn the_columns_of_the_table_end_in_line() {
        let text = report(Faults::Storm).to_string();
        let table: Vec<&str> = text.lines().skip(2).take(4).collect();
        assert!(
            table.iter().all(|line| line.len() == table[0].len()),
            "{text}"
        );
        assert_eq!(table[0].split("  ").next(), Some("client"));
        assert!(
            table[3].ends_with("1.20     98 ms   1234 ms             38"),
            "{text}"
        );
    }

    #[test]
    fn the_words_agree_with_the_numbers() {
        let text = report(Faults::Storm).to_string();
        for words in [
            "8 orders of 1000 cannot succeed",
            "loses 137 orders",
            "336 requests more, 87 orders lost",
            "204 requests more, 1 order lost",
            "with steadfast for 38 orders",
        ] {
            assert!(text.contains(words), "`{words}` is missing:\n{text}");
        }
        let calm = report(Faults::Off).to_string();
        assert!(
            calm.contains("Nothing went wrong") && !calm.contains("still there"),
            "{calm}"
        );
    }
}

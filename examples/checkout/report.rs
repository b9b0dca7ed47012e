//! The comparison of the clients: one JSON object, or for people a table with a few plain words.

use std::{collections::HashSet, fmt, path::PathBuf, time::Duration};

use serde::Serialize;

use tokio::time::Instant;

use crate::{
    books::Money,
    clients::PROBE_INTERVAL,
    faults::Faults,
    ledger::Tally,
    numbers::{in_milliseconds, milliseconds, percentile, rounded},
    outage,
    run::Paid,
    table,
    window::Window,
    words,
};

/// What one client achieved.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// Orders whose client holds a receipt, where the books have that one charge and no other.
    pub(crate) receipts: u64,
    /// Orders whose receipt came from a charge that an earlier request had made.
    pub(crate) replayed: u64,
    /// What was charged beyond the first time.
    #[serde(skip)]
    pub(crate) taken_again: Money,
    /// Charges that were made in this run.
    #[serde(skip)]
    pub(crate) new_charges: u64,
    /// Where the server was dead for a while.
    #[serde(flatten)]
    pub(crate) outage: Option<Aftermath>,
}

/// What an outage meant to one client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Aftermath {
    /// As counted by the server.
    pub(crate) requests_in_outage: u64,
    /// From the end of the outage to the first order that was paid; none where none was.
    pub(crate) first_success_after_ms: Option<f64>,
}

impl Row {
    /// `recovered` is when the server was well again, where it had been dead.
    pub(crate) fn of<E>(paid: &[Paid<E>], tally: Tally, recovered: Option<Instant>) -> Self {
        let orders = paid.len() as u64;
        let receipts = || paid.iter().filter_map(|paid| paid.result.as_ref().ok());
        let succeeded = receipts().count() as u64;
        let Tally {
            requests,
            in_outage,
            books,
        } = tally;
        let lone: HashSet<u64> = receipts()
            .filter(|it| books.charged_once.get(&it.order) == Some(&it.charge))
            .map(|it| it.charge)
            .collect();
        let mut times: Vec<Duration> = paid.iter().map(|paid| paid.took).collect();
        times.sort_unstable();
        Row {
            succeeded,
            failed: orders - succeeded,
            requests,
            load_factor: rounded(requests as f64 / orders.max(1) as f64, 1000.0),
            p50_ms: milliseconds(percentile(&times, 50)),
            p99_ms: milliseconds(percentile(&times, 99)),
            charged_twice: books.charged_twice,
            receipts: lone.len() as u64,
            replayed: receipts().filter(|it| it.replayed).count() as u64,
            taken_again: books.taken_again,
            new_charges: books.new_charges,
            outage: recovered.map(|recovered| Aftermath {
                requests_in_outage: in_outage,
                first_success_after_ms: first_success(paid, recovered).map(milliseconds),
            }),
        }
    }
}

/// How long after `recovered` the first order was paid.
fn first_success<E>(paid: &[Paid<E>], recovered: Instant) -> Option<Duration> {
    paid.iter()
        .filter(|paid| paid.result.is_ok())
        .filter_map(|paid| paid.ended.checked_duration_since(recovered))
        .min()
}

/// The three clients side by side. Serialises to what `--json` prints, displays as the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    pub(crate) orders: u64,
    /// Orders that cannot succeed.
    #[serde(skip)]
    pub(crate) declined: u64,
    pub(crate) clients: Clients,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outage: Option<OutageReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) db: Option<Kept>,
}

/// Where the books of `steadfast` are kept, and what this run added to them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Kept {
    pub(crate) file: PathBuf,
    pub(crate) new_charges: u64,
}

/// What there is to say about an outage beside the clients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct OutageReport {
    /// Counted from the first request.
    #[serde(rename = "begins_ms", serialize_with = "in_milliseconds")]
    pub(crate) begins: Duration,
    #[serde(rename = "lasts_ms", serialize_with = "in_milliseconds")]
    pub(crate) lasts: Duration,
    /// Orders that came meanwhile.
    pub(crate) orders: u64,
    #[serde(rename = "probe_interval_ms", serialize_with = "in_milliseconds")]
    pub(crate) probe_interval: Duration,
    /// The pipeline of `steadfast` without its breaker.
    pub(crate) without_breaker: Row,
}

impl OutageReport {
    pub(crate) fn of(outage: Window, orders: u64, without_breaker: Row) -> Self {
        OutageReport {
            begins: outage.begins,
            lasts: outage.length(),
            orders: outage::orders_in(outage, orders),
            probe_interval: PROBE_INTERVAL,
            without_breaker,
        }
    }
}

/// One row a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Clients {
    pub(crate) bare: Row,
    pub(crate) naive: Row,
    pub(crate) steadfast: Row,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words::before(self, f)?;
        writeln!(f)?;
        table::of(self, f)?;
        writeln!(f)?;
        words::after(self, f)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::books::{Audit, Receipt};

    fn row(succeeded: u64, requests: u64, charged_twice: u64, replayed: u64) -> Row {
        let mut taken_again = Money::default();
        if charged_twice > 0 {
            taken_again.add("EUR".to_owned(), 1999 * charged_twice);
        }
        Row {
            succeeded,
            failed: 1000 - succeeded,
            requests,
            load_factor: rounded(requests as f64 / 1000.0, 1000.0),
            p50_ms: 98.5,
            p99_ms: 1234.0,
            charged_twice,
            receipts: succeeded - charged_twice,
            replayed,
            taken_again,
            new_charges: succeeded - replayed,
            outage: None,
        }
    }

    pub(crate) fn report(faults: Faults) -> Report {
        Report {
            faults,
            seed: 7,
            orders: 1000,
            declined: 8,
            clients: Clients {
                bare: row(855, 1000, 0, 0),
                naive: row(905, 1336, 40, 0),
                steadfast: row(991, 1204, 0, 38),
            },
            outage: None,
            db: None,
        }
    }

    pub(crate) fn report_of_an_outage() -> Report {
        let row = |succeeded, requests, requests_in_outage, first_success_after_ms| Row {
            outage: Some(Aftermath {
                requests_in_outage,
                first_success_after_ms,
            }),
            ..row(succeeded, requests, 0, 0)
        };
        let outage = Window {
            begins: Duration::from_millis(600),
            ends: Duration::from_millis(3600),
        };
        let without_breaker = row(470, 1300, 800, Some(70.5));
        Report {
            clients: Clients {
                bare: row(470, 1000, 500, Some(65.5)),
                naive: row(472, 2500, 2000, None),
                steadfast: row(400, 440, 32, Some(412.5)),
            },
            outage: Some(OutageReport::of(outage, 1000, without_breaker)),
            ..report(Faults::Outage)
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do to count from"
    )]
    fn a_row_counts_and_measures() {
        let start = Instant::now();
        let receipt = |ms: u64| {
            Ok(Receipt {
                order: format!("ord-{ms}"),
                charge: ms,
                replayed: ms == 7,
            })
        };
        let paid = |ms| Paid {
            index: 0,
            result: if ms == 3 { Err("lost") } else { receipt(ms) },
            took: Duration::from_millis(ms),
            ended: start + Duration::from_millis(ms),
        };
        let paid: Vec<Paid<&str>> = (1..=200).rev().map(paid).collect();
        let mut books = Audit {
            charged_twice: 4,
            new_charges: 202,
            ..Audit::default()
        };
        // Four were charged twice, one has another charge than the client knows of, and one no receipt.
        books
            .charged_once
            .extend((5..=200).map(|ms| (format!("ord-{ms}"), if ms == 9 { 900 } else { ms })));
        let tally = Tally {
            requests: 250,
            in_outage: 20,
            books,
        };
        let wanted = Row {
            succeeded: 199,
            failed: 1,
            requests: 250,
            load_factor: 1.25,
            p50_ms: 100.0,
            p99_ms: 198.0,
            charged_twice: 4,
            receipts: 195,
            replayed: 1,
            taken_again: Money::default(),
            new_charges: 202,
            outage: None,
        };
        assert_eq!(Row::of(&paid, tally.clone(), None), wanted);

        // The order that ended half a millisecond later failed.
        let recovered = start + Duration::from_micros(2500);
        let outage = Some(Aftermath {
            requests_in_outage: 20,
            first_success_after_ms: Some(1.5),
        });
        assert_eq!(
            Row::of(&paid, tally.clone(), Some(recovered)),
            Row { outage, ..wanted }
        );
        let too_late = start + Duration::from_secs(1);
        let outage = Row::of(&paid, tally, Some(too_late)).outage;
        assert_eq!(outage.and_then(|it| it.first_success_after_ms), None);
    }

    fn json_row(
        succeeded: u64,
        failed: u64,
        requests: u64,
        load_factor: &str,
        rest: &str,
    ) -> String {
        format!(
            r#"{{"succeeded":{succeeded},"failed":{failed},"requests":{requests},"load_factor":{load_factor},"p50_ms":98.5,"p99_ms":1234.0,{rest}}}"#
        )
    }

    #[test]
    fn the_json_has_exactly_the_promised_shape() {
        let wanted = format!(
            r#"{{"faults":"storm","seed":7,"orders":1000,"clients":{{"bare":{},"naive":{},"steadfast":{}}}}}"#,
            json_row(
                855,
                145,
                1000,
                "1.0",
                r#""charged_twice":0,"receipts":855,"replayed":0"#
            ),
            json_row(
                905,
                95,
                1336,
                "1.336",
                r#""charged_twice":40,"receipts":865,"replayed":0"#
            ),
            json_row(
                991,
                9,
                1204,
                "1.204",
                r#""charged_twice":0,"receipts":991,"replayed":38"#
            ),
        );
        assert_eq!(
            serde_json::to_string(&report(Faults::Storm)).expect("it serialises"),
            wanted
        );
    }

    #[test]
    fn the_json_of_a_run_whose_books_are_kept_says_where_and_what_is_new() {
        let kept = Report {
            db: Some(Kept {
                file: "shop.db".into(),
                new_charges: 3,
            }),
            ..report(Faults::Storm)
        };
        let json = serde_json::to_string(&kept).expect("it serialises");
        assert!(
            json.ends_with(r#","db":{"file":"shop.db","new_charges":3}}"#),
            "{json}"
        );
    }

    #[test]
    fn the_json_of_an_outage_has_two_keys_more_a_client_and_what_the_outage_was() {
        let row = |succeeded, failed, requests, load_factor, in_outage, after| {
            let rest = format!(
                r#""charged_twice":0,"receipts":{succeeded},"replayed":0,"requests_in_outage":{in_outage},"first_success_after_ms":{after}"#
            );
            json_row(succeeded, failed, requests, load_factor, &rest)
        };
        let wanted = format!(
            r#"{{"faults":"outage","seed":7,"orders":1000,"clients":{{"bare":{},"naive":{},"steadfast":{}}},"outage":{{"begins_ms":600.0,"lasts_ms":3000.0,"orders":500,"probe_interval_ms":{:?},"without_breaker":{}}}}}"#,
            row(470, 530, 1000, "1.0", 500, "65.5"),
            row(472, 528, 2500, "2.5", 2000, "null"),
            row(400, 600, 440, "0.44", 32, "412.5"),
            milliseconds(PROBE_INTERVAL),
            row(470, 530, 1300, "1.3", 800, "70.5"),
        );
        assert_eq!(
            serde_json::to_string(&report_of_an_outage()).expect("it serialises"),
            wanted
        );
    }
}

//! What to see in the table, in plain words that follow its numbers.

use std::fmt;

use crate::{
    clients::{HALF_OPEN_FOR, OPEN_FOR},
    faults::Faults,
    numbers::{count, seconds},
    outage::PACE,
    report::{Clients, Kept, OutageReport, Report, Row},
    run::CONCURRENCY,
};

/// What was done.
pub(crate) fn before(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (orders, seed) = (count(report.orders, "order"), report.seed);
    let faults = report.faults.name();
    match &report.outage {
        None => writeln!(
            f,
            "{orders}, {CONCURRENCY} at a time; faults {faults}, seed {seed}"
        ),
        Some(outage) => writeln!(
            f,
            "\
{orders}, one every {} ms; faults {faults}, seed {seed}
From {} to {} the server is dead: it counts requests and hangs up. {} meanwhile.",
            PACE.as_millis(),
            seconds(outage.begins),
            seconds(outage.begins + outage.lasts),
            come(outage.orders),
        ),
    }
}

/// What came of it.
pub(crate) fn after(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if report.declined > 0 {
        let (declined, all) = (count(report.declined, "order"), report.orders);
        writeln!(
            f,
            "{declined} of {all} cannot succeed: the card is declined."
        )?;
    }
    match &report.outage {
        Some(outage) => of_an_outage(report, outage, f)?,
        None if report.faults == Faults::Off => {
            writeln!(f, "Nothing went wrong, so all three did the same.")?;
        }
        None => of_bad_weather(report, f)?,
    }
    match &report.db {
        Some(kept) => of_kept_books(&report.clients.steadfast, kept, f),
        None => Ok(()),
    }
}

fn of_bad_weather(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let lost = |row: &Row| count(row.failed.saturating_sub(report.declined), "order");
    let extra = |row: &Row| row.requests.saturating_sub(report.orders);
    let Clients {
        bare,
        naive,
        steadfast,
    } = &report.clients;
    write!(
        f,
        "\
bare       asks once, and loses {} that could have been paid.
naive      asks again at once, and meets the same rate limit or overload again:
           {} requests more, {} lost.
",
        lost(bare),
        extra(naive),
        lost(naive),
    )?;
    if naive.charged_twice > 0 {
        write!(
            f,
            "           \
Where the answer was cut off or late, the charge had been made: it charges {} twice,
           and takes {} that nobody owes.
",
            count(naive.charged_twice, "order"),
            naive.taken_again,
        )?;
    }
    write!(
        f,
        "\
steadfast  waits as long as the server says or a little longer each time, within a budget:
           {} requests more, {} lost. The waiting shows in its p99.
           Each attempt carries the order's idempotency key: {} charged twice. {} got
           the receipt of a charge that an earlier request had made.
",
        extra(steadfast),
        lost(steadfast),
        count(steadfast.charged_twice, "order"),
        count(steadfast.replayed, "order"),
    )
}

/// What a repeated run is to show.
fn of_kept_books(steadfast: &Row, kept: &Kept, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let again = match kept.new_charges {
        0 => "",
        _ => {
            "\nRun it again with this file: then receipts are replayed, and nothing is charged twice."
        }
    };
    writeln!(
        f,
        "
steadfast's server keeps its books in {}: replayed {} of {}, {}.{again}",
        kept.file.display(),
        steadfast.replayed,
        count(steadfast.receipts, "receipt"),
        count(kept.new_charges, "new charge"),
    )
}

fn of_an_outage(report: &Report, outage: &OutageReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if outage.orders == 0 {
        return writeln!(
            f,
            "The orders ran out before the server died: it takes more of them."
        );
    }
    let lost = |row: &Row| count(row.failed.saturating_sub(report.declined), "order");
    let sent = |row: &Row| row.outage.map_or(0, |it| it.requests_in_outage);
    let Clients {
        bare,
        naive,
        steadfast,
    } = &report.clients;
    write!(
        f,
        "\
A dead server pays nobody. What it is sent all the same:
bare        one request an order: {}.
naive       up to four an order, one right after the other: {}.
no breaker  what steadfast would send without its breaker: {}. Only retries have a budget.
steadfast   {}, or {:.1} % of naive's: its breaker opens, and lets nothing but probes through.

It probes at least every {}: {} open, and up to {} for the probes to be answered.
",
        sent(bare),
        sent(naive),
        sent(&outage.without_breaker),
        sent(steadfast),
        100.0 * sent(steadfast) as f64 / sent(naive).max(1) as f64,
        seconds(outage.probe_interval),
        seconds(OPEN_FOR),
        seconds(HALF_OPEN_FOR),
    )?;
    match steadfast.outage.and_then(|it| it.first_success_after_ms) {
        Some(ms) => writeln!(
            f,
            "The first order was paid {ms:.0} ms after the server was well again."
        )?,
        None => writeln!(
            f,
            "The orders ran out before one was paid again: it takes more of them."
        )?,
    }
    write!(
        f,
        "
The price: until a probe has gone well, orders are refused that the server could have served.
steadfast loses {}, naive {}. What is refused fails at once, or, as far as
the retry budget allows, waits for the next probe first: that is the p99 of steadfast.
",
        lost(steadfast),
        lost(naive),
    )
}

pub(crate) fn come(orders: u64) -> String {
    let s = if orders == 1 { "s" } else { "" };
    format!("{} come{s}", count(orders, "order"))
}

#[cfg(test)]
mod tests {
    use crate::{
        faults::Faults,
        report::Kept,
        report::tests::{report, report_of_an_outage},
    };

    fn has_words(text: &str, wanted: &[&str]) {
        for words in wanted {
            assert!(text.contains(words), "`{words}` is missing:\n{text}");
        }
    }

    #[test]
    fn the_words_agree_with_the_numbers() {
        let text = report(Faults::Storm).to_string();
        has_words(
            &text,
            &[
                "8 orders of 1000 cannot succeed",
                "loses 137 orders",
                "336 requests more, 87 orders lost",
                "204 requests more, 1 order lost",
                "it charges 40 orders twice",
                "takes 799.60 EUR that nobody owes",
                "0 orders charged twice. 38 orders got",
            ],
        );
        let calm = report(Faults::Off).to_string();
        assert!(
            calm.contains("Nothing went wrong") && !calm.contains("idempotency key"),
            "{calm}"
        );
    }

    #[test]
    fn books_that_are_kept_are_told_of_and_what_a_repeated_run_did() {
        let mut report = report(Faults::Storm);
        assert!(!report.to_string().contains("keeps its books"), "{report}");
        let mut kept = |replayed, new_charges| {
            report.clients.steadfast.replayed = replayed;
            report.db = Some(Kept {
                file: "shop.db".into(),
                new_charges,
            });
            report.to_string()
        };
        has_words(
            &kept(12, 980),
            &["in shop.db: replayed 12 of 991 receipts, 980 new charges.\nRun it again"],
        );
        let again = kept(991, 0);
        has_words(&again, &["replayed 991 of 991 receipts, 0 new charges.\n"]);
        assert!(!again.contains("Run it again"), "{again}");
    }

    #[test]
    fn the_words_about_an_outage_agree_with_the_numbers() {
        let text = report_of_an_outage().to_string();
        has_words(
            &text,
            &[
                "From 0.60 s to 3.60 s the server is dead",
                "500 orders come meanwhile",
                "one request an order: 500.",
                "after the other: 2000.",
                "without its breaker: 800.",
                "32, or 1.6 % of naive's",
                "at least every 1.50 s: 1.00 s open, and up to 0.50 s",
                "paid 412 ms after",
                "steadfast loses 592 orders, naive 520",
            ],
        );
    }

    #[test]
    fn too_few_orders_for_an_outage_are_told_so() {
        let mut report = report_of_an_outage();
        report.clients.steadfast.outage = None;
        has_words(&report.to_string(), &["ran out before one was paid again"]);
        report.outage.as_mut().expect("an outage").orders = 0;
        has_words(&report.to_string(), &["ran out before the server died"]);
    }
}

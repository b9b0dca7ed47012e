//! What to see in the table of the three runs, in plain words that follow its numbers.

use std::fmt;

use super::{
    plan::PACE,
    report::{Comparison, Side, SlowReport},
    shop::ATTEMPT,
};
use crate::{
    faults::SLOW,
    numbers::{count, seconds},
    words::come,
};

/// What was done.
pub(crate) fn before(report: &SlowReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let slow = &report.slow;
    writeln!(
        f,
        "\
{}, one every {} ms, half of them for each of two providers; faults {}, seed {}
From {} to {} one of the two takes {SLOW} for an answer. {} to it meanwhile.
One shop pays them all, with {} workers that take the orders as they come. Times count from when an
order comes, so its wait for a worker is in them.",
        count(report.orders, "order"),
        PACE.as_millis(),
        report.faults.name(),
        report.seed,
        seconds(slow.begins),
        seconds(slow.begins + slow.lasts),
        come(slow.orders),
        slow.workers,
    )
}

/// What came of it.
pub(crate) fn after(report: &SlowReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if report.declined > 0 {
        let (declined, all) = (count(report.declined, "order"), report.orders);
        writeln!(
            f,
            "{declined} of {all} cannot succeed: the card is declined."
        )?;
    }
    let slow = &report.slow;
    let ratios = (
        slow.without_bulkheads.healthy_p99_to_alone,
        slow.with_bulkheads.healthy_p99_to_alone,
    );
    match ratios {
        (Some(without), Some(with)) if slow.orders > 0 => {
            of_the_healthy(slow, without, with, f)?;
            of_the_slow(slow, f)
        }
        _ => writeln!(
            f,
            "The orders ran out before a provider became slow: it takes more of them."
        ),
    }
}

fn of_the_healthy(
    slow: &Comparison,
    without: f64,
    with: f64,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let fate = if without > 2.0 {
        "and soon there is none left for the healthy one"
    } else {
        "but there are enough of them"
    };
    let (running, waiting) = (slow.max_concurrent, slow.max_waiting);
    writeln!(
        f,
        "\
alone              the orders for the healthy provider, and no others.
without bulkheads  workers wait for the slow provider, {fate}.
                   Its p99 is {without:.2} times that alone.
with bulkheads     each provider has {running} calls under way at most, and {waiting} that wait for a place. That
                   leaves workers for the healthy one. Its p99 is {with:.2} times that alone."
    )?;
    match slow.with_bulkheads.healthy.refused {
        0 => Ok(()),
        refused => writeln!(
            f,
            "                   {} for it found its own bulkhead full.",
            count(refused, "order")
        ),
    }
}

fn of_the_slow(slow: &Comparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (Some(without), Some(with)) = (slow.without_bulkheads.slow, slow.with_bulkheads.slow)
    else {
        return Ok(());
    };
    if with.refused > 0 {
        the_price(without, with, f)?;
    }
    if without.charged_twice + with.charged_twice == 0 {
        write!(
            f,
            "
No order was charged twice: a retry after a timeout cannot know whether the card was charged, but it
has the idempotency key of the first attempt, and gets the receipt of that.
"
        )?;
    }
    Ok(())
}

fn the_price(without: Side, with: Side, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "
The price: {} for the slow provider {} refused, and {} paid through it, not {}. But soon: the
p50 of its orders is {:.0} ms, not {:.0}, so there is time to offer the customer something else.
Refusals go on after it is well again, until its last slow call has timed out {} later.
",
        count(with.refused, "order"),
        if with.refused == 1 { "is" } else { "are" },
        with.succeeded,
        without.succeeded,
        with.p50_ms,
        without.p50_ms,
        seconds(ATTEMPT),
    )
}

#[cfg(test)]
mod tests {
    use crate::slow::report::tests::report;

    fn has_words(text: &str, wanted: &[&str]) {
        for words in wanted {
            assert!(text.contains(words), "`{words}` is missing:\n{text}");
        }
    }

    #[test]
    fn the_words_agree_with_the_numbers() {
        has_words(
            &report().to_string(),
            &[
                "1000 orders, one every 3 ms, half",
                "faults slow, seed 7",
                "From 0.44 s to 1.90 s one of the two takes 1.5s to 3s",
                "236 orders come to it meanwhile",
                "with 64 workers",
                "8 orders of 1000 cannot succeed",
                "soon there is none left",
                "Its p99 is 12.00 times that alone",
                "28 calls under way at most, and 4 that wait",
                "Its p99 is 1.10 times that alone",
                "305 orders for the slow provider are refused, and 181 paid through it, not 486",
                "p50 of its orders is 67 ms, not 1440",
                "timed out 1.00 s later",
                "No order was charged twice",
            ],
        );
        assert!(!report().to_string().contains("its own bulkhead full"));
    }

    #[test]
    fn a_bulkhead_that_refuses_the_healthy_provider_is_told_of() {
        let mut report = report();
        report.slow.with_bulkheads.healthy.refused = 2;
        has_words(
            &report.to_string(),
            &["2 orders for it found its own bulkhead full"],
        );
    }

    #[test]
    fn too_few_orders_are_told_so() {
        let mut few = report();
        few.slow.without_bulkheads.healthy_p99_to_alone = Some(1.5);
        has_words(&few.to_string(), &["but there are enough of them"]);
        few.slow
            .with_bulkheads
            .slow
            .as_mut()
            .expect("two providers")
            .refused = 0;
        assert!(!few.to_string().contains("The price"), "{few}");
        few.slow.orders = 0;
        has_words(&few.to_string(), &["ran out before a provider became slow"]);
    }
}

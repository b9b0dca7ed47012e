//! The table of the three runs.

use std::fmt;

use super::report::{Comparison, Run, Side};
use crate::table::{Column, or_dash, write};

const COLUMNS: &[Column<Run>] = &[
    ("healthy paid", |run| run.healthy.succeeded.to_string()),
    ("healthy p50", |run| in_ms(run.healthy.p50_ms)),
    ("healthy p99", |run| in_ms(run.healthy.p99_ms)),
    ("to alone", |run| {
        or_dash(
            run.healthy_p99_to_alone
                .map(|times| format!("{times:.2} x")),
        )
    }),
    ("slow paid", |run| {
        of_slow(run, |it| it.succeeded.to_string())
    }),
    ("refused", |run| of_slow(run, |it| it.refused.to_string())),
    ("slow p99", |run| of_slow(run, |it| in_ms(it.p99_ms))),
    ("requests sent", |run| run.requests.to_string()),
];

pub(crate) fn of(runs: &Comparison, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let rows = [
        ("alone", &runs.alone),
        ("without bulkheads", &runs.without_bulkheads),
        ("with bulkheads", &runs.with_bulkheads),
    ];
    write("run", COLUMNS, &rows, f)
}

fn of_slow(run: &Run, cell: fn(Side) -> String) -> String {
    or_dash(run.slow.map(cell))
}

fn in_ms(ms: f64) -> String {
    format!("{ms:.0} ms")
}

#[cfg(test)]
mod tests {
    use crate::slow::report::tests::report;

    #[test]
    fn the_columns_of_the_table_end_in_line() {
        let text = report().to_string();
        let table: Vec<&str> = text.lines().skip(5).take(4).collect();
        let is_in_line = |line: &&str| line.len() == table[0].len();
        assert!(table.iter().all(is_in_line), "{text}");
        for (line, begins, cells) in [
            (0, "run  ", "healthy p99  to alone  slow paid   refused"),
            (1, "alone  ", "160 ms    1.00 x          -         -"),
            (
                2,
                "without bulkheads  ",
                "1920 ms   12.00 x        486         0",
            ),
            (
                3,
                "with bulkheads  ",
                "176 ms    1.10 x        181       305",
            ),
        ] {
            assert!(table[line].starts_with(begins), "{text}");
            assert!(table[line].contains(cells), "`{cells}` is missing:\n{text}");
        }
    }
}

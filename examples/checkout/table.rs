//! The table of the report: a row a client, and columns that end in line.

use std::fmt;

use crate::report::{Clients, Report, Row};

/// What stands over a column, and what in it.
pub(crate) type Column<R = Row> = (&'static str, fn(&R) -> String);

const SUCCEEDED: Column = ("succeeded", |row| row.succeeded.to_string());
const FAILED: Column = ("failed", |row| row.failed.to_string());
const REQUESTS: Column = ("requests sent", |row| row.requests.to_string());
const LOAD_FACTOR: Column = ("load factor", |row| format!("{:.2}", row.load_factor));
const P50: Column = ("p50", |row| format!("{:.0} ms", row.p50_ms));
const P99: Column = ("p99", |row| format!("{:.0} ms", row.p99_ms));
const CHARGED_TWICE: Column = ("charged twice", |row| row.charged_twice.to_string());
const RECEIPTS: Column = ("receipts", |row| row.receipts.to_string());
const IN_OUTAGE: Column = ("to the dead server", |row| {
    or_dash(row.outage.map(|it| it.requests_in_outage.to_string()))
});
const PAID_AGAIN: Column = ("paid again after", |row| {
    let after = row.outage.and_then(|it| it.first_success_after_ms);
    or_dash(after.map(|ms| format!("{ms:.0} ms")))
});

const USUAL: &[Column] = &[
    SUCCEEDED,
    FAILED,
    REQUESTS,
    LOAD_FACTOR,
    P50,
    P99,
    CHARGED_TWICE,
    RECEIPTS,
];
const OF_AN_OUTAGE: &[Column] = &[SUCCEEDED, FAILED, REQUESTS, IN_OUTAGE, PAID_AGAIN, P50, P99];

pub(crate) fn of(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Clients {
        bare,
        naive,
        steadfast,
    } = &report.clients;
    let mut rows = vec![("bare", bare), ("naive", naive), ("steadfast", steadfast)];
    let mut columns = USUAL;
    if let Some(outage) = &report.outage {
        rows.insert(2, ("no breaker", &outage.without_breaker));
        columns = OF_AN_OUTAGE;
    }
    write("client", columns, &rows, f)
}

/// A line of headers and a line a row; `names` stands over the names of the rows.
pub(crate) fn write<R>(
    names: &str,
    columns: &[Column<R>],
    rows: &[(&str, &R)],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let wide = rows.iter().map(|(name, _)| name.len()).max();
    let wide = wide.unwrap_or_default().max(names.len());

    write!(f, "{names:<wide$}")?;
    for column in columns {
        write!(f, "  {:>width$}", column.0, width = width(column))?;
    }
    writeln!(f)?;
    for (name, row) in rows {
        write!(f, "{name:<wide$}")?;
        for column in columns {
            write!(f, "  {:>width$}", column.1(row), width = width(column))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn width<R>((header, _): &Column<R>) -> usize {
    header.len().max(8)
}

pub(crate) fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::{
        faults::Faults,
        report::tests::{report, report_of_an_outage},
    };

    /// The lines of the table, which have to end in line.
    fn table(text: &str, above: usize, rows: usize) -> Vec<&str> {
        let table: Vec<&str> = text.lines().skip(above).take(1 + rows).collect();
        assert!(
            table.iter().all(|line| line.len() == table[0].len()),
            "{text}"
        );
        assert_eq!(table[0].split("  ").next(), Some("client"));
        table
    }

    #[test]
    fn the_columns_of_the_table_end_in_line() {
        let text = report(Faults::Storm).to_string();
        let table = table(&text, 2, 3);
        assert!(
            table[3].ends_with("1.20     98 ms   1234 ms              0       991"),
            "{text}"
        );
    }

    #[test]
    fn the_table_of_an_outage_has_a_row_and_two_columns_of_its_own() {
        let text = report_of_an_outage().to_string();
        let table = table(&text, 3, 4);
        for (line, cells) in [
            (0, "to the dead server  paid again after"),
            (2, "2000                 -"),
            (3, "800             70 ms"),
            (4, "32            412 ms"),
        ] {
            assert!(table[line].contains(cells), "`{cells}` is missing:\n{text}");
        }
        assert!(table[3].starts_with("no breaker"), "{text}");
    }
}

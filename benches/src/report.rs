//! Prints measurements: aligned tables for people, one JSON object a line for programs.

use std::{array, fmt::Write};

use crate::{
    contend::Throughput,
    harness::{Measurement, Mode},
    rate::{self, Rate},
};

/// One aligned table; within a group, rows of the same mode stand together.
#[must_use]
pub fn table(measurements: &[Measurement]) -> String {
    const HEAD: [&str; 8] = [
        "group",
        "mode",
        "row",
        "median ns",
        "min ns",
        "max ns",
        "allocs",
        "future bytes",
    ];
    let mut lines: Vec<_> = measurements.iter().collect();
    // Stable, so that groups and rows keep the order they were listed in.
    lines.sort_by_key(|m| {
        let group = measurements.iter().position(|other| other.group == m.group);
        (group, Mode::ALL.iter().position(|mode| *mode == m.mode))
    });
    let cells = lines.iter().map(|m| {
        [
            m.group.to_owned(),
            m.mode.name().to_owned(),
            m.row.to_owned(),
            format!("{:.1}", m.ns_median),
            format!("{:.1}", m.ns_min),
            format!("{:.1}", m.ns_max),
            m.allocs.to_string(),
            m.future_bytes.to_string(),
        ]
    });
    aligned(HEAD, cells)
}

/// One aligned table of what threads get done on one shared instance.
#[must_use]
pub fn contend_table(throughputs: &[Throughput]) -> String {
    const HEAD: [&str; 6] = [
        "group",
        "mode",
        "row",
        "1 thread M/s",
        "2 threads M/s",
        "waited %",
    ];
    let cells = throughputs.iter().map(|t| {
        [
            t.group.to_owned(),
            CONTEND.to_owned(),
            t.row.to_owned(),
            format!("{:.2}", t.mops_1t),
            format!("{:.2}", t.mops_2t),
            format!("{:.0}", t.waited * 100.0),
        ]
    });
    aligned(HEAD, cells)
}

/// The modes' names beside those of [`Mode`].
const CONTEND: &str = "contend";
const RATE: &str = "rate";

/// One aligned table of what a file bears.
#[must_use]
pub fn rate_table(rates: &[Rate]) -> String {
    let cells = rates.iter().map(|rate| {
        [
            rate::GROUP.to_owned(),
            RATE.to_owned(),
            rate.row.to_owned(),
            format!("{:.0}", rate.per_second),
        ]
    });
    aligned(["group", "mode", "row", "calls/s"], cells)
}

/// One JSON object a line, of what a file bears.
#[must_use]
pub fn rate_json(rates: &[Rate]) -> String {
    rates.iter().fold(String::new(), |mut out, rate| {
        let (group, Rate { row, per_second }) = (rate::GROUP, rate);
        let _ = writeln!(
            out,
            r#"{{"group":"{group}","row":"{row}","mode":"{RATE}","per_second":{per_second:.0}}}"#
        );
        out
    })
}

fn aligned<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    lines: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let lines: Vec<_> = lines.collect();
    let widths: [usize; COLUMNS] = array::from_fn(|column| {
        let cells = lines.iter().map(|line| line[column].len());
        cells.max().unwrap_or(0).max(head[column].len())
    });
    let mut out = String::new();
    line(&mut out, &head, &widths);
    line(&mut out, &widths.map(|width| "-".repeat(width)), &widths);
    for cells in &lines {
        line(&mut out, cells, &widths);
    }
    out
}

fn line(out: &mut String, cells: &[impl AsRef<str>], widths: &[usize]) {
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = cell.as_ref();
        // Words to the left, numbers to the right.
        let _ = match column {
            0 => write!(out, "{cell:<width$}"),
            1 | 2 => write!(out, "  {cell:<width$}"),
            _ => write!(out, "  {cell:>width$}"),
        };
    }
    out.push('\n');
}

/// One JSON object a line. Names are plain words, so nothing needs escaping.
#[must_use]
pub fn json(measurements: &[Measurement]) -> String {
    measurements.iter().fold(String::new(), |mut out, m| {
        let Measurement { group, row, ns_median, ns_min, ns_max, allocs, future_bytes, .. } = m;
        let mode = m.mode.name();
        let _ = writeln!(
            out,
            r#"{{"group":"{group}","row":"{row}","mode":"{mode}","ns_median":{ns_median:.2},"ns_min":{ns_min:.2},"ns_max":{ns_max:.2},"allocs":{allocs},"future_bytes":{future_bytes}}}"#
        );
        out
    })
}

/// One JSON object a line, of what threads get done.
#[must_use]
pub fn contend_json(throughputs: &[Throughput]) -> String {
    throughputs.iter().fold(String::new(), |mut out, t| {
        let Throughput { group, row, mops_1t, mops_2t, .. } = t;
        let _ = writeln!(
            out,
            r#"{{"group":"{group}","row":"{row}","mode":"{CONTEND}","mops_1t":{mops_1t:.3},"mops_2t":{mops_2t:.3}}}"#
        );
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{contend_json, contend_table, json, rate_json, rate_table, table};
    use crate::{
        contend::Throughput,
        harness::{Measurement, Mode},
        rate::Rate,
    };

    fn measured(row: &'static str, mode: Mode, ns_median: f64) -> Measurement {
        Measurement {
            group: "retry",
            row,
            mode,
            ns_median,
            ns_min: 1.0,
            ns_max: 1234.5,
            allocs: 0.5,
            future_bytes: 64,
        }
    }

    #[test]
    fn the_table_is_aligned_and_puts_rows_of_one_mode_together() {
        let both = [
            measured("steadfast", Mode::Ready, 10.0),
            measured("steadfast", Mode::Pend, 100.0),
            measured("tower", Mode::Ready, 9.0),
        ];
        let table = table(&both);
        let lines: Vec<_> = table.lines().collect();
        assert!(
            lines.iter().all(|line| line.len() == lines[0].len()),
            "{table}"
        );
        assert!(
            lines[3].contains("tower") && lines[4].contains("pend"),
            "{table}"
        );
    }

    #[test]
    fn json_has_one_object_a_line() {
        assert_eq!(
            json(&[measured("tower", Mode::Rt, 9.126)]),
            "{\"group\":\"retry\",\"row\":\"tower\",\"mode\":\"rt\",\"ns_median\":9.13,\"ns_min\":1.00,\
             \"ns_max\":1234.50,\"allocs\":0.5,\"future_bytes\":64}\n"
        );
    }

    #[test]
    fn what_a_file_bears_is_a_table_and_json_of_its_own() {
        let all = [Rate {
            row: "steadfast-sqlite-replay",
            per_second: 12_345.6,
        }];
        assert!(rate_table(&all).ends_with("steadfast-sqlite-replay    12346\n"));
        assert_eq!(
            rate_json(&all),
            "{\"group\":\"idempotency\",\"row\":\"steadfast-sqlite-replay\",\"mode\":\"rate\",\
             \"per_second\":12346}\n"
        );
    }

    #[test]
    fn what_threads_get_done_is_a_table_and_json_of_its_own() {
        let all = [Throughput {
            group: "breaker",
            row: "recloser",
            mops_1t: 12.3456,
            mops_2t: 7.0,
            waited: 0.0,
        }];
        let table = contend_table(&all);
        assert!(
            table
                .lines()
                .all(|line| line.len() == table.find('\n').unwrap()),
            "{table}"
        );
        assert_eq!(
            contend_json(&all),
            "{\"group\":\"breaker\",\"row\":\"recloser\",\"mode\":\"contend\",\"mops_1t\":12.346,\
             \"mops_2t\":7.000}\n"
        );
    }
}

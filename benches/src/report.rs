//! Prints measurements: one aligned table for people, one JSON object a line for programs, and the ratios of interest.

use std::fmt::Write;

use crate::harness::{Measurement, Mode};

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
    let cells: Vec<_> = lines.iter().map(|m| cells(m)).collect();
    let width = |column: usize| {
        let longest = cells
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0);
        longest.max(HEAD[column].len())
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut out = String::new();
    line(&mut out, &HEAD, &widths);
    line(&mut out, &widths.map(|width| "-".repeat(width)), &widths);
    for cells in &cells {
        line(&mut out, cells, &widths);
    }
    out
}

fn cells(m: &Measurement) -> [String; 8] {
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

/// How far ours may be from a peer's.
enum Aim {
    /// At most so many nanoseconds more.
    Above(f64),
    /// At most so many times as long.
    Times(f64),
}

/// The comparisons that the project sets itself aims for.
const AIMS: [(&str, &[Mode], &str, Aim); 5] = [
    ("retry", &[Mode::Ready], "tower", Aim::Above(5.0)),
    (
        "timeout",
        &[Mode::Ready],
        "tokio::time::timeout",
        Aim::Times(0.7),
    ),
    (
        "timeout",
        &[Mode::Pend],
        "tokio::time::timeout",
        Aim::Times(1.05),
    ),
    ("stack3", &Mode::ALL, "tower-resilience", Aim::Times(0.2)),
    ("stack3", &Mode::ALL, "seatbelt", Aim::Times(0.5)),
];

/// Ours against the peers, as lines that begin with `ratio`, from the medians.
///
/// They inform and judge nothing: a busy machine is no defect. A comparison whose rows were not measured is left out.
#[must_use]
pub fn ratios(measurements: &[Measurement]) -> String {
    let mut out = String::new();
    for (group, modes, peer, aim) in AIMS {
        for &mode in modes {
            let median = |row| {
                let found = measurements
                    .iter()
                    .find(|m| m.group == group && m.row == row && m.mode == mode);
                found.map(|m| m.ns_median)
            };
            let (Some(ours), Some(theirs)) = (median("steadfast"), median(peer)) else {
                continue;
            };
            let mode = mode.name();
            let _ = match aim {
                Aim::Above(aim) => writeln!(
                    out,
                    "ratio {group} {mode}: steadfast - {peer} = {:+.1} ns (aim: at most {aim:+.1})",
                    ours - theirs
                ),
                Aim::Times(aim) => writeln!(
                    out,
                    "ratio {group} {mode}: steadfast / {peer} = {:.2} (aim: at most {aim})",
                    ours / theirs
                ),
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{json, ratios, table};
    use crate::harness::{Measurement, Mode};

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
    fn ratios_compare_medians_and_skip_what_was_not_measured() {
        let both = [
            measured("steadfast", Mode::Ready, 12.0),
            measured("tower", Mode::Ready, 9.5),
        ];
        assert_eq!(
            ratios(&both),
            "ratio retry ready: steadfast - tower = +2.5 ns (aim: at most +5.0)\n"
        );
    }
}

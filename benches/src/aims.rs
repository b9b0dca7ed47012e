//! Ours against the peers: the comparisons that the project sets itself aims for, as lines that begin with `ratio`.
//!
//! They inform and judge nothing: a busy machine is no defect. A comparison whose rows were not measured is left out.

use std::fmt::Write;

use crate::{
    contend::Throughput,
    harness::{Measurement, Mode},
};

/// How far ours may be from a peer's.
enum Aim {
    /// At most so many nanoseconds more.
    Above(f64),
    /// At most so many times as long.
    Times(f64),
}

/// What is compared in one group, mode by mode.
struct Comparison {
    group: &'static str,
    modes: &'static [Mode],
    ours: &'static str,
    /// Several peers, and the fastest counts.
    peers: &'static [&'static str],
    aim: Aim,
}

const COMPARISONS: [Comparison; 21] = [
    Comparison {
        group: "idempotency",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["moka"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "retry",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tower"],
        aim: Aim::Above(5.0),
    },
    Comparison {
        group: "timeout",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tokio::time::timeout"],
        aim: Aim::Times(0.7),
    },
    Comparison {
        group: "timeout",
        modes: &[Mode::Pend],
        ours: "steadfast",
        peers: &["tokio::time::timeout"],
        aim: Aim::Times(1.05),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["recloser"],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-time",
        peers: &["recloser"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-open",
        peers: &[
            "recloser-open",
            "failsafe-open",
            "tower-resilience-open",
            "seatbelt-open",
        ],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-time-fast-clock",
        peers: &["recloser"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "breaker",
        modes: &[Mode::Ready],
        ours: "steadfast-open-fast-clock",
        peers: &[
            "recloser-open",
            "failsafe-open",
            "tower-resilience-open",
            "seatbelt-open",
        ],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "bulkhead",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tower"],
        aim: Aim::Times(0.6),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["governor"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-limited-fast-clock",
        peers: &["governor-limited"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["glued"],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast-fast-clock",
        peers: &["tower-resilience"],
        aim: Aim::Times(0.08),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["governor"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "limiter",
        modes: &[Mode::Ready],
        ours: "steadfast-limited",
        peers: &["governor-limited"],
        aim: Aim::Times(1.0),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["glued"],
        aim: Aim::Times(0.5),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Ready],
        ours: "steadfast",
        peers: &["tower-resilience"],
        aim: Aim::Times(0.08),
    },
    Comparison {
        group: "stack5",
        modes: &[Mode::Pend],
        ours: "steadfast",
        peers: &["glued"],
        aim: Aim::Times(0.7),
    },
    Comparison {
        group: "stack3",
        modes: &Mode::ALL,
        ours: "steadfast",
        peers: &["tower-resilience"],
        aim: Aim::Times(0.2),
    },
    Comparison {
        group: "stack3",
        modes: &Mode::ALL,
        ours: "steadfast",
        peers: &["seatbelt"],
        aim: Aim::Times(0.5),
    },
];

/// Group, ours, the peer, and how many times as many calls two threads are to get done through ours.
const CONTENTIONS: [(&str, &str, &str, f64); 2] = [
    ("breaker", "steadfast", "recloser", 5.0),
    ("bulkhead", "steadfast", "tower", 2.0),
];

/// The comparisons of what a call takes, from the medians.
#[must_use]
pub fn ratios(measurements: &[Measurement]) -> String {
    let mut out = String::new();
    for comparison in &COMPARISONS {
        for &mode in comparison.modes {
            let _ = comparison.compare(measurements, mode, &mut out);
        }
    }
    out
}

/// The comparisons of what two threads get done, from the medians.
#[must_use]
pub fn contend_ratios(throughputs: &[Throughput]) -> String {
    let mut out = String::new();
    for (group, ours, peer, aim) in CONTENTIONS {
        let row = |row| {
            throughputs
                .iter()
                .find(|t| t.group == group && t.row == row)
        };
        let (Some(mine), Some(theirs)) = (row(ours), row(peer)) else {
            continue;
        };
        let what = format!("ratio {group} contend 2t: {ours} / {peer} =");
        let _ = if mine.is_undisturbed() && theirs.is_undisturbed() {
            let ratio = mine.mops_2t / theirs.mops_2t;
            writeln!(out, "{what} {ratio:.2} (aim: at least {aim:.1})")
        } else {
            writeln!(
                out,
                "{what} unknown, threads had to wait for cores (aim: at least {aim:.1})"
            )
        };
    }
    out
}

impl Comparison {
    /// Writes one line, or nothing and `None` when one of the two was not measured.
    fn compare(&self, measurements: &[Measurement], mode: Mode, out: &mut String) -> Option<()> {
        let Self { group, ours, .. } = self;
        let here = || {
            measurements
                .iter()
                .filter(|m| m.group == *group && m.mode == mode)
        };
        let mine = here().find(|m| m.row == *ours)?.ns_median;
        let fastest = here()
            .filter(|m| self.peers.contains(&m.row))
            .min_by(|a, b| a.ns_median.total_cmp(&b.ns_median))?;
        let (peer, theirs) = (fastest.row, fastest.ns_median);
        let best = match self.peers {
            [_] => "",
            _ => ", the best peer",
        };
        let mode = mode.name();
        let written = match self.aim {
            Aim::Above(aim) => writeln!(
                out,
                "ratio {group} {mode}: {ours} - {peer}{best} = {:+.1} ns (aim: at most {aim:+.1})",
                mine - theirs
            ),
            Aim::Times(aim) => writeln!(
                out,
                "ratio {group} {mode}: {ours} / {peer}{best} = {:.2} (aim: at most {aim})",
                mine / theirs
            ),
        };
        written.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{COMPARISONS, CONTENTIONS, contend_ratios, ratios};
    use crate::{
        contend::Throughput,
        harness::{self, Measurement, Mode},
        rows,
    };

    fn measured(group: &'static str, row: &'static str, ns_median: f64) -> Measurement {
        Measurement {
            group,
            row,
            mode: Mode::Ready,
            ns_median,
            ns_min: 1.0,
            ns_max: 1234.5,
            allocs: 0.5,
            future_bytes: 64,
        }
    }

    #[test]
    fn ratios_compare_medians_and_skip_what_was_not_measured() {
        let both = [
            measured("retry", "steadfast", 12.0),
            measured("retry", "tower", 9.5),
        ];
        assert_eq!(
            ratios(&both),
            "ratio retry ready: steadfast - tower = +2.5 ns (aim: at most +5.0)\n"
        );
    }

    #[test]
    fn of_several_peers_the_fastest_counts() {
        let all = [
            measured("breaker", "steadfast-open", 10.0),
            measured("breaker", "recloser-open", 50.0),
            measured("breaker", "seatbelt-open", 40.0),
        ];
        assert_eq!(
            ratios(&all),
            "ratio breaker ready: steadfast-open / seatbelt-open, the best peer = 0.25 (aim: at most 0.5)\n"
        );
    }

    #[test]
    fn two_threads_are_compared_by_what_they_get_done() {
        let throughput = |row, mops_2t| Throughput {
            group: "breaker",
            row,
            mops_1t: 1.0,
            mops_2t,
            waited: 0.0,
        };
        assert_eq!(
            contend_ratios(&[throughput("steadfast", 60.0), throughput("recloser", 10.0)]),
            "ratio breaker contend 2t: steadfast / recloser = 6.00 (aim: at least 5.0)\n"
        );
        assert_eq!(contend_ratios(&[throughput("recloser", 10.0)]), "");
    }

    #[test]
    fn two_threads_on_one_core_are_not_compared() {
        let throughput = |row, waited| Throughput {
            group: "breaker",
            row,
            mops_1t: 1.0,
            mops_2t: 1.0,
            waited,
        };
        let ratios = contend_ratios(&[throughput("steadfast", 0.0), throughput("recloser", 0.3)]);
        assert!(ratios.contains("= unknown"), "{ratios}");
    }

    #[test]
    fn every_row_that_is_compared_exists() {
        let runtime = harness::runtime();
        let _entered = runtime.enter();
        let group = |name| rows::GROUPS.into_iter().find(|group| group.name == name);
        for comparison in &COMPARISONS {
            let rows = group(comparison.group).unwrap().rows();
            for name in comparison.peers.iter().chain([&comparison.ours]) {
                assert!(rows.iter().any(|row| row.name == *name), "{name}");
            }
        }
        for (name, ours, peer, _) in CONTENTIONS {
            let rows = group(name).unwrap().contend();
            assert!(rows.iter().any(|row| row.name == ours), "{ours}");
            assert!(rows.iter().any(|row| row.name == peer), "{peer}");
        }
    }
}

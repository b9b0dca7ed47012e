//! Who is compared, group by group, each assembled as its own users assemble it.

mod breaker;
mod bulkhead;
mod idempotency;
mod keyed;
mod limiter;
mod policies;
mod retry;
mod stack3;
mod stack5;
mod timeout;

use crate::{contend::ContendRow, harness::Row};

/// Rows that do the same job.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its name in the table and for `--group`.
    pub name: &'static str,
    /// What its rows protect the operation with.
    pub about: &'static str,
    rows: fn() -> Vec<Row>,
    contend: fn() -> Vec<ContendRow>,
}

impl Group {
    /// Assembles the rows; to be called inside a tokio runtime, where one of the peers starts its clock.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        (self.rows)()
    }

    /// Assembles the rows that threads share, where sharing costs something; also to be called inside a tokio runtime.
    #[must_use]
    pub fn contend(&self) -> Vec<ContendRow> {
        (self.contend)()
    }
}

/// Every group, in the order of the table.
pub const GROUPS: [Group; 9] = [
    retry::GROUP,
    timeout::GROUP,
    breaker::GROUP,
    bulkhead::GROUP,
    limiter::GROUP,
    keyed::GROUP,
    stack3::GROUP,
    stack5::GROUP,
    idempotency::GROUP,
];

/// A value that lives as long as the process, as a client that is built once at start does.
fn forever<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

#[cfg(test)]
mod tests {
    use super::GROUPS;
    use crate::{harness::runtime, operation::Request};

    #[test]
    fn every_row_gives_what_it_has_to_in_each_of_its_modes() {
        let runtime = runtime();
        let _entered = runtime.enter();
        for mut row in GROUPS.iter().flat_map(super::Group::rows) {
            for mode in row.modes() {
                row.time(&runtime, *mode, 3);
            }
        }
    }

    #[test]
    fn a_refusal_is_retried_where_there_is_a_retry_and_handed_on_elsewhere() {
        let runtime = runtime();
        let _entered = runtime.enter();
        for group in GROUPS {
            let retries = group.about.contains("3 attempts");
            // Who answers with what was kept asks nobody.
            for mut row in group.rows().into_iter().filter(|row| !row.is_kept()) {
                let polled = row.poll_once(Request::Refuse);
                assert_eq!(polled.is_pending(), retries, "{} {}", group.name, row.name);
                assert!(polled.is_pending() || polled == std::task::Poll::Ready(false));
            }
        }
    }

    #[test]
    fn every_group_has_ours_and_each_name_once() {
        let runtime = runtime();
        let _entered = runtime.enter();
        for group in GROUPS {
            let mut names: Vec<_> = group.rows().iter().map(|row| row.name).collect();
            assert!(names.contains(&"steadfast"), "{}", group.name);
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(all, names.len(), "{}", group.name);
        }
    }
}

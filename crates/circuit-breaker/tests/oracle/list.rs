//! The calls of closed periods as a plain list, from which everything is counted anew each time.

use crate::setup::{Extent, Setup};

/// One call that ended while it counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) period: u64,
    pub(crate) at: u64,
    pub(crate) failed: bool,
    pub(crate) slow: bool,
    /// What it means to the rule of failures in a row: one more, the end of the row, or nothing.
    pub(crate) in_a_row: Option<bool>,
}

impl Ended {
    fn is_good(&self) -> bool {
        !self.failed && !self.slow
    }
}

/// Some calls of a window: how long ago in slots of time, how many, and how many failed or were slow.
pub(crate) type Bucket = (u64, u64, u64, u64);

#[derive(Debug, Default)]
pub(crate) struct List {
    /// Every call, in the order in which they ended.
    pub(crate) calls: Vec<Ended>,
    /// Those that a window of many calls keeps.
    kept: Vec<Ended>,
    /// Each with the number of its slot, since the clock was last turned back by more than a window.
    slotted: Vec<(u64, Ended)>,
}

fn bucket(age: u64, calls: &[Ended]) -> Bucket {
    let count = |is: fn(&Ended) -> bool| calls.iter().filter(|call| is(call)).count() as u64;
    (
        age,
        calls.len() as u64,
        count(|call| call.failed),
        count(|call| call.slow),
    )
}

fn of_period(calls: &[Ended], period: u64) -> Vec<Ended> {
    let of_period = calls.iter().filter(|call| call.period == period);
    of_period.copied().collect()
}

impl List {
    pub(crate) fn push(&mut self, call: Ended, setup: &Setup) {
        self.calls.push(call);
        match setup.extent {
            Extent::Calls(size) => {
                if !call.is_good() || !self.is_all_good(call.period, size, setup) {
                    self.kept.push(call);
                }
            }
            Extent::Time(length, slots) => {
                let slot = call.at / (length / slots);
                if self.newest().is_some_and(|newest| slot + slots <= newest) {
                    self.slotted.clear();
                }
                self.slotted.push((slot, call));
            }
        }
    }

    /// Whether a good call is not kept: the window is full of good ones, to the last bucket.
    fn is_all_good(&self, period: u64, size: u64, setup: &Setup) -> bool {
        let kept = of_period(&self.kept, period);
        let good = kept.iter().rev().take_while(|call| call.is_good());
        size > 64
            && good.count() as u64 >= size + bucket_of(size)
            && kept.len() as u64 >= setup.min_calls
    }

    fn newest(&self) -> Option<u64> {
        self.slotted.iter().map(|(slot, _)| *slot).max()
    }

    /// How many failed in a row in this period, at its end.
    pub(crate) fn failures_in_a_row(&self, period: u64) -> u64 {
        let calls = of_period(&self.calls, period);
        let said = calls.iter().rev().filter_map(|call| call.in_a_row);
        said.take_while(|failed| *failed).count() as u64
    }

    /// What the window of this period holds at this time, oldest first.
    pub(crate) fn window_at(&self, period: u64, now: u64, setup: &Setup) -> Vec<Bucket> {
        match setup.extent {
            // The last calls.
            Extent::Calls(size) if size <= 64 => {
                let calls = of_period(&self.calls, period);
                let first = calls.len().saturating_sub(usize::try_from(size).unwrap());
                calls[first..].chunks(1).map(|one| bucket(0, one)).collect()
            }
            // As many buckets as go into the window whole, the last of which is being filled.
            Extent::Calls(size) => {
                let each = bucket_of(size);
                let buckets = usize::try_from(size / each).unwrap();
                let kept = of_period(&self.kept, period);
                let all: Vec<Bucket> = kept
                    .chunks(usize::try_from(each).unwrap())
                    .map(|calls| bucket(0, calls))
                    .collect();
                all[all.len().saturating_sub(buckets)..].to_vec()
            }
            // The slot of the present and those before it; the window never moves back.
            Extent::Time(length, slots) => {
                let now = now / (length / slots);
                let newest = self.newest().map_or(now, |newest| newest.max(now));
                if now + slots <= newest {
                    return Vec::new();
                }
                let of_slot = |slot: u64| -> Vec<Ended> {
                    let calls = self.slotted.iter().filter(|(of, _)| *of == slot);
                    let calls: Vec<Ended> = calls.map(|(_, call)| *call).collect();
                    of_period(&calls, period)
                };
                (0..slots)
                    .rev()
                    .filter_map(|age| Some((age, of_slot(newest.checked_sub(age)?))))
                    .filter(|(_, calls)| !calls.is_empty())
                    .map(|(age, calls)| bucket(age, &calls))
                    .collect()
            }
        }
    }

    /// How many calls there have been to judge the window by.
    pub(crate) fn known(&self, period: u64, now: u64, setup: &Setup) -> u64 {
        match setup.extent {
            Extent::Calls(_) => of_period(&self.calls, period).len() as u64,
            Extent::Time(..) => {
                let window = self.window_at(period, now, setup);
                window.iter().map(|(_, calls, _, _)| calls).sum()
            }
        }
    }
}

/// How many calls a bucket of a large window of calls holds.
fn bucket_of(size: u64) -> u64 {
    (size / 32).max(1)
}

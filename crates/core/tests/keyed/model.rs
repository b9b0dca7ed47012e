//! The map does what a list does that is looked through from end to end.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use proptest::{collection::vec, prelude::*};
use steadfast_core::Keyed;

use crate::{Probe, at, shape::Blunt};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Asks for a key, and keeps the handle or not.
    Get {
        key: u8,
        keep: bool,
    },
    /// Drops one of the handles that were kept.
    LetGo {
        handle: usize,
    },
    /// Has one of the policies that are held remember something for a while.
    Remember {
        handle: usize,
        seconds: u64,
    },
    Remove {
        key: u8,
    },
    Wait {
        seconds: u64,
    },
    TurnBack {
        seconds: u64,
    },
}

fn steps(keys: u8) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..keys, any::<bool>()).prop_map(|(key, keep)| Step::Get { key, keep }),
        5 => any::<usize>().prop_map(|handle| Step::LetGo { handle }),
        2 => (any::<usize>(), 1..20_u64)
            .prop_map(|(handle, seconds)| Step::Remember { handle, seconds }),
        1 => (0..keys).prop_map(|key| Step::Remove { key }),
        1 => (0..10_u64).prop_map(|seconds| Step::Wait { seconds }),
        1 => (0..5_u64).prop_map(|seconds| Step::TurnBack { seconds }),
    ];
    vec(step, 0..300)
}

/// What the list knows of an entry.
#[derive(Clone, Copy, Debug)]
struct Row {
    number: u64,
    used: u64,
    idle_from: u64,
}

struct Twins<S> {
    map: Keyed<u8, Probe, S>,
    made: Arc<AtomicU64>,
    rows: BTreeMap<u8, Row>,
    handles: Vec<Arc<Probe>>,
    now: u64,
    clock: u64,
}

impl<S: BuildHasher> Twins<S> {
    fn new(capacity: usize, hasher: S) -> Self {
        let made = Arc::new(AtomicU64::new(0));
        let next = Arc::clone(&made);
        let make = move |_: &u8| Probe::new(next.fetch_add(1, SeqCst));
        Twins {
            map: Keyed::with_hasher(capacity, hasher, make).unwrap(),
            made,
            rows: BTreeMap::new(),
            handles: Vec::new(),
            now: 100,
            clock: 0,
        }
    }

    fn is_free(&self, row: &Row) -> bool {
        let held = |handle: &Arc<Probe>| handle.number == row.number;
        row.idle_from <= self.now && !self.handles.iter().any(held)
    }

    /// The keys that may be given up, the least recently used first.
    fn free(&self) -> Vec<u8> {
        let mut free: Vec<_> = self.rows.iter().collect();
        free.retain(|(_, row)| self.is_free(row));
        free.sort_by_key(|(_, row)| row.used);
        free.into_iter().map(|(key, _)| *key).collect()
    }

    fn pick(&self, handle: usize) -> Option<usize> {
        handle.checked_rem(self.handles.len())
    }

    fn get(&mut self, key: u8, keep: bool) -> Result<(), TestCaseError> {
        self.clock += 1;
        let (made, clock) = (self.made.load(SeqCst), self.clock);
        let got = self.map.get_at(&key, at(self.now));
        if let Some(row) = self.rows.get_mut(&key) {
            row.used = clock;
            prop_assert_eq!(got.as_ref().unwrap().number, row.number);
            prop_assert_eq!(self.made.load(SeqCst), made, "it was there");
        } else if let Ok(policy) = &got {
            prop_assert_eq!(policy.number, made);
            prop_assert_eq!(self.made.load(SeqCst), made + 1);
            if self.rows.len() == self.map.capacity() {
                self.give_up()?;
            }
            let row = Row {
                number: made,
                used: clock,
                idle_from: 0,
            };
            self.rows.insert(key, row);
        } else {
            prop_assert_eq!(self.made.load(SeqCst), made, "it was refused");
            prop_assert_eq!(self.rows.len(), self.map.capacity());
            // A small map sees all of its entries, a large one 32.
            let in_the_way = self.rows.len() - self.free().len();
            prop_assert!(in_the_way >= self.rows.len().min(32));
        }
        self.handles.extend(got.ok().filter(|_| keep));
        Ok(())
    }

    /// One entry went for another.
    fn give_up(&mut self) -> Result<(), TestCaseError> {
        let free = self.free();
        let gone = free.iter().find(|key| !self.map.contains(key));
        prop_assert!(gone.is_some(), "none went, or one that was not free");
        if self.map.capacity() <= 32 {
            prop_assert_eq!(gone, free.first(), "not the least recently used");
        }
        self.rows.remove(gone.unwrap());
        Ok(())
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Get { key, keep } => self.get(key, keep)?,
            Step::LetGo { handle } => {
                if let Some(at) = self.pick(handle) {
                    self.handles.swap_remove(at);
                }
            }
            Step::Remember { handle, seconds } => {
                if let Some(index) = self.pick(handle) {
                    let (policy, end) = (&self.handles[index], self.now + seconds);
                    policy.remembers_until(at(end));
                    let mut rows = self.rows.values_mut();
                    if let Some(row) = rows.find(|row| row.number == policy.number) {
                        row.idle_from = end;
                    }
                }
            }
            Step::Remove { key } => {
                let removed = self.map.remove(&key).map(|policy| policy.number);
                prop_assert_eq!(removed, self.rows.remove(&key).map(|row| row.number));
            }
            Step::Wait { seconds } => self.now += seconds,
            Step::TurnBack { seconds } => self.now -= seconds.min(self.now),
        }
        self.compare()
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.map.len() <= self.map.capacity());
        prop_assert_eq!(self.map.len(), self.rows.len());
        let entries = self.map.entries().into_iter();
        let entries: BTreeMap<_, _> = entries.map(|(key, policy)| (key, policy.number)).collect();
        let rows = self.rows.iter().map(|(key, row)| (*key, row.number));
        prop_assert_eq!(entries, rows.collect());
        Ok(())
    }
}

fn replay<S: BuildHasher>(capacity: usize, hasher: S, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut twins = Twins::new(capacity, hasher);
    steps.iter().try_for_each(|step| twins.take(*step))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_small_map_does_as_the_list_does(capacity in 1..=8_usize, steps in steps(16)) {
        replay(capacity, RandomState::new(), &steps)?;
    }

    #[test]
    fn a_map_with_a_poor_hasher_does_as_the_list_does(
        capacity in 1..=8_usize,
        steps in steps(16),
    ) {
        replay(capacity, Blunt, &steps)?;
    }

    #[test]
    fn a_map_of_32_does_as_the_list_does(steps in steps(64)) {
        replay(32, RandomState::new(), &steps)?;
    }

    #[test]
    fn a_large_map_gives_up_only_what_is_free(capacity in 33..=48_usize, steps in steps(100)) {
        replay(capacity, RandomState::new(), &steps)?;
    }
}

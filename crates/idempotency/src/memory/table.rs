//! The records of one shard: where each is, and which of them is due to go when. Pure state: no lock, no clock.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasherDefault, Hasher},
    mem,
};

use crate::{Id, Record, State, StoreTime, Stored, protocol};

#[derive(Default)]
pub(super) struct Table {
    /// By the hash of an id, where the first of its rows is.
    first: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    rows: Vec<Option<Box<Row>>>,
    free: Vec<u32>,
    /// When a row or its result is over. A row that nobody may delete is not in it.
    due: BTreeSet<(StoreTime, u32)>,
}

struct Row {
    record: Record,
    hash: u64,
    /// Another row of the same hash.
    next: Option<u32>,
}

/// Where a row is, for as long as the table is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

/// What was taken out of a table. Dropped once it is unlocked.
#[derive(Default)]
pub(super) struct Swept {
    #[allow(clippy::vec_box, reason = "they are moved as the table has them")]
    rows: Vec<Box<Row>>,
    results: Vec<Stored>,
    pub(super) bytes: u64,
}

impl Swept {
    pub(super) fn records(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.results.is_empty()
    }
}

impl Table {
    #[inline]
    pub(super) fn find(&self, hash: u64, id: &Id) -> Option<Place> {
        let mut at = self.first.get(&hash).copied();
        while let Some(place) = at {
            let row = self.row(place);
            if row.record.id == *id {
                return Some(Place(place));
            }
            at = row.next;
        }
        None
    }

    #[inline]
    pub(super) fn record(&self, place: Place) -> &Record {
        &self.row(place.0).record
    }

    /// Adds a record, whose id is none of the table's yet.
    pub(super) fn insert(&mut self, hash: u64, record: Record) {
        let due = due(&record);
        let next = self.first.get(&hash).copied();
        let row = Some(Box::new(Row { record, hash, next }));
        let place = match self.free.pop() {
            Some(place) => {
                self.rows[place as usize] = row;
                place
            }
            None => {
                self.rows.push(row);
                u32::try_from(self.rows.len() - 1).expect("a store holds fewer records than that")
            }
        };
        self.first.insert(hash, place);
        self.due.extend(due.map(|due| (due, place)));
    }

    /// Puts a record in the place of the one with the same id.
    pub(super) fn replace(&mut self, Place(place): Place, record: Record) -> Record {
        let (before, after) = (due(&self.row(place).record), due(&record));
        if before != after {
            if let Some(before) = before {
                self.due.remove(&(before, place));
            }
            self.due.extend(after.map(|after| (after, place)));
        }
        mem::replace(&mut self.row_mut(place).record, record)
    }

    /// Takes out up to `limit` records whose time is over, and as many results. The work that this takes is bounded
    /// by the limit, whatever the table holds.
    pub(super) fn sweep(&mut self, now: StoreTime, limit: usize) -> Swept {
        let mut swept = Swept::default();
        while swept.rows.len() < limit && swept.results.len() < limit {
            let Some(&(_, place)) = self.due.first().filter(|(due, _)| *due <= now) else {
                break;
            };
            let before = cost(&self.row(place).record);
            if protocol::is_over(&self.row(place).record, now) {
                swept.bytes += before;
                swept.rows.push(self.remove(place));
                continue;
            }
            let faded = Record {
                result: None,
                ..self.row(place).record.clone()
            };
            swept.bytes += before - cost(&faded);
            let record = self.replace(Place(place), faded);
            swept.results.extend(record.result);
        }
        swept
    }

    fn remove(&mut self, place: u32) -> Box<Row> {
        let row = self.rows[place as usize].take();
        let row = row.expect("a place that was found holds a row");
        if let Some(due) = due(&row.record) {
            self.due.remove(&(due, place));
        }
        self.unlink(row.hash, place, row.next);
        self.free.push(place);
        row
    }

    /// Has whatever pointed to this row point to the next one.
    fn unlink(&mut self, hash: u64, place: u32, next: Option<u32>) {
        let mut at = self.first[&hash];
        if at == place {
            match next {
                Some(next) => self.first.insert(hash, next),
                None => self.first.remove(&hash),
            };
            return;
        }
        while let Some(after) = self.row(at).next.filter(|after| *after != place) {
            at = after;
        }
        self.row_mut(at).next = next;
    }

    #[inline]
    fn row(&self, place: u32) -> &Row {
        let row = &self.rows[place as usize];
        row.as_deref().expect("a place that was found holds a row")
    }

    fn row_mut(&mut self, place: u32) -> &mut Row {
        let row = &mut self.rows[place as usize];
        row.as_deref_mut()
            .expect("a place that was found holds a row")
    }
}

/// When the record or its result is over; never, where nobody knows what came of it.
fn due(record: &Record) -> Option<StoreTime> {
    match record.state {
        State::Completed if record.result.is_some() => Some(record.result_expires_at),
        State::Completed | State::Released => Some(record.expires_at),
        State::InFlight | State::Indeterminate => None,
    }
}

/// What a record takes besides its texts and bytes, on average and a little more: the row, the places where it is
/// found, and the counts of what it shares.
pub(super) const OVERHEAD: u64 = 512;

/// About how many bytes a record takes.
pub(super) fn cost(record: &Record) -> u64 {
    let scope = record.id.scope();
    let texts = [
        scope.principal().map_or(0, str::len),
        scope.operation().len(),
        record.id.key().as_str().len(),
        record.step.as_ref().map_or(0, |step| step.len()),
        record.result.as_ref().map_or(0, Stored::len),
    ];
    let texts = texts.into_iter().map(|length| length as u64).sum::<u64>();
    OVERHEAD + texts
}

/// The hasher of what is a hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a hash is written as a whole");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ClaimRequest, Fingerprint, Key, Lapsed, Owner, Scope};

    const START: StoreTime = StoreTime::from_micros(0);

    fn id(n: u64) -> Id {
        let scope = Scope::new("a", "b").unwrap();
        Id::new(scope, Key::new(&n.to_string()).unwrap())
    }

    /// A record of this id, whose time is over after so many microseconds.
    fn released(n: u64, ttl: u64) -> Record {
        let request = ClaimRequest {
            id: &id(n),
            fingerprint: Fingerprint::of(b""),
            owner: Owner::from_u128(1),
            lease: Duration::ZERO,
            result_ttl: Duration::ZERO,
            key_ttl: Duration::from_micros(ttl),
            lapsed: Lapsed::Block,
        };
        let mut record = protocol::claim(None, &request, START).write.unwrap();
        record.state = State::Released;
        record
    }

    #[test]
    fn rows_of_one_hash_are_told_apart_and_go_one_by_one() {
        // Whichever goes first, second and third.
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut table = Table::default();
            for n in 0..3 {
                let turn = order.iter().position(|other| *other == n).unwrap() as u64;
                table.insert(7, released(n, turn + 1));
            }
            table.insert(8, released(9, 9));
            for (gone, n) in order.into_iter().enumerate() {
                for (turn, n) in order.into_iter().enumerate() {
                    let found = table
                        .find(7, &id(n))
                        .map(|place| table.record(place).id.clone());
                    assert_eq!(found, (turn >= gone).then(|| id(n)));
                }
                let swept = table.sweep(START.after(Duration::from_micros(gone as u64 + 1)), 9);
                assert_eq!(swept.records(), 1);
                assert_eq!(table.find(7, &id(n)), None);
            }
            assert!(table.find(8, &id(9)).is_some());
            assert!(table.find(8, &id(0)).is_none());
            assert_eq!((table.first.len(), table.due.len()), (1, 1));
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut table = Table::default();
        for round in 0..10 {
            for n in 0..10 {
                table.insert(n % 3, released(n, round));
            }
            let swept = table.sweep(START.after(Duration::from_micros(round)), 10);
            assert_eq!(swept.records(), 10);
            assert_eq!((table.rows.len(), table.free.len()), (10, 10));
            assert_eq!((table.first.len(), table.due.len()), (0, 0));
        }
    }

    #[test]
    fn a_sweep_takes_the_oldest_and_no_more_than_its_limit() {
        let mut table = Table::default();
        for n in 0..10 {
            table.insert(n, released(n, 10 - n));
        }
        let swept = table.sweep(START.after(Duration::from_micros(9)), 4);
        let ids: Vec<_> = swept.rows.iter().map(|row| row.record.id.clone()).collect();
        assert_eq!(ids, [id(9), id(8), id(7), id(6)]);
        assert_eq!(swept.bytes, 4 * (OVERHEAD + 3));
        assert_eq!(
            table
                .sweep(START.after(Duration::from_micros(9)), 9)
                .records(),
            5
        );
        assert!(
            table
                .sweep(START.after(Duration::from_micros(9)), 9)
                .is_empty()
        );
    }

    #[test]
    fn a_sweep_takes_no_more_results_than_its_limit() {
        let mut table = Table::default();
        for n in 0..10 {
            let mut record = released(n, 100);
            record.state = State::Completed;
            record.result = Some(Stored::body(*b"done"));
            table.insert(n, record);
        }
        for (results, bytes) in [(4, 16), (4, 16), (2, 8), (0, 0)] {
            let swept = table.sweep(START, 4);
            assert_eq!((swept.results.len(), swept.bytes), (results, bytes));
            assert_eq!(swept.records(), 0);
        }
        assert_eq!(table.due.len(), 10);
    }

    #[test]
    fn a_hash_is_not_hashed_again() {
        use std::hash::BuildHasher;
        let hasher = BuildHasherDefault::<AsItIs>::default();
        assert_eq!([7, 8].map(|hash: u64| hasher.hash_one(hash)), [7, 8]);
    }

    #[test]
    fn a_row_in_flight_is_never_due() {
        let mut table = Table::default();
        table.insert(1, released(1, 1));
        let place = table.find(1, &id(1)).unwrap();
        for state in [State::InFlight, State::Indeterminate] {
            let record = Record {
                state,
                ..released(1, 1)
            };
            drop(table.replace(place, record));
            assert!(table.sweep(START.after(Duration::MAX), 9).is_empty());
        }
    }
}

//! A limit that keeps every admission in a list and looks through all of it each time.

use crate::steps::{Setup, Shape};

/// A call that was admitted, or has its turn reserved.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) call: usize,
    pub(crate) turn: u64,
    cost: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct List {
    setup: Setup,
    pub(crate) entries: Vec<Entry>,
}

impl List {
    pub(crate) fn new(setup: &Setup) -> Self {
        List {
            setup: setup.clone(),
            entries: Vec::new(),
        }
    }

    /// The first instant from `now` on at which the call may be admitted, none being overtaken.
    pub(crate) fn turn(&self, now: u64, cost: u32) -> u64 {
        let (n, per) = (u64::from(self.setup.n), self.setup.per);
        let last = self.entries.last().map_or(0, |entry| entry.turn);
        let mut turn = now.max(last);
        let mut sum = u64::from(cost);
        match self.setup.shape {
            // From each earlier admission on, no more than the burst and what the rate adds.
            Shape::Bucket => {
                for entry in self.entries.iter().rev() {
                    sum += u64::from(entry.cost);
                    let above = sum.saturating_sub(self.setup.burst.into());
                    turn = turn.max(entry.turn + (above * per).div_ceil(n));
                }
            }
            // As many as there is no room for have to be a period old.
            Shape::Sliding => {
                for entry in self.entries.iter().rev() {
                    sum += u64::from(entry.cost);
                    if sum > n {
                        turn = turn.max(entry.turn + per);
                    }
                }
            }
            Shape::Fixed => {
                let window = turn / per;
                let inside = self.entries.iter().filter(|one| one.turn / per == window);
                sum += inside.map(|one| u64::from(one.cost)).sum::<u64>();
                if sum > n {
                    turn = (window + 1) * per;
                }
            }
        }
        turn
    }

    pub(crate) fn add(&mut self, call: usize, turn: u64, cost: u32) {
        self.entries.push(Entry { call, turn, cost });
    }

    /// Takes a call out whose turn is still to come, and moves those behind it up. How many.
    pub(crate) fn remove(&mut self, call: usize, now: u64) -> usize {
        let place = self
            .entries
            .iter()
            .position(|entry| entry.call == call)
            .unwrap();
        let behind = self.entries.split_off(place);
        let mut moved = 0;
        for entry in &behind[1..] {
            let turn = self.turn(now, entry.cost);
            moved += usize::from(turn != entry.turn);
            self.add(entry.call, turn, entry.cost);
        }
        moved
    }

    /// Whether every window is within its limit.
    pub(crate) fn holds(&self) -> bool {
        let (n, per) = (u64::from(self.setup.n), self.setup.per);
        (0..self.entries.len()).all(|from| {
            let mut sum = 0;
            self.entries[from..].iter().all(|entry| {
                sum += u64::from(entry.cost);
                let length = entry.turn - self.entries[from].turn;
                match self.setup.shape {
                    Shape::Bucket => sum * per <= u64::from(self.setup.burst) * per + length * n,
                    Shape::Sliding => length >= per || sum <= n,
                    Shape::Fixed => entry.turn / per != self.entries[from].turn / per || sum <= n,
                }
            })
        })
    }
}

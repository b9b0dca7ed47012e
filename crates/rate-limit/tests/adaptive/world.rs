//! A client that sends as fast as it may, and a server that throttles above a rate, in virtual time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use steadfast_core::{Instant, saturating_nanos};

use crate::{
    adaptive::{AdaptiveRate, Control},
    control, units_per,
};

const SECOND: u64 = 1_000_000_000;

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A unit in each interval, and some of them ahead: virtual scheduling, in nanoseconds.
#[derive(Default)]
struct Bucket {
    arrival: u64,
}

impl Bucket {
    /// When the next unit may go, at `now` or later.
    fn ready(&self, now: u64, tolerance: u64) -> u64 {
        now.max(self.arrival.saturating_sub(tolerance))
    }

    fn take(&mut self, now: u64, interval: u64) {
        self.arrival = self.arrival.max(now) + interval;
    }

    /// What is taken stays taken, unit by unit, as of a limit whose rate is changed.
    fn change(&mut self, now: u64, from: u64, to: u64) {
        let taken =
            u128::from(self.arrival.saturating_sub(now)) * u128::from(to) / u128::from(from);
        self.arrival = self.arrival.min(now) + u64::try_from(taken).unwrap();
    }
}

pub(crate) struct World {
    dice: Dice,
    now: u64,
    control: Control,
    client: Bucket,
    server: Bucket,
    /// How many the server lets through in a second; none in an outage.
    pub(crate) capacity: u64,
    /// And how many at once.
    pub(crate) burst: u64,
    /// From half of it to one and a half.
    pub(crate) latency: Duration,
    /// How many a second the client would send.
    pub(crate) wanted: u64,
    /// Each throttled call counts, as in the source, also where many are on their way.
    pub(crate) is_each_counted: bool,
    /// When they are there, when they were sent, and whether they are good.
    answers: BinaryHeap<Reverse<(u64, u64, bool)>>,
    pub(crate) lowest: f64,
}

/// What went on in a while, in calls a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// The mean of the rate over time.
    pub(crate) rate: f64,
    pub(crate) served: f64,
    pub(crate) throttled: f64,
}

impl World {
    pub(crate) fn new(seed: u64, rate: &AdaptiveRate, capacity: u64) -> Self {
        World {
            dice: Dice(seed),
            now: 1,
            control: control(rate),
            client: Bucket::default(),
            server: Bucket::default(),
            capacity,
            burst: 1,
            latency: Duration::from_millis(10),
            wanted: 4 * capacity,
            is_each_counted: false,
            answers: BinaryHeap::new(),
            lowest: f64::INFINITY,
        }
    }

    pub(crate) fn rate(&self) -> f64 {
        let micros = self.control.rate_micros();
        micros.map_or(self.wanted as f64, |micros| micros as f64 / 1e6)
    }

    /// Between one call and the next.
    fn interval(&self) -> u64 {
        let wanted = SECOND / self.wanted;
        let told = units_per(&self.control);
        told.map_or(wanted, |(units, per)| {
            wanted.max(saturating_nanos(per) / u64::from(units))
        })
    }

    fn send(&mut self) -> bool {
        self.client.take(self.now, self.interval());
        self.control.sent_at(Instant::from_nanos(self.now), 1);
        let is_served = self.capacity > 0 && {
            let interval = SECOND / self.capacity;
            self.server.ready(self.now, interval * (self.burst - 1)) == self.now
        };
        if is_served {
            self.server.take(self.now, SECOND / self.capacity);
        }
        let latency = saturating_nanos(self.latency);
        let answered = self.now + latency / 2 + self.dice.next() % latency;
        (self.answers).push(Reverse((answered, self.now, is_served)));
        is_served
    }

    fn answer(&mut self, sent: u64, is_served: bool) {
        let before = self.interval();
        let now = Instant::from_nanos(self.now);
        if is_served {
            self.control.succeeded_at(now);
        } else if self.is_each_counted {
            self.control.throttled_at(now, now);
        } else {
            self.control.throttled_at(now, Instant::from_nanos(sent));
        }
        self.client.change(self.now, before, self.interval());
        self.lowest = self.lowest.min(self.rate());
    }

    pub(crate) fn run(&mut self, secs: u64) -> Seen {
        let (begin, end) = (self.now, self.now + secs * SECOND);
        let (mut area, mut served, mut throttled) = (0.0, 0u64, 0u64);
        while self.now < end {
            let send = self.client.ready(self.now, 0);
            let answer = self.answers.peek().map_or(u64::MAX, |next| next.0.0);
            let next = send.min(answer).min(end);
            area += self.rate() * (next - self.now) as f64;
            self.now = next;
            if next == end {
                break;
            }
            if next == answer {
                let Reverse((_, sent, is_served)) = self.answers.pop().unwrap();
                self.answer(sent, is_served);
            } else if self.send() {
                served += 1;
            } else {
                throttled += 1;
            }
        }
        let nanos = (end - begin) as f64;
        Seen {
            rate: area / nanos,
            served: served as f64 * 1e9 / nanos,
            throttled: throttled as f64 * 1e9 / nanos,
        }
    }
}

//! A leaky bucket as a meter, the other form of the algorithm in ITU-T I.371: it keeps a level.

/// A level in parts of a unit: a unit is `per` of them, and each nanosecond takes `n` away.
pub(crate) struct Meter {
    n: i128,
    per: i128,
    burst: u32,
    level: i128,
    at: u64,
}

impl Meter {
    pub(crate) fn new(n: u32, per: u64, burst: u32) -> Self {
        Meter {
            n: n.into(),
            per: per.into(),
            burst,
            level: 0,
            at: 0,
        }
    }

    fn level_at(&self, now: u64) -> i128 {
        let passed = i128::from(now) - i128::from(self.at);
        (self.level - passed * self.n).max(0)
    }

    pub(crate) fn available_at(&self, now: u64) -> u32 {
        let room = i128::from(self.burst) * self.per - self.level_at(now);
        u32::try_from(room / self.per).expect("it is never fuller than it may be")
    }

    pub(crate) fn try_acquire_at(&mut self, now: u64, cost: u32) -> Result<(), ()> {
        if cost > self.available_at(now) {
            return Err(());
        }
        self.level = self.level_at(now) + i128::from(cost) * self.per;
        self.at = now;
        Ok(())
    }

    pub(crate) fn refund_at(&mut self, now: u64, cost: u32) {
        self.level = (self.level_at(now) - i128::from(cost) * self.per).max(0);
        self.at = now;
    }
}

//! How keys are hashed where nobody says how.

use std::{
    fmt,
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
};

/// Hashes keys with secrets that are drawn at random for each map, as keys that come from outside need it.
///
/// A key that is one whole number of at most 64 bits is hashed by multiplication: `(a x + b mod 2^128) / 2^64`
/// with random `a` and `b`, which for any two keys, chosen by whoever does not know the secrets, gives each pair
/// of hashes with the same chance (M. Dietzfelbinger, "Universal hashing and k-wise independent random variables
/// via integer arithmetic without primes", STACS 1996). Any other key is hashed by the standard library's
/// [`RandomState`], which takes longer.
///
/// ```
/// use std::hash::BuildHasher;
/// use steadfast_rate_limit::KeyHashing;
///
/// let (one, other) = (KeyHashing::default(), KeyHashing::default());
/// assert_eq!(one.hash_one(7_u64), one.hash_one(7_u64));
/// assert_ne!(one.hash_one(7_u64), other.hash_one(7_u64));
/// ```
#[derive(Clone)]
pub struct KeyHashing {
    factor: u128,
    addend: u128,
    others: RandomState,
}

impl Default for KeyHashing {
    fn default() -> Self {
        let others = RandomState::new();
        let random = |which: [u8; 2]| {
            let [high, low] = which.map(|which| u128::from(others.hash_one(("secret", which))));
            high << 64 | low
        };
        KeyHashing {
            factor: random([0, 1]),
            addend: random([2, 3]),
            others,
        }
    }
}

impl BuildHasher for KeyHashing {
    type Hasher = KeyHasher;

    #[inline(always)]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher {
            with: self.clone(),
            number: None,
            more: None,
        }
    }
}

impl fmt::Debug for KeyHashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHashing").finish_non_exhaustive()
    }
}

/// The hasher of [`KeyHashing`].
#[derive(Clone)]
pub struct KeyHasher {
    with: KeyHashing,
    /// What was written first, if that was a number.
    number: Option<u64>,
    /// Has taken in all that was written, if that was more than a number.
    more: Option<DefaultHasher>,
}

impl KeyHasher {
    #[inline(always)]
    fn number(&mut self, number: u64) {
        if self.number.is_none() && self.more.is_none() {
            self.number = Some(number);
        } else {
            self.more().write_u64(number);
        }
    }

    fn more(&mut self) -> &mut DefaultHasher {
        self.more.get_or_insert_with(|| {
            let mut hasher = self.with.others.build_hasher();
            self.number.hash(&mut hasher);
            hasher
        })
    }
}

impl Hasher for KeyHasher {
    #[inline(always)]
    fn write_u8(&mut self, number: u8) {
        self.number(number.into());
    }

    #[inline(always)]
    fn write_u16(&mut self, number: u16) {
        self.number(number.into());
    }

    #[inline(always)]
    fn write_u32(&mut self, number: u32) {
        self.number(number.into());
    }

    #[inline(always)]
    fn write_u64(&mut self, number: u64) {
        self.number(number);
    }

    #[inline(always)]
    fn write_usize(&mut self, number: usize) {
        // No machine has more than 64 bits.
        self.number(number as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.more().write(bytes);
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        match (&self.more, self.number) {
            (Some(more), _) => more.finish(),
            (None, Some(number)) => {
                let product = self.with.factor.wrapping_mul(number.into());
                (product.wrapping_add(self.with.addend) >> 64) as u64
            }
            (None, None) => self.with.others.build_hasher().finish(),
        }
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHasher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn hashing() -> KeyHashing {
        KeyHashing {
            factor: 0x2545_f491_4f6c_dd1d_9e37_79b9_7f4a_7c15,
            addend: 0xd1b5_4a32_d192_ed03_aef1_7502_108e_f2d9,
            others: RandomState::new(),
        }
    }

    #[test]
    fn a_number_is_multiplied_whatever_its_type() {
        let hashing = hashing();
        // 3 * factor + addend, its high half, by hand.
        let three = 0x2545_f491_4f6c_dd1d_u64
            .wrapping_mul(3)
            .wrapping_add(0xd1b5_4a32_d192_ed03)
            .wrapping_add(2); // what 3 * 0x9e37.. + 0xaef1.. carries
        assert_eq!(hashing.hash_one(3_u64), three);
        assert_eq!(hashing.hash_one(3_u8), three);
        assert_eq!(hashing.hash_one(3_u16), three);
        assert_eq!(hashing.hash_one(3_u32), three);
        assert_eq!(hashing.hash_one(3_usize), three);
        assert_eq!(hashing.hash_one(3_i64), three);
        assert_eq!(hashing.hash_one('\u{3}'), three);
    }

    #[test]
    fn all_that_is_written_counts() {
        let hashing = hashing();
        let hashes = [
            hashing.hash_one(()),
            hashing.hash_one(1_u64),
            hashing.hash_one(2_u64),
            hashing.hash_one((1_u64, 2_u64)),
            hashing.hash_one((2_u64, 1_u64)),
            hashing.hash_one((1_u64, 1_u64)),
            hashing.hash_one((1_u64, "a")),
            hashing.hash_one((2_u64, "a")),
            hashing.hash_one("a"),
            hashing.hash_one("b"),
            hashing.hash_one(("a", 1_u64)),
            hashing.hash_one(1_u128),
            hashing.hash_one(1_u128 << 64),
        ];
        assert_eq!(HashSet::from(hashes).len(), hashes.len());
    }

    #[test]
    fn secrets_are_drawn_for_each() {
        let (one, other) = (KeyHashing::default(), KeyHashing::default());
        assert_ne!(one.factor, other.factor);
        assert_ne!(one.addend, other.addend);
        assert_ne!(one.factor, one.addend);
        assert_ne!(one.factor >> 64, one.factor & u128::from(u64::MAX));
        assert_eq!(one.clone().hash_one(1_u8), one.hash_one(1_u8));
        assert_eq!(one.clone().hash_one("a"), one.hash_one("a"));
    }

    #[test]
    fn numbers_in_a_row_and_powers_of_two_are_spread() {
        let hashing = hashing();
        for step in [1, 64, 1 << 20, 1 << 32, 1 << 50] {
            let (mut low, mut high) = ([0_u32; 64], [0_u32; 64]);
            for number in 0..10_000_u64 {
                let hash = hashing.hash_one(number.wrapping_mul(step));
                low[(hash % 64) as usize] += 1;
                high[(hash >> 58) as usize] += 1;
            }
            let fair = |count: &u32| (78..=312).contains(count); // 156 each, within a factor of two
            assert!(low.iter().all(fair) && high.iter().all(fair), "{step}");
        }
    }
}

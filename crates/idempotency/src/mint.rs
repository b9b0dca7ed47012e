//! The client's side: one key per logical call.

use std::time::{Duration, SystemTime};

use steadfast_core::{Attempt, IdempotencyKey, Operation, Policies, Policy, Runtime};

/// Gives each logical call a key of its own, the same on every attempt: a UUID of version 7.
///
/// Its place is outside of the retry and the hedge, which then send the same key each time:
/// `(KeyPerCall::new(), retry, timeout)`. A key that the caller has given stays. The closure is told the key,
/// `pipeline.call_with(|info| post(body, info.key))`.
///
/// With a key the call counts as idempotent, and so may be repeated after a failure that may have had an effect:
/// use it where the other side honours the key.
///
/// ```
/// use steadfast_core::{Pipeline, VirtualRuntime};
/// use steadfast_idempotency::KeyPerCall;
///
/// let runtime = VirtualRuntime::new(1);
/// let calls = Pipeline::on(runtime.clone(), KeyPerCall::new());
/// let sent = |info: steadfast_core::AttemptInfo| async move { info.key.ok_or(()) };
/// let first = runtime.block_on(calls.call_with(sent));
/// let second = runtime.block_on(calls.call_with(sent));
/// assert!(first.is_ok() && first != second);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyPerCall {
    _private: (),
}

impl KeyPerCall {
    /// The policy. It has no settings.
    #[must_use]
    pub const fn new() -> Self {
        KeyPerCall { _private: () }
    }

    /// A key of its own: the date in fractions of a millisecond, and 62 random bits.
    pub fn mint<R: Runtime>(runtime: &R) -> IdempotencyKey {
        let since = runtime.wall().duration_since(SystemTime::UNIX_EPOCH);
        uuid_v7(since.unwrap_or(Duration::ZERO), runtime.random())
    }
}

/// RFC 9562, section 5.7, with the first twelve bits after the version as in section 6.2, method 3: so keys of one
/// process rise from microsecond to microsecond.
fn uuid_v7(since: Duration, random: u64) -> IdempotencyKey {
    let millis = since.as_millis() & 0xffff_ffff_ffff;
    let fraction = u128::from(since.subsec_nanos() % 1_000_000) * 4096 / 1_000_000;
    let random = u128::from(random) & (u128::MAX >> 66);
    IdempotencyKey::from_u128(millis << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)
}

impl Policies for KeyPerCall {}

impl<'p, O: Operation> Policy<'p, O> for KeyPerCall {
    type Future = O::Future;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        if attempt.key().is_none() {
            let key = KeyPerCall::mint(attempt.runtime());
            attempt.set_key(key);
        }
        operation.start(attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_example_of_the_standard() {
        // RFC 9562, appendix A.6: the same instant, 2022-02-22T19:22:22Z.
        let since = Duration::from_millis(0x017f_22e2_79b0);
        let key = uuid_v7(since, 0x18c4_dc0c_0c07_398f);
        assert_eq!(key.to_string(), "017f22e2-79b0-7000-98c4-dc0c0c07398f");
    }

    #[test]
    fn later_keys_are_greater_whatever_chance_says() {
        let mut last = uuid_v7(Duration::ZERO, 0);
        for micros in (1..3_000_000).step_by(997) {
            let next = uuid_v7(
                Duration::from_micros(micros),
                micros.wrapping_mul(0x9e37_79b9),
            );
            assert!(next > last);
            last = next;
        }
    }
}

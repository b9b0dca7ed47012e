//! What there is to say of a key in the fields of a response.

use std::{
    borrow::Borrow,
    hash::{BuildHasher, Hash},
};

use steadfast_core::{Instant, Runtime};

use super::KeyedRateLimit;
use crate::headers::RateLimitHeaders;

impl<K: Hash + Eq, S: BuildHasher> KeyedRateLimit<K, S> {
    /// What there is to say of this key in the fields of a response.
    ///
    /// Of a refused call, say so: `limits.headers(&runtime, &key).refused(&rejection)`.
    pub fn headers<Q, R>(&self, runtime: &R, key: &Q) -> RateLimitHeaders<'static>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        R: Runtime,
    {
        self.headers_at(key, runtime.now())
    }

    /// As [`headers`](KeyedRateLimit::headers), at the time `now`.
    pub fn headers_at<Q>(&self, key: &Q, now: Instant) -> RateLimitHeaders<'static>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let known = self.map.ask(key, now, |rule, arrival, judged| {
            let full_at = rule.grant(arrival, judged, rule.burst);
            let remaining = rule.available(arrival, judged);
            RateLimitHeaders::of(rule, remaining, full_at, now)
        });
        known.unwrap_or_else(|| {
            let rule = self.map.rate(key).0;
            RateLimitHeaders::of(&rule, rule.burst, now, now)
        })
    }
}

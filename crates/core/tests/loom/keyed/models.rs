//! The models: generic over the map, so that a broken twin goes through the same one.

#![allow(
    clippy::disallowed_types,
    reason = "numbers the policies, nothing is decided by it"
)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use steadfast_core::{Idle, Instant};

use crate::models::{check, race};

/// A policy that is idle until something is noted.
pub(crate) struct Note {
    /// Which of the policies of its map it is.
    number: usize,
    written: AtomicBool,
}

pub(crate) type Handle = loom::sync::Arc<Note>;

impl Note {
    fn write(&self) {
        // Relaxed, as policies do: it is for the map to see what was written before it was let go of.
        self.written.store(true, Relaxed);
    }
}

impl Idle for Note {
    fn is_idle_at(&self, _now: Instant) -> bool {
        !self.written.load(Relaxed)
    }
}

/// Makes notes, and numbers them.
pub(crate) fn notes() -> impl Fn(&u8) -> Note + Send + Sync {
    let next = AtomicUsize::new(0);
    move |_| Note {
        number: next.fetch_add(1, Ordering::Relaxed),
        written: AtomicBool::new(false),
    }
}

pub(crate) trait Map: Send + Sync + 'static {
    fn get(&self, key: u8) -> Option<Handle>;
    fn remove(&self, key: u8) -> bool;
    fn len(&self) -> usize;
}

/// A map of this capacity, with idle policies of the first keys, which nobody holds.
fn with_idle<M: Map>(make: fn(usize) -> M, capacity: usize, idle: u8) -> Arc<M> {
    let map = Arc::new(make(capacity));
    for key in 0..idle {
        drop(map.get(key).unwrap());
    }
    map
}

/// Two ask for one key that nobody has asked for.
pub(crate) fn first_calls_share<M: Map>(make: fn(usize) -> M) {
    check(move || {
        let map = with_idle(make, 2, 0);
        let (theirs, ours) = race(&map, |m| m.get(7), |m| m.get(7));
        let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
        assert_eq!(theirs.number, ours.number, "one key has two policies");
        assert_eq!(ours.number, 0);
        assert_eq!(map.len(), 1);
    });
}

/// Two ask for two keys, where there is one place, and hold what they get.
pub(crate) fn places_are_taken_once<M: Map>(make: fn(usize) -> M) {
    check(move || {
        let map = with_idle(make, 1, 0);
        let (theirs, ours) = race(&map, |m| m.get(7), |m| m.get(8));
        assert!(theirs.is_none() || ours.is_none(), "two hold one place");
        assert!(theirs.is_some() || ours.is_some(), "nobody got the place");
        assert_eq!(map.len(), 1);
    });
}

/// One writes to the only policy and lets go of it, the other needs its place.
pub(crate) fn notes_are_kept<M: Map>(make: fn(usize) -> M) {
    check(move || {
        let map = with_idle(make, 1, 1);
        let write = |m: &M| m.get(0).inspect(|note| note.write()).is_some();
        let (written, place) = race(&map, write, |m| m.get(7));
        assert!(!written || place.is_none(), "a note was lost");
        assert!(written || place.is_some(), "nobody got the place");
    });
}

/// Two ask for one new key, where there is one place, of an idle policy.
pub(crate) fn finders_share_a_place<M: Map>(make: fn(usize) -> M) {
    check(move || {
        let map = with_idle(make, 1, 1);
        let (theirs, ours) = race(&map, |m| m.get(7), |m| m.get(7));
        let (theirs, ours) = (theirs.expect("there was a place"), ours);
        let ours = ours.expect("there was a place");
        assert_eq!(theirs.number, ours.number, "one key has two policies");
        assert_eq!(map.len(), 1);
    });
}

/// Two ask for two new keys, where there are two places, of idle policies.
pub(crate) fn two_find_two_places<M: Map>(make: fn(usize) -> M) {
    check(move || {
        let map = with_idle(make, 2, 2);
        let (theirs, ours) = race(&map, |m| m.get(7), |m| m.get(8));
        let both = theirs.is_some() && ours.is_some();
        assert!(both, "there were two places");
        assert_eq!(map.len(), 2);
    });
}

/// One removes a policy, the other asks for a new key.
pub(crate) fn counts_add_up<M: Map>(capacity: usize, make: fn(usize) -> M) {
    check(move || {
        let map = with_idle(make, capacity, 1);
        let (removed, ours) = race(&map, |m| m.remove(0), |m| m.get(7));
        assert!(ours.is_some(), "there was a place");
        assert!(removed || capacity == 1);
        assert_eq!(map.len(), 1, "a place was lost");
    });
}

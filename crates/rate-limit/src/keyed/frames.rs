//! The rates of a shard, each once, with the frame in which the words of its keys are read.

use std::iter;

use crate::{
    frame::Frame,
    rule::{Rule, Shape},
};

/// Which of the rates of its shard a key has.
pub(super) type Kind = u16;

/// How many rates a shard may have at a time. A new key looks through them one by one.
pub(super) const MOST: usize = 1024;

pub(super) struct Frames {
    /// In place, as most maps have no other.
    first: Counted,
    others: Vec<Counted>,
}

struct Counted {
    frame: Frame,
    /// How many keys are of this rate. One that has none gives way to another.
    keys: usize,
}

impl Counted {
    fn new(rule: Rule) -> Counted {
        Counted {
            frame: Frame::new(rule, 0, 0),
            keys: 0,
        }
    }
}

impl Frames {
    /// With a rate to begin with, which gives way to that of the first key.
    pub(super) fn new() -> Frames {
        let any = Rule {
            shape: Shape::Bucket,
            per: 1,
            ticks: 1,
            unit: 1,
            burst: 1,
        };
        Frames {
            first: Counted::new(any),
            others: Vec::new(),
        }
    }

    #[inline]
    fn counted(&self, kind: Kind) -> &Counted {
        match usize::from(kind) {
            0 => &self.first,
            other => &self.others[other - 1],
        }
    }

    fn counted_mut(&mut self, kind: Kind) -> &mut Counted {
        match usize::from(kind) {
            0 => &mut self.first,
            other => &mut self.others[other - 1],
        }
    }

    fn position(&self, is: impl Fn(&Counted) -> bool) -> Option<Kind> {
        let at = iter::once(&self.first).chain(&self.others).position(is)?;
        Kind::try_from(at).ok()
    }

    #[inline]
    pub(super) fn get(&self, kind: Kind) -> &Frame {
        &self.counted(kind).frame
    }

    pub(super) fn replace(&mut self, kind: Kind, frame: Frame) {
        self.counted_mut(kind).frame = frame;
    }

    /// The kind of that rate, which is new if need be. `None` where there are too many others.
    pub(super) fn kind(&mut self, rule: Rule) -> Option<Kind> {
        let known = self.position(|of| of.frame.rule == rule);
        known.or_else(|| self.add(rule))
    }

    fn add(&mut self, rule: Rule) -> Option<Kind> {
        if let Some(unused) = self.position(|of| of.keys == 0) {
            *self.counted_mut(unused) = Counted::new(rule);
            return Some(unused);
        }
        if self.others.len() + 1 == MOST {
            return None;
        }
        self.others.push(Counted::new(rule));
        Kind::try_from(self.others.len()).ok()
    }

    pub(super) fn one_more(&mut self, kind: Kind) {
        self.counted_mut(kind).keys += 1;
    }

    pub(super) fn one_less(&mut self, kind: Kind) {
        self.counted_mut(kind).keys -= 1;
    }
}

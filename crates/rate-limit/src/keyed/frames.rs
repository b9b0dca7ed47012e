//! The rates of a shard, each once, with the frame in which the words of its keys are read.

use crate::{frame::Frame, rule::Rule};

/// Which of the rates of its shard a key has.
pub(super) type Kind = u16;

/// How many rates a shard may have at a time. A new key looks through them one by one.
pub(super) const MOST: usize = 1024;

pub(super) struct Frames(Vec<Counted>);

struct Counted {
    frame: Frame,
    /// How many keys are of this rate. One that has none gives way to another.
    keys: usize,
}

impl Frames {
    pub(super) const fn new() -> Frames {
        Frames(Vec::new())
    }

    #[inline]
    pub(super) fn get(&self, kind: Kind) -> &Frame {
        &self.0[usize::from(kind)].frame
    }

    pub(super) fn replace(&mut self, kind: Kind, frame: Frame) {
        self.0[usize::from(kind)].frame = frame;
    }

    /// The kind of that rate, which is new if need be. `None` where there are too many others.
    pub(super) fn kind(&mut self, rule: Rule) -> Option<Kind> {
        let known = self.0.iter().position(|of| of.frame.rule == rule);
        let at = known.or_else(|| self.add(rule))?;
        Kind::try_from(at).ok()
    }

    fn add(&mut self, rule: Rule) -> Option<usize> {
        let new = Counted {
            frame: Frame::new(rule, 0, 0),
            keys: 0,
        };
        if let Some(at) = self.0.iter().position(|of| of.keys == 0) {
            self.0[at] = new;
            return Some(at);
        }
        (self.0.len() < MOST).then(|| {
            self.0.push(new);
            self.0.len() - 1
        })
    }

    pub(super) fn one_more(&mut self, kind: Kind) {
        self.0[usize::from(kind)].keys += 1;
    }

    pub(super) fn one_less(&mut self, kind: Kind) {
        self.0[usize::from(kind)].keys -= 1;
    }
}

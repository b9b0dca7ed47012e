//! How it went.

use std::fmt;

/// Each story by its name, and how it went.
#[derive(Clone, Debug, Default)]
#[must_use = "a report may tell of failures"]
pub struct Report {
    verdicts: Vec<(&'static str, Verdict)>,
}

/// How a story went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise is kept.
    Kept,
    /// It could not be told, and why.
    Skipped(&'static str),
    /// The promise is broken.
    Broken(Failure),
}

/// Where a story went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was done.
    pub step: String,
    /// What should have come of it.
    pub expected: String,
    /// What came of it.
    pub came: String,
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, told: Result<(), Verdict>) {
        let verdict = told.err().unwrap_or(Verdict::Kept);
        self.verdicts.push((name, verdict));
    }

    /// Each story and how it went, in the order in which they were told.
    pub fn verdicts(&self) -> impl Iterator<Item = (&'static str, &Verdict)> {
        self.verdicts.iter().map(|(name, verdict)| (*name, verdict))
    }

    /// The names of the stories whose promise is broken.
    #[must_use]
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = self.verdicts();
        let broken = broken.filter(|(_, verdict)| matches!(verdict, Verdict::Broken(_)));
        broken.map(|(name, _)| name).collect()
    }

    /// Nothing, if no promise is broken.
    ///
    /// # Panics
    ///
    /// When one is, with the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.broken().is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (broken, told) = (self.broken().len(), self.verdicts.len());
        write!(f, "{broken} of {told} promises are broken")?;
        for (name, verdict) in &self.verdicts {
            match verdict {
                Verdict::Kept => {}
                Verdict::Skipped(why) => write!(f, "\n{name}: skipped, {why}")?,
                Verdict::Broken(failure) => write!(f, "\n{name}: {failure}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            step,
            expected,
            came,
        } = self;
        write!(f, "{step}\n  expected {expected}\n  came     {came}")
    }
}

//! What ends the example early: one line for a person, one exit code for a script.

use std::{fmt, process::ExitCode};

/// Why there is no report.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A flag or the orders file is wrong: the person who started the example can put it right.
    Usage(String),
    /// The machine said no, for instance to a listening socket.
    Environment(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Environment(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(reason) | Failure::Environment(reason) => f.write_str(reason),
        }
    }
}

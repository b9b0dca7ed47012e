//! Says what went wrong, and how to run the failed piece again.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a task stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line asks for something that does not exist.
    Usage(String),
    /// A file could not be read or written.
    Io { path: PathBuf, source: io::Error },
    /// A command could not be started, or did not succeed; `line` is what to type to see it again.
    Command { line: String, outcome: String },
    /// A check of our own found something.
    Check { found: String, repeat: &'static str },
}

impl Error {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { path, source }
    }

    /// The command that shows the same failure again.
    pub(crate) fn repeat(&self) -> Option<&str> {
        match self {
            Self::Command { line, .. } => Some(line),
            Self::Check { repeat, .. } => Some(repeat),
            Self::Usage(_) | Self::Io { .. } => None,
        }
    }

    /// 2 for a wrong command line, as is the custom; 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Command { line, outcome } => write!(f, "`{line}` {outcome}"),
            Self::Check { found, .. } => f.write_str(found),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

//! Runs cargo, and can say the same command in the words a contributor would type.

use std::fmt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use crate::error::Error;

/// A cargo command, run at the root of the repository with its output passed through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cargo {
    flags: Option<(&'static str, &'static str)>,
    args: Vec<String>,
}

impl Cargo {
    /// The arguments are given as one line, separated by single spaces.
    pub(crate) fn new(args: &str) -> Self {
        let args = args.split(' ').map(str::to_owned).collect();
        Self { flags: None, args }
    }

    /// Adds compiler flags by way of `RUSTFLAGS` or `RUSTDOCFLAGS`, after those that the caller already has there.
    pub(crate) fn flags(mut self, variable: &'static str, flags: &'static str) -> Self {
        self.flags = Some((variable, flags));
        self
    }

    /// # Errors
    ///
    /// [`Error::Command`] unless the command starts and succeeds.
    pub(crate) fn run(&self, root: &Path) -> Result<(), Error> {
        eprintln!("$ {self}");
        let status = self.process(root).status();
        self.judge(status.map_err(|error| error.to_string()))
    }

    /// Runs it and returns what it prints on standard output.
    ///
    /// # Errors
    ///
    /// [`Error::Command`] unless the command starts and succeeds.
    pub(crate) fn output(&self, root: &Path) -> Result<String, Error> {
        let output = self.process(root).stderr(Stdio::inherit()).output();
        let (status, stdout) = match output {
            Ok(output) => (Ok(output.status), output.stdout),
            Err(error) => (Err(error.to_string()), Vec::new()),
        };
        self.judge(status)?;
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }

    fn process(&self, root: &Path) -> std::process::Command {
        // The cargo that runs this task, so that `cargo +nightly xtask` means nightly throughout.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut process = std::process::Command::new(cargo);
        process.args(&self.args).current_dir(root);
        if let Some((variable, flags)) = self.flags {
            let before = std::env::var(variable).unwrap_or_default();
            process.env(variable, format!("{before} {flags}").trim_start());
        }
        process
    }

    fn judge(&self, status: Result<ExitStatus, String>) -> Result<(), Error> {
        let outcome = match status {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => format!("failed: {status}"),
            Err(error) => format!("could not be started: {error}"),
        };
        let line = self.to_string();
        Err(Error::Command { line, outcome })
    }
}

impl fmt::Display for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((variable, flags)) = self.flags {
            write!(f, "{variable}=\"{flags}\" ")?;
        }
        write!(f, "cargo {}", self.args.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_line_to_type_again() {
        let cargo = Cargo::new("check --workspace").flags("RUSTFLAGS", "--cfg x");
        let error = cargo.judge(Err("no such file".to_owned())).unwrap_err();
        assert_eq!(
            error.repeat(),
            Some("RUSTFLAGS=\"--cfg x\" cargo check --workspace")
        );
    }
}

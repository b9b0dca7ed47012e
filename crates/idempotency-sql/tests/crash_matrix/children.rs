//! Worker processes, and the signals that stop them.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
};

use crate::{
    plan::Mode,
    run::{PLACE, WORKER},
};

/// A worker. Dropped, it is killed.
pub(crate) struct Worker {
    child: Shared,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Also held by whoever ends everything when the time is over.
pub(crate) type Shared = Arc<Mutex<Child>>;

impl Worker {
    pub(crate) fn start(mode: Mode, place: &Path) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(WORKER, mode.to_string())
            .env(PLACE, place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take().expect("it is piped");
        let from = child.stdout.take().expect("it is piped");
        Ok(Worker {
            child: Arc::new(Mutex::new(child)),
            to,
            from: BufReader::new(from),
        })
    }

    pub(crate) fn shared(&self) -> Shared {
        Arc::clone(&self.child)
    }

    pub(crate) fn tell(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.to, "{line}")
    }

    /// The next line that it says.
    pub(crate) fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(io::Error::other("a worker ended by itself"));
        }
        Ok(line.trim_end().to_owned())
    }

    pub(crate) fn kill(self) {
        kill(&self.child);
    }

    /// Stops every thread of it until it is [resumed](Paused::resume), or until the matrix is gone: a process that
    /// is stopped for ever is worse than one that is killed.
    pub(crate) fn pause(&self) -> io::Result<Paused> {
        let child = self
            .child
            .lock()
            .map_err(|_| io::Error::other("poisoned"))?;
        // The child was not waited for, so its number is its own.
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        let from = keeper.stdout.take().expect("it is piped");
        BufReader::new(from).read_line(&mut said)?;
        match said.trim_end() {
            "stopped" => Ok(Paused(keeper)),
            _ => Err(io::Error::other("no signal could be sent")),
        }
    }
}

/// Stops a process, and has it go on when whoever started this closes the pipe, or is gone. What interrupts the matrix
/// is for the matrix.
const KEEPER: &str =
    r#"trap '' HUP INT TERM; kill -STOP "$1" && echo stopped; read -r end; kill -CONT "$1""#;

/// Who keeps a worker stopped.
pub(crate) struct Paused(Child);

impl Paused {
    pub(crate) fn resume(mut self) -> io::Result<()> {
        drop(self.0.stdin.take());
        match self.0.wait()?.success() {
            true => Ok(()),
            false => Err(io::Error::other("no signal could be sent")),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        kill(&self.child);
    }
}

pub(crate) fn kill(child: &Shared) {
    if let Ok(mut child) = child.lock() {
        // Where it is dead already there is nothing to do.
        let _ = child.kill();
        let _ = child.wait();
    }
}

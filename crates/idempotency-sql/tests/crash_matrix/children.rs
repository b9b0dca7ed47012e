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

    /// Stops every thread of it until it is [resumed](Worker::resume).
    pub(crate) fn pause(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    pub(crate) fn resume(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let child = self
            .child
            .lock()
            .map_err(|_| io::Error::other("poisoned"))?;
        // The child was not waited for, so its number is its own.
        let done = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(child.id().to_string())
            .status()?;
        if done.success() {
            Ok(())
        } else {
            Err(io::Error::other("no signal could be sent"))
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

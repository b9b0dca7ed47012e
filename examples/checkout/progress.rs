//! Shows on standard error how far a client is: a count on a terminal, plain lines elsewhere.
#![expect(
    clippy::disallowed_methods,
    reason = "it tells a person how long a client really took"
)]

use std::io::{self, IsTerminal, Write};

use tokio::time::Instant;

use crate::numbers::count;

/// A new count is worth drawing when this many more orders are done.
const STRIDE: usize = 10;

/// The progress of one client.
#[derive(Debug)]
pub(crate) struct Progress {
    client: &'static str,
    total: usize,
    live: bool,
    started: Instant,
}

impl Progress {
    pub(crate) fn start(client: &'static str, total: usize) -> Self {
        let progress = Progress {
            client,
            total,
            live: io::stderr().is_terminal(),
            started: Instant::now(),
        };
        if progress.live {
            progress.reached(0);
        } else {
            let orders = count(total as u64, "order");
            say(&format!("{client}: paying {orders}\n"));
        }
        progress
    }

    pub(crate) fn reached(&self, done: usize) {
        if self.live && (done.is_multiple_of(STRIDE) || done == self.total) {
            say(&format!(
                "\r{:<17}  {done:>5} of {}",
                self.client, self.total
            ));
        }
    }

    pub(crate) fn finish(self) {
        let seconds = self.started.elapsed().as_secs_f64();
        if self.live {
            say(&format!("  in {seconds:.1} s\n"));
        } else {
            say(&format!("{}: done in {seconds:.1} s\n", self.client));
        }
    }
}

/// Progress that cannot be shown is no reason to stop.
fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

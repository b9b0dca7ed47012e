//! Deals the sends out to the workers, and the blows.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    process::ExitCode,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    children::{Shared, Worker, kill},
    plan::{Blow, MODES, Mode, Send, WORKERS, sends},
    tally::{self, Answers},
    worker::LEASE,
};

/// The mode of a worker; set in no process but a worker.
pub(crate) const WORKER: &str = "STEADFAST_CRASH_WORKER";
/// The folder of its files.
pub(crate) const PLACE: &str = "STEADFAST_CRASH_PLACE";
/// A mode that takes longer hangs, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn main() -> ExitCode {
    let seed = std::env::var("STEADFAST_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(4711);
    println!("{}", tally::HEAD);
    let mut broken = Vec::new();
    for mode in MODES {
        let start = now();
        match matrix(mode, seed) {
            Ok(tally) => {
                println!("{tally} {:5.1} s", start.elapsed().as_secs_f64());
                broken.extend(tally.broken());
            }
            Err(error) => broken.push(format!("{mode}: {error}")),
        }
    }
    if broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("with STEADFAST_SEED={seed}:");
    for promise in broken {
        eprintln!("  {promise}");
    }
    ExitCode::FAILURE
}

/// What the threads that drive the workers share.
struct Deal<'a> {
    mode: Mode,
    place: &'a Path,
    left: Mutex<VecDeque<Send>>,
    answers: Mutex<Answers>,
    children: Mutex<Vec<Shared>>,
}

fn matrix(mode: Mode, seed: u64) -> io::Result<tally::Tally> {
    let place = TempDir::new()?;
    tally::prepare(mode, place.path());
    let deal = Deal {
        mode,
        place: place.path(),
        left: Mutex::new(sends(mode, seed).into()),
        answers: Mutex::default(),
        children: Mutex::default(),
    };
    let (ended, wait) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (deal, ended) = (&deal, ended.clone());
            // The end is told even where the thread panics: its sender is dropped.
            scope.spawn(move || ended.send(drive(deal)));
        }
        drop(ended);
        let until = now() + PATIENCE;
        for _ in 0..WORKERS {
            let left = until.saturating_duration_since(now());
            let ended = wait.recv_timeout(left);
            let ended = ended.unwrap_or_else(|_| Err(io::Error::other("it hangs, or panicked")));
            if ended.is_err() {
                // So that nobody waits for them any more.
                locked(&deal.left).clear();
                locked(&deal.children).iter().for_each(kill);
                return ended;
            }
        }
        Ok(())
    })?;
    let answers = deal
        .answers
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(tally::of(mode, place.path(), answers))
}

/// Drives one worker after another through sends, until there are none left.
fn drive(deal: &Deal<'_>) -> io::Result<()> {
    let mut worker = start(deal)?;
    loop {
        let Some(mut send) = locked(&deal.left).pop_front() else {
            return Ok(());
        };
        let point = send
            .blow
            .map_or("-".to_owned(), |(point, _)| point.to_string());
        worker.tell(&format!("{} {point}", send.key))?;
        loop {
            let line = worker.hear()?;
            match (line.split_once(' '), send.blow) {
                (Some(("at", _)), Some((_, Blow::Kill))) => {
                    worker.kill();
                    locked(&deal.answers).kills += 1;
                    worker = start(deal)?;
                    // The client got no answer, and sends again.
                    send.blow = None;
                    locked(&deal.left).push_front(send);
                    break;
                }
                (Some(("at", _)), Some((_, Blow::Pause))) => {
                    let paused = worker.pause()?;
                    locked(&deal.answers).pauses += 1;
                    sleep(LEASE * 3 / 2);
                    // It is read when it runs again.
                    worker.tell("go")?;
                    paused.resume()?;
                }
                (Some(("answer", "again")), _) => {
                    send.blow = None;
                    locked(&deal.left).push_back(send);
                    break;
                }
                (Some(("answer", answer)), _) => {
                    locked(&deal.answers).add(send.key, answer);
                    break;
                }
                _ => return Err(io::Error::other(format!("a worker said {line:?}"))),
            }
        }
    }
}

fn start(deal: &Deal<'_>) -> io::Result<Worker> {
    let worker = Worker::start(deal.mode, deal.place)?;
    locked(&deal.children).push(worker.shared());
    Ok(worker)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "processes live in real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a pause is as long as it is, in real time"
)]
fn sleep(length: Duration) {
    thread::sleep(length);
}

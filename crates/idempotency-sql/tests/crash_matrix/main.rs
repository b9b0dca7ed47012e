//! Workers are killed and paused at every point of a call, and afterwards the effects are counted.
//!
//! For each mode, 8 worker processes serve 500 keys, each sent by 3 clients. A client sends again until it has an
//! answer. On the way the workers come past named points; at those that the plan says, one is killed (SIGKILL), or
//! paused (SIGSTOP) for longer than its lease. The effects are rows of a table that would take any number of them.
//!
//! The plan follows from a seed, `STEADFAST_SEED`, which is printed. When things meet does not, so the numbers vary; the
//! promises hold for all of them.

#![allow(clippy::unwrap_used, reason = "an error fails the matrix")]

#[cfg(unix)]
mod call;
#[cfg(unix)]
mod children;
mod plan;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod stops;
#[cfg(unix)]
mod tally;
#[cfg(unix)]
mod worker;

#[cfg(not(unix))]
fn main() {
    println!("processes are killed and paused by signals, which only Unix has");
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    match std::env::var(run::WORKER) {
        Ok(mode) => {
            worker::serve(mode.parse().expect("the mode is one of three"));
            std::process::ExitCode::SUCCESS
        }
        // What the test runner is asked to list is nothing.
        Err(_) if std::env::args().any(|arg| arg == "--list") => std::process::ExitCode::SUCCESS,
        Err(_) => run::main(),
    }
}

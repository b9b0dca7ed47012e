//! Everything that has to hold before a merge, in the order in which it fails fastest.

use std::time::{Duration, Instant};

use crate::command::Cargo;
use crate::error::Error;
use crate::workspace::Workspace;
use crate::{deps, features, loom, readme, test};

type Step = (&'static str, fn(&Workspace) -> Result<(), Error>);

const STEPS: [Step; 11] = [
    ("format", format),
    ("readme", readme::check),
    ("clippy", clippy),
    ("test", test::run),
    ("test without features", test::run_without_features),
    ("docs", docs),
    ("features", features::check),
    ("loom", loom::run),
    ("fuzz targets", fuzz),
    ("deps", deps::check),
    ("release build", release),
];

/// Runs the steps until one fails, and ends with a table of what ran and how long it took.
///
/// # Errors
///
/// The first failure; before it is returned, its step and the command to repeat it are printed.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    let mut times = Vec::new();
    let mut result = Ok(());
    for (name, step) in STEPS {
        eprintln!("\n== {name} ==");
        let start = now();
        result = step(workspace);
        times.push(now() - start);
        if result.is_err() {
            break;
        }
    }
    let passed = times.len() - usize::from(result.is_err());
    println!("\n{}", table(&times, passed));
    if let Err(error) = &result {
        println!("step `{}` failed", STEPS[passed].0);
        println!("repeat it: {}", error.repeat().unwrap_or("cargo xtask ci"));
    }
    result
}

fn format(workspace: &Workspace) -> Result<(), Error> {
    Cargo::new("fmt --all --check").run(&workspace.root)?;
    Cargo::new("fmt --manifest-path fuzz/Cargo.toml --check").run(&workspace.root)
}

fn clippy(workspace: &Workspace) -> Result<(), Error> {
    Cargo::new("clippy --workspace --all-targets --all-features -- -D warnings")
        .run(&workspace.root)?;
    features::check_without(workspace)
}

fn docs(workspace: &Workspace) -> Result<(), Error> {
    Cargo::new("doc --workspace --all-features --no-deps")
        .flags("RUSTDOCFLAGS", "-D warnings")
        .run(&workspace.root)
}

/// Running them needs a nightly compiler; that they compile does not. Nor does it need a C++ compiler, which only the
/// default feature asks for.
fn fuzz(workspace: &Workspace) -> Result<(), Error> {
    Cargo::new(
        "check --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target/fuzz",
    )
    .run(&workspace.root)
}

fn release(workspace: &Workspace) -> Result<(), Error> {
    Cargo::new("build --release --workspace --examples").run(&workspace.root)?;
    Cargo::new("build --release -p benches --bins").run(&workspace.root)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took is real time"
)]
fn now() -> Instant {
    Instant::now()
}

/// One line a step: its name, how it ended, and its time.
fn table(times: &[Duration], passed: usize) -> String {
    let width = STEPS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut lines = format!("{:width$}  result   seconds\n", "step");
    for (at, (name, _)) in STEPS.iter().enumerate() {
        let line = match times.get(at) {
            Some(time) => {
                let result = if at < passed { "passed" } else { "FAILED" };
                format!("{name:width$}  {result:7}  {:7.1}\n", time.as_secs_f64())
            }
            None => format!("{name:width$}  not run        -\n"),
        };
        lines.push_str(&line);
    }
    let total = times.iter().sum::<Duration>().as_secs_f64();
    lines.push_str(&format!("{:width$}           {total:7.1}\n", "total"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_ran_what_failed_and_what_did_not_run() {
        let times = [Duration::from_millis(1_250), Duration::from_secs(2)];
        let table = table(&times, 1);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "step                   result   seconds");
        assert_eq!(lines[1], "format                 passed       1.2");
        assert_eq!(lines[2], "readme                 FAILED       2.0");
        assert_eq!(lines[3], "clippy                 not run        -");
        assert_eq!(lines[12], "total                               3.2");
        assert_eq!(lines.len(), STEPS.len() + 2);
    }
}

//! Runs the tasks of this repository: `cargo xtask help` lists them.

mod ci;
mod command;
mod deps;
mod error;
mod features;
mod loom;
mod manifest;
mod readme;
mod test;
mod workspace;

use std::process::ExitCode;

use crate::error::Error;
use crate::workspace::Workspace;

const HELP: &str = "\
The tasks of this repository

usage: cargo xtask <task>

  test              every test: unit, integration and doctests, all features
  ci                everything that has to hold before a merge, `test` included
  loom              the loom models, crates/*/tests/loom.rs
  readme [--check]  writes every README.md from the `//!` of its lib.rs; with --check only compares
  features          lints each published crate with no feature, with each alone and with all
  deps              counts the crates that a lone policy crate brings along
  help              this text
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Ci,
    Deps,
    Features,
    Help,
    Loom,
    Readme { check: bool },
    Test,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match parse(&args).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn parse(args: &[String]) -> Result<Task, Error> {
    let Some((name, rest)) = args.split_first() else {
        return Ok(Task::Help);
    };
    let (task, rest) = match (name.as_str(), rest) {
        ("ci", rest) => (Task::Ci, rest),
        ("deps", rest) => (Task::Deps, rest),
        ("features", rest) => (Task::Features, rest),
        ("help" | "--help" | "-h", rest) => (Task::Help, rest),
        ("loom", rest) => (Task::Loom, rest),
        ("readme", [flag, rest @ ..]) if flag == "--check" => (Task::Readme { check: true }, rest),
        ("readme", rest) => (Task::Readme { check: false }, rest),
        ("test", rest) => (Task::Test, rest),
        _ => {
            return Err(Error::Usage(format!(
                "unknown task `{name}`; `cargo xtask help` lists them"
            )));
        }
    };
    match rest {
        [] => Ok(task),
        [extra, ..] => Err(Error::Usage(format!(
            "unknown argument `{extra}` to `{name}`; `cargo xtask help` says what it takes"
        ))),
    }
}

fn run(task: Task) -> Result<(), Error> {
    let load = Workspace::load;
    match task {
        Task::Help => {
            print!("{HELP}");
            Ok(())
        }
        Task::Ci => ci::run(&load()?),
        Task::Deps => deps::check(&load()?),
        Task::Features => features::check(&load()?),
        Task::Loom => loom::run(&load()?),
        Task::Readme { check: true } => readme::check(&load()?),
        Task::Readme { check: false } => readme::write(&load()?),
        Task::Test => test::run(&load()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Task, String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn every_task_in_the_help_is_understood() {
        let names = HELP.lines().filter_map(|line| line.strip_prefix("  "));
        let names: Vec<&str> = names.filter_map(|l| l.split(' ').next()).collect();
        assert_eq!(names.len(), 7);
        for name in names {
            parsed(&[name]).expect("the help lists tasks that exist");
        }
    }

    #[test]
    fn readme_takes_one_flag() {
        assert_eq!(parsed(&["readme"]), Ok(Task::Readme { check: false }));
        assert_eq!(
            parsed(&["readme", "--check"]),
            Ok(Task::Readme { check: true })
        );
    }

    #[test]
    fn what_is_unknown_is_named_and_exits_with_2() {
        assert!(parsed(&["tset"]).unwrap_err().contains("`tset`"));
        assert!(
            parsed(&["test", "--check"])
                .unwrap_err()
                .contains("`--check` to `test`")
        );
        let error = parse(&["tset".to_owned()]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}

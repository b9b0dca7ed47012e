//! Prints what each row costs per call: one table, or with `--json` one object a line.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use benches::{harness, report, rows};

const USAGE: &str = "\
What a policy costs per call when nothing goes wrong, beside the same from other crates.

usage: cargo run --release -p benches --bin overhead -- [--json] [--quick] [--group NAME]

  --json        one JSON object a line on standard output, and nothing else there
  --quick       15 s of rounds in place of 100 s
  --group NAME  only this group; may be given more than once
  --help        this text

Columns: nanoseconds per call over all rounds (median, best, worst), heap allocations per call, and the size of a
call's future (what it keeps behind a pointer is an allocation instead).

Modes:
  ready  the operation is ready at once; the future is polled by hand, once
  pend   the operation is pending once, so timers are armed; polled by hand, twice
  rt     the operation is ready at once; awaited in a loop in tokio's current-thread runtime
";

/// What was asked for on the command line.
#[derive(Debug, Default, PartialEq)]
struct Arguments {
    json: bool,
    quick: bool,
    help: bool,
    groups: Vec<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => arguments.json = true,
                "--quick" => arguments.quick = true,
                "--help" | "-h" => arguments.help = true,
                "--group" => {
                    let group = words.next().ok_or("`--group` needs the name of a group")?;
                    arguments.groups.push(known(group)?);
                }
                _ => return Err(format!("unknown argument `{word}`; `--help` lists them")),
            }
        }
        Ok(arguments)
    }

    fn wants(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|name| name == group)
    }
}

fn known(group: String) -> Result<String, String> {
    let names = rows::GROUPS.map(|group| group.name);
    if names.contains(&group.as_str()) {
        Ok(group)
    } else {
        Err(format!(
            "no group `{group}`; there are {}",
            names.join(", ")
        ))
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(complaint) => {
            eprintln!("error: {complaint}");
            return ExitCode::from(2);
        }
    };
    let text = if arguments.help {
        help()
    } else {
        measured(&arguments)
    };
    // A reader that has seen enough (`| head`) is no failure.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write the table: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn help() -> String {
    let groups = rows::GROUPS.map(|group| format!("  {:<8} {}\n", group.name, group.about));
    format!("{USAGE}\nGroups:\n{}", groups.concat())
}

fn measured(arguments: &Arguments) -> String {
    let runtime = harness::runtime();
    let _entered = runtime.enter();
    let rows: Vec<_> = rows::GROUPS
        .iter()
        .filter(|group| arguments.wants(group.name))
        .flat_map(|group| group.rows().into_iter().map(|row| (group.name, row)))
        .collect();
    let budget = Duration::from_secs(if arguments.quick { 15 } else { 100 });
    eprintln!(
        "{} rows in {} modes, {budget:?} of rounds",
        rows.len(),
        harness::Mode::ALL.len()
    );
    let mut next_word = Duration::ZERO;
    let measurements = harness::measure(&runtime, rows, budget, |rounds, spent| {
        if spent >= next_word {
            eprintln!(
                "{:>3} s of {} s: {rounds} rounds",
                spent.as_secs(),
                budget.as_secs()
            );
            next_word = spent + budget / 10;
        }
    });
    if arguments.json {
        report::json(&measurements)
    } else {
        format!(
            "{}\n{}",
            report::table(&measurements),
            report::ratios(&measurements)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_are_understood_in_any_order() {
        let arguments = parse("--group retry --json --group stack3 --quick").unwrap();
        assert!(arguments.json && arguments.quick && !arguments.help);
        assert!(
            arguments.wants("retry") && arguments.wants("stack3") && !arguments.wants("timeout")
        );
        assert!(parse("").unwrap().wants("timeout"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parse("--fast").unwrap_err().contains("`--fast`"));
        assert!(
            parse("--group nobody")
                .unwrap_err()
                .contains("retry, timeout, stack3")
        );
        assert!(parse("--group").is_err());
    }
}

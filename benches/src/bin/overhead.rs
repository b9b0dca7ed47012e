//! Prints what each row costs per call, and what threads get done together: tables, or with `--json` one object a line.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use benches::{
    aims,
    contend::{self, Throughput},
    harness, rate, report, rows,
};
use tokio::runtime::Runtime;

const USAGE: &str = "\
What a policy costs per call, beside the same from other crates.

usage: cargo run --release -p benches --bin overhead -- [--contend | --rate] [--json] [--quick] [--group NAME]

  --contend     only what threads get done together; without it that comes second, as a table
  --rate        only what an SQLite file bears; without it that comes last, as a table
  --json        one JSON object a line on standard output, and nothing else there; all of one kind
  --quick       21 s of rounds in place of 116 s
  --group NAME  only this group; may be given more than once
  --help        this text

Columns: nanoseconds per call over all rounds (median, best, worst), heap allocations per call, and the size of a
call's future (what it keeps behind a pointer is an allocation instead). Of threads: million calls per second, all
together, the median; and how long one of two waited for a core. Where that is much, the machine was busy, the threads
took turns instead of contending, and the figure is too good.

Modes:
  ready    the operation is ready at once; the future is polled by hand, once
  pend     the operation is pending once, so timers are armed; polled by hand, twice
  rt       the operation is ready at once; awaited in a loop in tokio's current-thread runtime
  contend  like ready, but one thread, then two, call one shared instance
  rate     calls a second, by 16 callers at a time on a file where the system keeps temporary ones
";

/// What was asked for on the command line.
#[derive(Debug, Default, PartialEq)]
struct Arguments {
    contend: bool,
    rate: bool,
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
                "--contend" => arguments.contend = true,
                "--rate" => arguments.rate = true,
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
        if arguments.contend && arguments.rate {
            return Err("`--contend` and `--rate` are one or the other".to_owned());
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
    let groups = rows::GROUPS.map(|group| format!("  {:<11} {}\n", group.name, group.about));
    format!("{USAGE}\nGroups:\n{}", groups.concat())
}

fn measured(arguments: &Arguments) -> String {
    let runtime = harness::runtime();
    let _entered = runtime.enter();
    if arguments.rate {
        return rated(arguments, &runtime);
    }
    if arguments.contend {
        return contended(arguments, &runtime);
    }
    let calls = called(arguments, &runtime);
    // Lines of JSON are all of one kind, so that they can be read as one table.
    if arguments.json {
        return calls;
    }
    let contended = contended(arguments, &runtime);
    let rated = rated(arguments, &runtime);
    format!("{calls}\n{contended}\n{rated}")
}

/// What calls take.
fn called(arguments: &Arguments, runtime: &Runtime) -> String {
    let rows: Vec<_> = groups(arguments)
        .flat_map(|group| group.rows().into_iter().map(|row| (group.name, row)))
        .collect();
    let budget = Duration::from_secs(if arguments.quick { 15 } else { 100 });
    eprintln!("{} rows, {budget:?} of rounds", rows.len());
    let measurements = harness::measure(runtime, rows, budget, progress(budget));
    if arguments.json {
        report::json(&measurements)
    } else {
        format!(
            "{}\n{}",
            report::table(&measurements),
            aims::ratios(&measurements)
        )
    }
}

/// What threads get done.
fn contended(arguments: &Arguments, runtime: &Runtime) -> String {
    let rows: Vec<_> = groups(arguments)
        .flat_map(|group| group.contend().into_iter().map(|row| (group.name, row)))
        .collect();
    if rows.is_empty() {
        eprintln!("no rows shared by threads");
        return String::new();
    }
    let budget = Duration::from_secs(if arguments.quick { 3 } else { 10 });
    eprintln!(
        "{} rows shared by threads, {budget:?} of rounds",
        rows.len()
    );
    let throughputs = contend::measure(runtime.handle(), rows, budget, progress(budget));
    if !throughputs.iter().all(Throughput::is_undisturbed) {
        eprintln!(
            "note: two threads had to wait for cores, so what they got done says little about contention"
        );
    }
    if arguments.json {
        report::contend_json(&throughputs)
    } else {
        format!(
            "{}\n{}",
            report::contend_table(&throughputs),
            aims::contend_ratios(&throughputs)
        )
    }
}

/// What a file bears.
fn rated(arguments: &Arguments, runtime: &Runtime) -> String {
    if !arguments.wants(rate::GROUP) {
        return String::new();
    }
    let length = Duration::from_secs(if arguments.quick { 1 } else { 2 });
    eprintln!("rates of a file, {length:?} each");
    match rate::measure(runtime, length) {
        Ok(rates) if arguments.json => report::rate_json(&rates),
        Ok(rates) => report::rate_table(&rates),
        // A disk that has no room is no reason to lose the other tables.
        Err(error) => {
            eprintln!("note: no rates of a file: {error}");
            String::new()
        }
    }
}

fn groups(arguments: &Arguments) -> impl Iterator<Item = &'static rows::Group> {
    rows::GROUPS
        .iter()
        .filter(|group| arguments.wants(group.name))
}

/// Tells every tenth of the budget how far the rounds are.
fn progress(budget: Duration) -> impl FnMut(usize, Duration) {
    let mut next_word = Duration::ZERO;
    move |rounds, spent| {
        if spent >= next_word {
            eprintln!(
                "{:>3} s of {} s: {rounds} rounds",
                spent.as_secs(),
                budget.as_secs()
            );
            next_word = spent + budget / 10;
        }
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
        assert!(parse("--contend").unwrap().contend && !arguments.contend);
        assert!(parse("--rate").unwrap().rate && !arguments.rate);
        assert!(parse("--rate --contend").is_err());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parse("--fast").unwrap_err().contains("`--fast`"));
        assert!(parse("--group nobody").unwrap_err().contains(
            "retry, timeout, breaker, bulkhead, limiter, keyed, stack3, stack5, idempotency"
        ));
        assert!(parse("--group").is_err());
    }
}

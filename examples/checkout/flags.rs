//! Reads the command line: five flags and `--help`.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use crate::{
    failure::Failure,
    faults::{Faults, Rates},
    outage, slow,
};

const DEFAULT_SEED: u64 = 1;
const DEFAULT_FAULTS: Faults = Faults::Storm;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Run(Flags),
}

/// The settings of one run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
    pub(crate) orders: PathBuf,
    /// Where the books of the last client's server are kept; none where they are thrown away.
    pub(crate) db: Option<PathBuf>,
    pub(crate) json: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Flags {
            faults: DEFAULT_FAULTS,
            seed: DEFAULT_SEED,
            orders: [env!("CARGO_MANIFEST_DIR"), "data", "orders.jsonl"]
                .iter()
                .collect(),
            db: None,
            json: false,
        }
    }
}

/// Reads the arguments that follow the program's name. Of a repeated flag the last one counts.
///
/// # Errors
///
/// [`Failure::Usage`] for a flag that does not exist, and for a value that is missing or wrong.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, Failure> {
    let mut flags = Flags::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (name, attached) = split(&arg);
        let mut value = |wanted: &str| {
            attached
                .clone()
                .or_else(|| args.next())
                .ok_or_else(|| Failure::Usage(format!("`{name}` needs {wanted}; see --help")))
        };
        match name.as_str() {
            "--faults" => flags.faults = faults(&value("off, mild, storm, outage or slow")?)?,
            "--seed" => flags.seed = seed(&value("a whole number")?)?,
            "--orders" => flags.orders = path(&name, &value("the path of a file")?)?,
            "--db" => flags.db = Some(path(&name, &value("the path of a file")?)?),
            "--json" if attached.is_none() => flags.json = true,
            "--help" | "-h" if attached.is_none() => return Ok(Asked::Help),
            "--json" | "--help" | "-h" => {
                return Err(Failure::Usage(format!("`{name}` takes no value")));
            }
            _ => {
                return Err(Failure::Usage(format!(
                    "`{name}` is not a flag of this example; see --help"
                )));
            }
        }
    }
    if flags.db.is_some() && flags.faults == Faults::Slow {
        return Err(Failure::Usage(
            "`--db` does not go with `--faults slow`: there are two servers, and three runs"
                .to_owned(),
        ));
    }
    Ok(Asked::Run(flags))
}

/// The text of `--help`.
pub(crate) fn help() -> String {
    let plans: String = Faults::ALL
        .iter()
        .map(|faults| {
            let text = match faults {
                Faults::Outage => outage::description(),
                Faults::Slow => slow::description(),
                _ => Rates::of(*faults).to_string(),
            };
            let text = text.replace("; ", ";\n         ");
            format!("  {:<6} {text}\n", faults.name())
        })
        .collect();
    format!(
        "\
Pays 1,000 orders over HTTP with a bare, a naive and a steadfast client in turn, and compares them.

Usage: cargo run --release --example checkout -- [FLAGS]

  --faults PLAN            what goes wrong, as listed below (default: {faults})
  --seed N                 the same seed, the same faults; timing still varies (default: {seed})
  --orders FILE            one JSON object a line (default: examples/data/orders.jsonl)
  --db FILE                keep the database of steadfast's payment server in this file; a run that is repeated
                           with it replays every receipt, and charges nothing (default: a temporary one)
  --json                   print the report as one JSON object instead of a table
  --help                   this text

Fault plans:
{plans}",
        faults = DEFAULT_FAULTS.name(),
        seed = DEFAULT_SEED,
    )
}

/// `--name=value` in its two parts. A path that is not UTF-8 has to be an argument of its own.
fn split(arg: &OsStr) -> (String, Option<OsString>) {
    let text = arg.to_string_lossy();
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.into())),
        _ => (text.into_owned(), None),
    }
}

fn faults(value: &OsStr) -> Result<Faults, Failure> {
    let value = value.to_string_lossy();
    Faults::ALL
        .into_iter()
        .find(|faults| faults.name() == value)
        .ok_or_else(|| {
            Failure::Usage(format!(
                "`--faults` is off, mild, storm, outage or slow, and not `{value}`"
            ))
        })
}

/// A path that begins with `-` is rather a flag, or a number meant for another one; `./-3` is a path.
fn path(name: &str, value: &OsStr) -> Result<PathBuf, Failure> {
    if value.is_empty() || value.as_encoded_bytes().starts_with(b"-") {
        return Err(Failure::Usage(format!(
            "`{name}` is the path of a file, and not `{}`",
            value.to_string_lossy()
        )));
    }
    Ok(value.into())
}

fn seed(value: &OsStr) -> Result<u64, Failure> {
    let value = value.to_string_lossy();
    value.parse().map_err(|_| {
        Failure::Usage(format!(
            "`--seed` is a whole number from 0 to {}, and not `{value}`",
            u64::MAX
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Asked, Failure> {
        parse(args.iter().map(OsString::from))
    }

    fn refused(args: &[&str]) -> String {
        parsed(args).expect_err("a wrong command line").to_string()
    }

    #[test]
    fn no_flags_mean_the_storm_on_the_committed_orders() {
        let Ok(Asked::Run(flags)) = parsed(&[]) else {
            panic!("no flags are a run");
        };
        assert_eq!(flags.faults, Faults::Storm);
        assert_eq!(flags.seed, DEFAULT_SEED);
        assert!(!flags.json);
        assert!(flags.orders.is_absolute() && flags.orders.ends_with("data/orders.jsonl"));
    }

    #[test]
    fn every_flag_is_read_with_a_space_or_an_equals_sign() {
        let wanted = Asked::Run(Flags {
            faults: Faults::Mild,
            seed: 7,
            orders: "a=b.jsonl".into(),
            db: Some("shop.db".into()),
            json: true,
        });
        let spaced = [
            "--faults",
            "mild",
            "--seed",
            "7",
            "--orders",
            "a=b.jsonl",
            "--db",
            "shop.db",
            "--json",
        ];
        let joined = [
            "--json",
            "--db=shop.db",
            "--orders=a=b.jsonl",
            "--seed=7",
            "--faults=mild",
        ];
        assert_eq!(parsed(&spaced), Ok(wanted));
        assert_eq!(parsed(&joined), parsed(&spaced));
    }

    #[test]
    fn every_plan_is_read_by_its_name() {
        for faults in Faults::ALL {
            let wanted = Flags {
                faults,
                ..Flags::default()
            };
            assert_eq!(parsed(&["--faults", faults.name()]), Ok(Asked::Run(wanted)));
        }
        assert_eq!(Faults::Outage.name(), "outage");
        assert_eq!(Faults::Slow.name(), "slow");
    }

    #[test]
    fn the_last_of_two_wins() {
        assert_eq!(
            parsed(&["--seed", "1", "--seed", "2"]),
            parsed(&["--seed=2"])
        );
    }

    #[test]
    fn help_is_asked_for_in_two_ways_and_names_every_plan() {
        assert_eq!(parsed(&["--seed", "3", "--help"]), Ok(Asked::Help));
        assert_eq!(parsed(&["-h"]), Ok(Asked::Help));
        for faults in Faults::ALL {
            assert!(help().contains(faults.name()));
        }
        assert!(help().contains("timing still varies"));
        assert!(help().contains("takes about 25 s"));
    }

    #[test]
    fn a_wrong_flag_or_value_is_named() {
        assert_eq!(
            refused(&["--sed", "1"]),
            "`--sed` is not a flag of this example; see --help"
        );
        assert_eq!(
            refused(&["storm"]),
            "`storm` is not a flag of this example; see --help"
        );
        assert_eq!(
            refused(&["--faults", "hail"]),
            "`--faults` is off, mild, storm, outage or slow, and not `hail`"
        );
        assert_eq!(
            refused(&["--seed=-1"]),
            "`--seed` is a whole number from 0 to 18446744073709551615, and not `-1`"
        );
        for args in [&["--orders", "-3"][..], &["--orders=-3"]] {
            assert_eq!(
                refused(args),
                "`--orders` is the path of a file, and not `-3`"
            );
        }
        assert_eq!(
            refused(&["--db="]),
            "`--db` is the path of a file, and not ``"
        );
        assert_eq!(
            refused(&["--db"]),
            "`--db` needs the path of a file; see --help"
        );
        assert!(refused(&["--db", "a", "--faults", "slow"]).contains("does not go with"));
        assert_eq!(
            refused(&["--json", "--seed"]),
            "`--seed` needs a whole number; see --help"
        );
        assert_eq!(refused(&["--json=yes"]), "`--json` takes no value");
    }
}

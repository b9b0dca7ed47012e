//! A shop pays 1,000 orders over real HTTP while the payment server has a bad day.
//!
//! Three clients do it in turn, each with a fresh server and the same faults: `bare`, `naive`, and
//! `steadfast`. Start reading in `clients.rs`; what makes a charge happen once is in `books.rs`. With `--faults slow` one shop pays through two providers, of which one
//! becomes slow, with and without bulkheads: that is in `slow/shop.rs`.
//!
//! ```text
//! cargo run --release --example checkout
//! cargo run --release --example checkout -- --faults outage
//! cargo run --release --example checkout -- --faults slow
//! cargo run --release --example checkout -- --db shop.db     # twice
//! cargo run --release --example checkout -- --help
//! ```

mod books;
mod clients;
mod dice;
mod failure;
mod fate;
mod faults;
mod flags;
mod gateway;
mod http;
mod ledger;
mod numbers;
mod orders;
mod outage;
mod plan;
mod progress;
mod report;
mod run;
mod server;
mod slow;
mod table;
mod window;
mod words;

use std::{
    env, fmt,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use books::Books;
use clients::{Bare, Naive, Steadfast};
use failure::Failure;
use faults::Faults;
use flags::{Asked, Flags};
use orders::{Card, Order};
use plan::Plan;
use report::{Clients, Kept, OutageReport, Report};
use run::send_all;
use serde::Serialize;
use tokio::{select, signal::ctrl_c};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = select! {
        ended = checkout() => ended,
        // Instead of an end on the spot, which would leave the temporary databases behind.
        Ok(()) = ctrl_c() => return ExitCode::from(130),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("checkout: {failure}");
            failure.exit_code()
        }
    }
}

async fn checkout() -> Result<(), Failure> {
    let flags = match flags::parse(env::args_os().skip(1))? {
        Asked::Help => return print(&flags::help()),
        Asked::Run(flags) => flags,
    };
    let orders = orders::read(&flags.orders)?;
    match flags.faults {
        Faults::Slow => show(&slow::compare(flags.seed, &orders).await?, flags.json),
        _ => show(&compare(&flags, orders.into()).await?, flags.json),
    }
}

fn show(report: &(impl Serialize + fmt::Display), as_json: bool) -> Result<(), Failure> {
    if as_json {
        let json =
            serde_json::to_string(report).expect("a report has no maps and no failing parts");
        print(&format!("{json}\n"))
    } else {
        print(&format!("\n{report}"))
    }
}

/// Pays the same orders with each client in turn.
async fn compare(flags: &Flags, orders: Arc<[Order]>) -> Result<Report, Failure> {
    let plan = Plan::of(flags.faults, flags.seed);
    // First of all, as a file may be none that can be used.
    let kept = match &flags.db {
        Some(file) => Books::open(file).await?,
        None => Books::temporary().await?,
    };
    let books = Books::temporary;
    let bare = send_all("bare", &orders, plan, books().await?, Bare::new).await?;
    let naive = send_all("naive", &orders, plan, books().await?, Naive::new).await?;
    let outage = match plan.outage() {
        None => None,
        Some(outage) => {
            let client = Steadfast::without_breaker;
            let row = send_all("no breaker", &orders, plan, books().await?, client).await?;
            Some(OutageReport::of(outage, orders.len() as u64, row))
        }
    };
    let steadfast = send_all("steadfast", &orders, plan, kept, Steadfast::new).await?;
    let db = flags.db.clone().map(|file| Kept {
        file,
        new_charges: steadfast.new_charges,
    });
    Ok(Report {
        faults: flags.faults,
        seed: flags.seed,
        orders: orders.len() as u64,
        declined: orders
            .iter()
            .map(|order| u64::from(order.card == Card::Declined))
            .sum(),
        clients: Clients {
            bare,
            naive,
            steadfast,
        },
        outage,
        db,
    })
}

/// Writes to standard output; a reader that has seen enough (`| head`) is not a failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Environment(
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_faults_all_clients_pay_every_good_card_with_one_request() {
        let orders = orders::read(&Flags::default().orders).expect("the committed file is good");
        // Two of them, 88 and 193, have declined cards.
        let orders: Arc<[Order]> = orders.into_iter().skip(80).take(128).collect();
        let flags = Flags {
            faults: Faults::Off,
            ..Flags::default()
        };
        let report = compare(&flags, orders)
            .await
            .expect("loopback has free ports");
        let Clients {
            bare,
            naive,
            steadfast,
        } = report.clients;
        for row in [bare, naive, steadfast] {
            assert_eq!((row.succeeded, row.failed), (126, 2));
            assert_eq!((row.requests, row.load_factor), (128, 1.0));
            assert_eq!((row.charged_twice, row.receipts, row.replayed), (0, 126, 0));
        }
    }

    #[tokio::test]
    async fn a_repeated_run_replays_every_receipt_and_charges_nobody() {
        let dir = tempfile::tempdir().expect("room for a database");
        let orders = orders::read(&Flags::default().orders).expect("the committed file is good");
        let orders: Arc<[Order]> = orders.into_iter().skip(80).take(128).collect();
        let flags = Flags {
            faults: Faults::Mild,
            db: Some(dir.path().join("shop.db")),
            ..Flags::default()
        };
        let mut runs = Vec::new();
        for _ in 0..2 {
            let report = compare(&flags, Arc::clone(&orders)).await;
            let report = report.expect("loopback has free ports");
            let new_charges = report.db.expect("a file").new_charges;
            runs.push((report.clients.steadfast, new_charges));
        }
        let [(first, charged), (again, charged_again)] = &runs[..] else {
            panic!("two runs");
        };
        assert_eq!((first.succeeded, first.receipts, *charged), (126, 126, 126));
        assert_eq!((again.succeeded, again.receipts), (126, 126));
        assert_eq!((again.replayed, *charged_again), (126, 0));
        assert_eq!([first.charged_twice, again.charged_twice], [0, 0]);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named_before_anything_is_paid() {
        let dir = tempfile::tempdir().expect("room for a file");
        let file = dir.path().join("orders.txt");
        std::fs::write(&file, "1 pound of sugar, and so on. ".repeat(100))
            .expect("room for a file");
        let no_such = dir.path().join("no/such/shop.db");
        for (file, why) in [
            (file, "file is not a database"),
            (no_such, "unable to open"),
        ] {
            let flags = Flags {
                db: Some(file.clone()),
                ..Flags::default()
            };
            let failure = compare(&flags, Vec::new().into())
                .await
                .expect_err("no database");
            let text = failure.to_string();
            assert!(matches!(failure, Failure::Usage(_)));
            let named = format!("database file {}: ", file.display());
            assert!(text.starts_with(&named) && text.contains(why), "{text}");
        }
    }
}

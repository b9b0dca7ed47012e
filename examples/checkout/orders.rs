//! The orders that the shop wants paid, read from a file with one JSON object a line.

use std::{collections::HashMap, fs, path::Path};

use serde::{Deserialize, Serialize};
use steadfast::{Fingerprint, IdempotencyKey};

use crate::failure::Failure;

/// More than anybody pays, and few enough that sums of them are exact everywhere.
const MOST_CENTS: u64 = 1_000_000_000_000;

/// One order; this is also what travels to the payment server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) amount_cents: u64,
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) card: Card,
}

impl Order {
    /// The key of its payment: the same in every attempt and in every run, as it is made of what the order is
    /// called. Of what it is for there is nothing in it: a key that comes back with another amount is found out.
    pub(crate) fn key(&self) -> IdempotencyKey {
        let digest = Fingerprint::of_parts([b"payment of an order", self.id.as_bytes()]);
        let (bits, _) = digest.as_bytes().split_first_chunk().expect("it is longer");
        IdempotencyKey::from_u128(u128::from_be_bytes(*bits))
    }
}

/// Whether the bank will accept the customer's card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Card {
    #[default]
    Good,
    /// Answered with 402, however often it is tried.
    Declined,
}

/// Reads a file of orders; blank lines are skipped.
///
/// # Errors
///
/// [`Failure::Usage`] when the file cannot be read, a line is not an order, an id comes twice or
/// there is no order at all. It names the file, and the line where there is one.
pub(crate) fn read(path: &Path) -> Result<Vec<Order>, Failure> {
    fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| {
            parse(&text).map_err(|Bad { line, reason }| match line {
                Some(line) => format!("line {line}: {reason}"),
                None => reason,
            })
        })
        .map_err(|reason| Failure::Usage(format!("orders file {}: {reason}", path.display())))
}

/// What is wrong, and on which line, counted from 1.
#[derive(Debug, PartialEq, Eq)]
struct Bad {
    line: Option<usize>,
    reason: String,
}

fn parse(text: &str) -> Result<Vec<Order>, Bad> {
    let mut orders = Vec::new();
    let mut lines = HashMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let bad = |reason| Bad {
            line: Some(line),
            reason,
        };
        let order: Order = serde_json::from_str(text).map_err(|error| bad(without_line(&error)))?;
        if order.id.is_empty() {
            return Err(bad("the id is empty".to_owned()));
        }
        if order.amount_cents > MOST_CENTS {
            return Err(bad(format!(
                "amount_cents is at most {MOST_CENTS}, not {}",
                order.amount_cents
            )));
        }
        if let Some(earlier) = lines.insert(order.id.clone(), line) {
            return Err(bad(format!(
                "order `{}` is already on line {earlier}",
                order.id
            )));
        }
        orders.push(order);
    }
    if orders.is_empty() {
        return Err(Bad {
            line: None,
            reason: "there are no orders in it".to_owned(),
        });
    }
    Ok(orders)
}

/// `serde_json` sees one line at a time, so its own "at line 1" would mislead.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason);
    format!("{reason} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Flags;

    const ONE: &str = r#"{"id":"a","customer":"c","amount_cents":1,"currency":"EUR"}"#;

    fn bad(text: &str) -> (Option<usize>, String) {
        let Bad { line, reason } = parse(text).expect_err("a bad file");
        (line, reason)
    }

    #[test]
    fn the_committed_file_holds_a_thousand_orders_and_eight_declined_cards() {
        let orders = read(&Flags::default().orders).expect("the committed file is good");
        assert_eq!(orders.len(), 1000);
        let declined = orders.iter().filter(|order| order.card == Card::Declined);
        assert_eq!(declined.count(), 8);
    }

    #[test]
    fn blank_lines_windows_line_ends_and_unknown_fields_do_no_harm() {
        let noted = ONE.replace("}", r#","note":"gift"}"#);
        assert_eq!(parse(&format!("\n{noted}\r\n\r\n")), parse(ONE));
    }

    #[test]
    fn a_bad_line_is_named_with_its_reason() {
        let (line, reason) = bad(&format!("{ONE}\n\n{{\"id\":\"b\""));
        assert_eq!(line, Some(3));
        assert_eq!(reason, "EOF while parsing an object at column 9");

        let (line, reason) = bad(&ONE.replace("1,", "-1,"));
        assert_eq!(line, Some(1));
        assert!(
            reason.starts_with("invalid value: integer `-1`, expected u64"),
            "{reason}"
        );

        let (_, reason) = bad(&ONE.replace("}", r#","card":"stolen"}"#));
        assert!(reason.contains("expected `good` or `declined`"), "{reason}");
    }

    #[test]
    fn an_amount_that_nobody_pays_is_refused() {
        let (line, reason) = bad(&ONE.replace("1,", "1000000000001,"));
        assert_eq!(line, Some(1));
        assert_eq!(
            reason,
            "amount_cents is at most 1000000000000, not 1000000000001"
        );
    }

    #[test]
    fn a_key_is_that_of_the_order_whatever_it_costs() {
        let order = |text: &str| parse(text).expect("an order").remove(0);
        let (one, dearer) = (order(ONE), order(&ONE.replace("1,", "2,")));
        assert_eq!(one.key(), dearer.key());
        assert_ne!(one.key(), order(&ONE.replace(r#""a""#, r#""b""#)).key());
    }

    #[test]
    fn an_id_that_comes_twice_is_refused() {
        let (line, reason) = bad(&format!("{ONE}\n{ONE}"));
        assert_eq!(line, Some(2));
        assert_eq!(reason, "order `a` is already on line 1");
    }

    #[test]
    fn a_file_without_orders_and_an_order_without_id_are_refused() {
        assert_eq!(bad("\n \n"), (None, "there are no orders in it".to_owned()));
        assert_eq!(
            bad(&ONE.replace(r#""a""#, r#""""#)),
            (Some(1), "the id is empty".to_owned())
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let failure = read(Path::new("no/such/orders.jsonl")).expect_err("no such file");
        assert!(matches!(failure, Failure::Usage(_)));
        assert!(
            failure
                .to_string()
                .starts_with("orders file no/such/orders.jsonl: "),
            "{failure}"
        );
    }
}

//! Numbers as ECMAScript writes them.

use std::fmt::Write;

/// From here on not every whole number is a double.
const SPARSE: f64 = 9_007_199_254_740_992.0; // 2^53

/// The number with this text, which is JSON, as ECMAScript writes the double that is nearest to it.
///
/// There is none where that double is infinite, or zero and the number is not; and from 2^53 on where it would be
/// written as another number than it was. Otherwise two that differ would look the same.
pub(super) fn canonical(text: &str) -> Option<String> {
    let double: f64 = text.parse().ok()?;
    if double.is_infinite() {
        return None;
    }
    let (digits, exact) = (Decimal::of(&shortest(double)), Decimal::of(text));
    if (double == 0.0 || double.abs() >= SPARSE) && digits != exact {
        return None;
    }
    // What reads doubles counts large exponents only so far, and takes a 1 with 70,000 zeros and `e-700000` for 1.
    // What is rounded may have a digit more.
    if digits.point.abs_diff(exact.point) > 1 {
        return None;
    }
    let sign = if double < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}", digits.in_ecmascript()))
}

/// The fewest digits that are read as this double; of those the nearest to it, and the even ones of two that are as near.
fn shortest(double: f64) -> String {
    let shortest = format!("{double:e}");
    // It takes either of two that are as near. What rounds to a number of digits takes the even ones; but beside a power
    // of two what is nearest may be read as another double.
    let count = shortest.split('e').next().map_or(0, |mantissa| {
        mantissa.bytes().filter(u8::is_ascii_digit).count()
    });
    let nearest = format!("{double:.*e}", count.saturating_sub(1));
    if nearest.parse() == Ok(double) {
        nearest
    } else {
        shortest
    }
}

/// `0.digits` times ten to the power of `point`, without zeros at either end of the digits; zero has none.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    digits: String,
    point: i64,
}

impl Decimal {
    /// The number with this text, without its sign.
    fn of(text: &str) -> Self {
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Decimal {
                digits: String::new(),
                point: 0,
            };
        }
        let zeros = length(&all) - length(digits);
        // An exponent of more than 64 bits makes it zero or infinite, however many digits it is of.
        let exponent: i64 = exponent.parse().unwrap_or(0);
        Decimal {
            digits: digits.trim_end_matches('0').to_owned(),
            point: (length(whole) - zeros).saturating_add(exponent),
        }
    }

    /// The cases of `Number::toString` (ECMA-262), where `point` is called n, and the number of digits k.
    fn in_ecmascript(&self) -> String {
        let Decimal { digits, point } = self;
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let Some(first) = digits.get(..1) else {
            return "0".to_owned();
        };
        match *point {
            1..=21 if *point >= length(digits) => {
                format!("{digits}{}", zeros(*point - length(digits)))
            }
            1..=21 => {
                let (whole, fraction) = digits.split_at(usize::try_from(*point).unwrap_or(0));
                format!("{whole}.{fraction}")
            }
            -5..=0 => format!("0.{}{digits}", zeros(-*point)),
            _ => {
                let mut text = first.to_owned();
                if digits.len() > 1 {
                    text.push('.');
                    text.push_str(&digits[1..]);
                }
                write!(text, "e{:+}", *point - 1).expect("a `String` takes all");
                text
            }
        }
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

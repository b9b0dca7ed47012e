//! A key is read as it is printed, and what is no key is refused by what is wrong with it.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

use proptest::prelude::*;
use steadfast_core::IdempotencyKey;

const TEXT: &str = "01923f6e-7a10-7c3a-8b1e-52f09d4c6a21";
/// Where the dashes are, counted from zero.
const DASHES: [usize; 4] = [8, 13, 18, 23];

fn refusal(text: &str) -> String {
    text.parse::<IdempotencyKey>().unwrap_err().to_string()
}

/// The text with another character at this place.
fn with(place: usize, other: char) -> String {
    let chars = TEXT.chars().enumerate();
    chars
        .map(|(at, it)| if at == place { other } else { it })
        .collect()
}

proptest! {
    #[test]
    fn a_key_is_read_as_it_is_printed(bits: u128) {
        let key = IdempotencyKey::from_u128(bits);
        prop_assert_eq!(key.to_string().parse(), Ok(key));
        prop_assert_eq!(key.to_string().to_uppercase().parse(), Ok(key));
    }

    #[test]
    fn what_is_read_is_printed_as_it_was(text in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}") {
        let key: IdempotencyKey = text.parse().unwrap();
        prop_assert_eq!(key.to_string(), text);
    }

    #[test]
    fn no_text_panics_and_what_is_read_is_no_other_text(text in "[0-9a-fA-F-]{34,38}|\\PC{0,40}") {
        if let Ok(key) = text.parse::<IdempotencyKey>() {
            prop_assert_eq!(key.to_string(), text.to_lowercase());
        }
    }
}

#[test]
fn digits_have_either_case() {
    let key: IdempotencyKey = "01923F6e-7A10-7c3a-8B1E-52f09D4C6a21".parse().unwrap();
    assert_eq!(key, TEXT.parse().unwrap());
    assert_eq!(key.as_u128(), 0x0192_3f6e_7a10_7c3a_8b1e_52f0_9d4c_6a21);
}

#[test]
fn a_text_of_another_length_is_refused() {
    let long = format!("{TEXT}{TEXT}");
    for length in (0..=long.len()).filter(|length| *length != TEXT.len()) {
        assert_eq!(
            refusal(&long[..length]),
            format!("a key as a UUID has 36 characters, not {length}")
        );
    }
    // Characters, not bytes.
    assert_eq!(
        refusal("gr\u{fc}\u{df}e"),
        "a key as a UUID has 36 characters, not 5"
    );
}

#[test]
fn a_character_that_is_no_digit_is_refused_wherever_it_is() {
    for place in (0..TEXT.len()).filter(|place| !DASHES.contains(place)) {
        for other in ['-', 'g', 'G', '/', ':', '@', '`', ' ', '\u{fc}', '\u{ff11}'] {
            assert_eq!(
                refusal(&with(place, other)),
                format!(
                    "character {} of a key as a UUID is a hexadecimal digit, not {other:?}",
                    place + 1
                )
            );
        }
    }
}

#[test]
fn a_dash_that_is_missing_is_refused_wherever_it_should_be() {
    for place in DASHES {
        for other in ['0', 'f', '_', ' ', '\u{2013}'] {
            assert_eq!(
                refusal(&with(place, other)),
                format!(
                    "character {} of a key as a UUID is a dash, not {other:?}",
                    place + 1
                )
            );
        }
    }
}

#[test]
fn other_forms_of_a_uuid_are_refused() {
    for other in [
        "01923f6e7a107c3a8b1e52f09d4c6a21",
        "{01923f6e-7a10-7c3a-8b1e-52f09d4c6a21}",
        "urn:uuid:01923f6e-7a10-7c3a-8b1e-52f09d4c6a21",
        " 01923f6e-7a10-7c3a-8b1e-52f09d4c6a2",
    ] {
        assert!(other.parse::<IdempotencyKey>().is_err(), "{other}");
    }
}

//! Numbers: one form for each, and none for what a double does not hold.

use proptest::prelude::*;

use super::canonical;
use crate::JsonErrorKind;

/// RFC 8785 appendix B, without what is no number.
#[test]
fn numbers_are_written_as_ecmascript_writes_them() {
    let table: [(u64, &str); 29] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x444b_1ae4_d6e2_ef51, "1.0000000000000001e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        // Two decimals are as near, also here; and beside a power of two the nearest one is not this double.
        (0xc0d9_2b80_2200_0000, "-25774.002075195312"),
        (0x42e2_6687_db6b_9b04, "161852602146008.12"),
        (0x0060_0000_0000_0000, "7.120236347223045e-307"),
        (0x3d30_0000_0000_0000, "5.684341886080802e-14"),
    ];
    for (bits, text) in table {
        let double = f64::from_bits(bits);
        assert_eq!(canonical(format!("{double:e}")).unwrap(), text);
        assert_eq!(canonical(text).unwrap(), text, "it is canonical already");
        if double.abs() < 9e15 {
            // All the digits that the double has.
            assert_eq!(canonical(format!("{double:.1100}")).unwrap(), text);
        }
    }
}

#[test]
fn one_number_has_one_form() {
    for (one, other) in [
        ("1", "1.0"),
        ("1", "10e-1"),
        ("1", "0.001E+3"),
        ("0", "-0.0e7"),
        ("0", "0e99999999999999999999"),
        ("0", "-0e-99999999999999999999"),
        ("100", "1e2"),
        ("-120.5", "-1.2050e2"),
        ("9007199254740992", "9007199254740992.00"),
        ("9007199254740994", "9.007199254740994e15"),
        ("1000000000000000000000", "1e21"),
        ("0.1", "0.1000000000000000055511151231257827"),
    ] {
        assert_eq!(canonical(one), canonical(other), "{one}, {other}");
        assert!(canonical(one).is_ok(), "{one}");
    }
}

#[test]
fn a_number_that_is_another_one_as_a_double_is_refused() {
    for number in [
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.0",
        "9.007199254740993E15",
        "900719925474099300e-2",
        "9007199254740991.6",
        "18446744073709551615",
        "295147905179352825856",
        "1e309",
        "-1e309",
        "1e99999999999999999999",
        "1e-400",
        "-0.1e-99999999999999999999",
    ] {
        assert_eq!(canonical(number), Err(JsonErrorKind::Number), "{number}");
    }
}

#[test]
fn a_number_of_more_digits_than_a_parser_counts_is_itself_or_refused() {
    let zeros = "0".repeat(70_000);
    for number in [
        // All of them would be 1 to a parser that stops to count at so large an exponent.
        format!("1{zeros}e-700000"),
        format!("-1{zeros}e-700000"),
        format!("0.{zeros}1e700010"),
        format!("1{}e-99999999999999999999", "0".repeat(99_999)),
    ] {
        assert_eq!(canonical(&number), Err(JsonErrorKind::Number));
    }
    assert_eq!(canonical(format!("1{zeros}e-70000")).unwrap(), "1");
    assert_eq!(canonical(format!("0.{zeros}1e70001")).unwrap(), "1");
    assert_eq!(canonical(format!("0.{}", "9".repeat(70_000))).unwrap(), "1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn a_double_comes_back_from_its_form(bits: u64) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        let text = canonical(format!("{double:e}")).unwrap();
        prop_assert!(text.parse::<f64>().unwrap() == double, "{text}");
        prop_assert_eq!(canonical(&text), Ok(text.clone()));
    }

    #[test]
    fn a_whole_number_keeps_its_value_or_is_refused(number: i64, shift in 0..64_u32) {
        let number = number >> shift;
        match canonical(number.to_string()) {
            Ok(text) => prop_assert_eq!(text.parse::<i64>(), Ok(number)),
            Err(kind) => {
                prop_assert_eq!(kind, JsonErrorKind::Number);
                prop_assert!(number.unsigned_abs() > 1 << 53);
            }
        }
    }
}

//! The canonical form itself: what RFC 8785 says of it by example, and what it cannot say.

mod numbers;

use std::fmt::Write;

use proptest::prelude::*;

use super::{JsonErrorKind, parse};

fn canonical(body: impl AsRef<[u8]>) -> Result<String, JsonErrorKind> {
    let body = body.as_ref();
    let mut text = String::new();
    parse::parse(body)
        .and_then(|value| value.write(&mut text))
        .map_err(|fault| fault.in_body(body).kind())?;
    Ok(text)
}

/// RFC 8785 section 3.2.2.
#[test]
fn primitive_values_are_written_as_the_rfc_writes_them() {
    let sample = r#"{
      "numbers": [333333333.33333329, 1E30, 4.50,
                  2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"#;
    let expected = concat!(
        r#"{"literals":[null,true,false],"#,
        r#""numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(canonical(sample).unwrap(), expected);
}

/// RFC 8785 section 3.2.3.
#[test]
fn members_are_in_the_order_of_utf16() {
    let sample = r#"{
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let text = canonical(sample).unwrap();
    let expected = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ];
    let places = expected.map(|value| text.find(value).unwrap());
    assert!(places.is_sorted(), "{text}");
    // A name comes before those that it begins.
    let nested = canonical(r#"[{"ab":{"d":1,"c":2},"a":[{"f":3,"e":4}],"":0}]"#).unwrap();
    assert_eq!(nested, r#"[{"":0,"a":[{"e":4,"f":3}],"ab":{"c":2,"d":1}}]"#);
}

#[test]
fn only_what_has_to_be_is_escaped() {
    let all: String = ('\0'..'\u{100}').collect();
    let mut escaped = String::new();
    for char in all.chars() {
        write!(escaped, "\\u{:04X}", u32::from(char)).unwrap();
    }
    let mut expected = String::from("\"");
    for char in all.chars() {
        match char {
            '\u{8}' => expected.push_str(r"\b"),
            '\t' => expected.push_str(r"\t"),
            '\n' => expected.push_str(r"\n"),
            '\u{c}' => expected.push_str(r"\f"),
            '\r' => expected.push_str(r"\r"),
            '\0'..' ' => write!(expected, "\\u{:04x}", u32::from(char)).unwrap(),
            '"' | '\\' => expected.extend(['\\', char]),
            _ => expected.push(char),
        }
    }
    expected.push('"');
    assert_eq!(canonical(format!("\"{escaped}\"")).unwrap(), expected);
    assert_eq!(canonical(&expected).unwrap(), expected);
    assert_eq!(
        canonical(r#""\b\f\n\r\t\/\u2028""#).unwrap(),
        "\"\\b\\f\\n\\r\\t/\u{2028}\""
    );
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1 2",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{}}",
        "{,}",
        r#"{"a""#,
        r#"{"a":"#,
        r#"{"a" 1}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        "{a:1}",
        "{1:1}",
        "'a'",
        "\"",
        "\"a",
        r#""\"#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        "\"\\u12é\"",
        "\"\t\"",
        "\"\n\"",
        "\"\0\"",
        "\u{feff}1",
        "\u{a0}1",
        "\u{c}1",
        "1\u{b}",
        "/**/1",
    ] {
        assert_eq!(canonical(text), Err(JsonErrorKind::Syntax), "{text:?}");
    }
}

#[test]
fn half_of_a_character_is_refused() {
    for text in [
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ude00\ud83d""#,
        r#""\ud83d\u0041""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#"{"\ud83d":1}"#,
    ] {
        assert_eq!(canonical(text), Err(JsonErrorKind::Unicode), "{text}");
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xed\xa0\xbd\"", b"\"\xc3"] {
        assert_eq!(canonical(bytes), Err(JsonErrorKind::Unicode), "{bytes:?}");
    }
}

#[test]
fn two_members_of_one_name_are_refused_however_it_is_written() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"[[{"x":{"":1,"y":2,"":1}}]]"#,
    ] {
        assert_eq!(canonical(text), Err(JsonErrorKind::DuplicateName), "{text}");
    }
    assert!(canonical(r#"[{"a":1},{"a":{"a":1,"A":2,"a ":3}}]"#).is_ok());
}

#[test]
fn a_body_is_no_deeper_than_128() {
    let nested = |open: &str, close: &str, depth| open.repeat(depth) + "0" + &close.repeat(depth);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert!(canonical(nested(open, close, 128)).is_ok());
        assert_eq!(
            canonical(nested(open, close, 129)),
            Err(JsonErrorKind::Depth)
        );
        assert_eq!(canonical(open.repeat(1 << 20)), Err(JsonErrorKind::Depth));
    }
    // Beside each other there may be as many as like.
    assert!(canonical(format!("[{}0]", "[],".repeat(1_000))).is_ok());
}

/// Valid samples with a byte of JSON's own put in, taken out or replaced.
fn nearly_json() -> impl Strategy<Value = String> {
    let sample = prop_oneof![
        Just(r#"{"a":[1,-2.5e+10,null],"b":{"c":true,"d":false}}"#),
        Just(r#"["\u00e9\\\n","\ud83d\ude00 \"",0,-0.10E-2,{}]"#),
        Just(" [ [ ] , { \"\" : \t[\r\n1 ] } ] "),
    ];
    let byte = proptest::sample::select(&b"[]{}:,\"\\ \t\n09-+.eEuabdfnt/x\x01"[..]);
    (sample, any::<prop::sample::Index>(), byte, 0..3).prop_map(|(sample, at, byte, how)| {
        let mut bytes = sample.as_bytes().to_vec();
        let at = at.index(bytes.len());
        match how {
            0 => bytes.insert(at, byte),
            1 => bytes[at] = byte,
            _ => drop(bytes.remove(at)),
        }
        String::from_utf8(bytes).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn what_is_json_is_what_another_parser_says(text in nearly_json()) {
        let other = serde_json::from_str::<serde_json::Value>(&text);
        match canonical(&text) {
            Ok(_) => prop_assert!(other.is_ok(), "{text}: {other:?}"),
            // It takes the last of two members with one name, and whatever a number comes to.
            Err(JsonErrorKind::DuplicateName | JsonErrorKind::Number) => {}
            Err(kind) => prop_assert!(other.is_err(), "{text}: {kind:?}"),
        }
    }
}

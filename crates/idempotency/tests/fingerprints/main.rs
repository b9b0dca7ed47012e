//! What a request was for: which requests have one fingerprint, and which have none.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod fields;
mod properties;
mod tree;

use steadfast_idempotency::{Fingerprint, JsonError, JsonErrorKind, JsonFields};

fn all(body: &str) -> Fingerprint {
    Fingerprint::of_json(body.as_bytes(), &JsonFields::all()).unwrap()
}

fn refused(body: impl AsRef<[u8]>) -> JsonError {
    Fingerprint::of_json(body.as_ref(), &JsonFields::all()).unwrap_err()
}

fn hex(fingerprint: Fingerprint) -> String {
    let bytes = fingerprint.as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// Stores keep them. They were computed elsewhere, by the description of the format.
#[test]
fn a_fingerprint_is_the_same_in_all_versions() {
    let bytes = hex(Fingerprint::of(b"amount=10"));
    assert_eq!(
        bytes,
        "fdb664c12b3be6829f54c3f81686808a04e8b33c8446530dfd0aaf05fadc287b"
    );
    let body = br#"{"amount":10}"#;
    let request = Fingerprint::of_request("POST", "/charges", "application/json", body);
    assert_eq!(
        hex(request),
        "92045fc7934a67182a55522e834912e2d4537645fb66db27fd2710dda0da9b1f"
    );

    let body = r#" {"\ufb33": {}, "€": "\u000F\/\u000a", "a": [1E21, 0.50, null],
        "\ud83d\ude00": true} "#
        .as_bytes();
    let json = Fingerprint::of_json(body, &JsonFields::all()).unwrap();
    assert_eq!(
        hex(json),
        "97222358a7873b02188749e810164fea75f6089e434a023bf1cb869c98e37c9e"
    );
    let fields = JsonFields::new(["/b", "/a/2", "/a"]).unwrap();
    let chosen = Fingerprint::of_json(body, &fields).unwrap();
    assert_eq!(
        hex(chosen),
        "f719352117c87bba14c56f5f8f8ae58de71b16e48b33667eba4babb5caad0371"
    );
    let (all, json) = (JsonFields::all(), "application/json");
    let request = Fingerprint::of_json_request("POST", "/charges", json, body, &all).unwrap();
    assert_eq!(
        hex(request),
        "016b23103849c8bc5032ce66b587d2f67cab6c58cb6edf9d28c53947197faa89"
    );
}

#[test]
fn how_a_body_is_written_makes_no_difference() {
    let body = all(r#"{"a":1,"b":"é"}"#);
    assert_eq!(body, all("{ \"b\" : \"\\u00E9\",\r\n\t\"a\" : 1.0 }\n"));
    assert_ne!(body, all(r#"{"a":1,"b":"e"}"#));
    // One character, or two that look like it.
    assert_ne!(body, all(r#"{"a":1,"b":"e\u0301"}"#));
}

#[test]
fn what_a_body_says_makes_a_difference() {
    let bodies = [
        "null",
        "false",
        "true",
        "0",
        "1",
        "-1",
        "10",
        r#""""#,
        r#""null""#,
        r#""0""#,
        "[]",
        "[0]",
        "[0,1]",
        "[1,0]",
        "[[0,1]]",
        "[[0],1]",
        "{}",
        "[{}]",
        r#"{"a":0}"#,
        r#"{"a":"0"}"#,
        r#"{"a":null}"#,
        r#"{"b":0}"#,
        r#"{"a":0,"b":1}"#,
        r#"{"a":1,"b":0}"#,
        r#"{"a":{"b":0}}"#,
        r#"{"a":[0]}"#,
        r#"{"":0}"#,
        r#"{"a,b":0}"#,
    ];
    for (place, one) in bodies.iter().enumerate() {
        for other in &bodies[place + 1..] {
            assert_ne!(all(one), all(other), "{one}, {other}");
        }
    }
}

#[test]
fn each_kind_of_fingerprint_is_in_a_domain_of_its_own() {
    let (fields, body) = (JsonFields::all(), b"0");
    let request = ["POST", "/a", "application/json"];
    let of = |[method, target, kind]: [&str; 3], body: &[u8]| {
        Fingerprint::of_json_request(method, target, kind, body, &fields).unwrap()
    };
    let parts = request.map(str::as_bytes);
    let kinds = [
        Fingerprint::of(body),
        Fingerprint::of_parts([&b""[..], body]),
        Fingerprint::of_parts([parts[0], parts[1], parts[2], b"", body]),
        Fingerprint::of_request(request[0], request[1], request[2], body),
        all("0"),
        of(request, body),
        of(["PUT", "/a", "application/json"], body),
        of(["POST", "/b", "application/json"], body),
        of(["POST", "/a", "application/vnd.a+json"], body),
        of(["POST", "/aapplication/json", ""], body),
        of(request, b"1"),
    ];
    for (place, one) in kinds.iter().enumerate() {
        assert!(!kinds[place + 1..].contains(one), "{place}");
    }
    assert_eq!(of(request, b"0"), of(request, b" 0.0 "));
}

#[test]
fn whole_numbers_that_differ_never_share_a_fingerprint() {
    let error = refused(r#"{"order": 9007199254740993}"#);
    assert_eq!(error.kind(), JsonErrorKind::Number);
    assert_eq!(
        error.to_string(),
        "line 1, column 11: this number is another one as a double; send it as a string"
    );
    assert_ne!(all("9007199254740991"), all("9007199254740992"));
    assert_ne!(all(r#""9007199254740993""#), all(r#""9007199254740992""#));
}

#[test]
fn an_error_says_what_and_where() {
    use JsonErrorKind::{Depth, DuplicateName, Number, Syntax, Unicode};
    let deep = "[".repeat(200);
    let cases: [(&[u8], JsonErrorKind, &str); 9] = [
        (
            b"",
            Syntax,
            "line 1, column 1: the body is no JSON, as a value is expected",
        ),
        (
            b"{\"a\":\n 1,}",
            Syntax,
            "line 2, column 4: the body is no JSON, as a name in quotes is expected",
        ),
        (
            b"[1\n\n 2]",
            Syntax,
            "line 3, column 2: the body is no JSON, as a comma or `]` is expected",
        ),
        (
            b"\n{} x",
            Syntax,
            "line 2, column 4: the body is no JSON, as the end is expected",
        ),
        (
            b"[\n\"a\xff\"]",
            Unicode,
            "line 2, column 3: the body is not UTF-8",
        ),
        // A character is one column, however many bytes it has.
        (
            "[\"é😀\", \"\\ud800\"]".as_bytes(),
            Unicode,
            "line 1, column 9: half of a surrogate pair is no character",
        ),
        (
            b"{\"a\":1,\n\"a\":2}",
            DuplicateName,
            "line 2, column 1: another member of the same object has this name",
        ),
        (
            b"[0,\n  1e999]",
            Number,
            "line 2, column 3: this number is another one as a double; send it as a string",
        ),
        (
            deep.as_bytes(),
            Depth,
            "line 1, column 129: more than 128 arrays and objects are inside of each other",
        ),
    ];
    for (body, kind, text) in cases {
        let error = refused(body);
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
        let place = format!("line {}, column {}: ", error.line(), error.column());
        assert!(text.starts_with(&place), "{error:?}");
    }
}

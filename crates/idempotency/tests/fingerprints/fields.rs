//! Fingerprints of chosen fields.

use steadfast_idempotency::{Fingerprint, JsonErrorKind, JsonFields};

use crate::all;

fn fields(pointers: &[&str]) -> JsonFields {
    JsonFields::new(pointers).unwrap()
}

fn of(pointers: &[&str], body: &str) -> Fingerprint {
    Fingerprint::of_json(body.as_bytes(), &fields(pointers)).unwrap()
}

#[test]
fn only_the_chosen_fields_count() {
    let chosen = ["/amount", "/card/number"];
    let body = of(
        &chosen,
        r#"{"amount":10,"card":{"number":"4242","cvc":1},"at":1}"#,
    );
    assert_eq!(
        body,
        of(&chosen, r#"{"card":{"number":"4242"},"amount":1e1,"at":2}"#)
    );
    assert_ne!(
        body,
        of(&chosen, r#"{"amount":11,"card":{"number":"4242"}}"#)
    );
    assert_ne!(
        body,
        of(&chosen, r#"{"amount":10,"card":{"number":"4243"}}"#)
    );
    // All that is in a field counts.
    assert_ne!(
        of(&["/a"], r#"{"a":{"b":[1]}}"#),
        of(&["/a"], r#"{"a":{"b":[2]}}"#)
    );
}

#[test]
fn a_field_that_is_not_there_is_not_null() {
    let bodies = [
        r#"{"a":1}"#,
        r#"{"a":1,"b":null}"#,
        r#"{"a":1,"b":""}"#,
        r#"{"a":1,"b":{}}"#,
    ];
    for (place, one) in bodies.iter().enumerate() {
        for other in &bodies[place + 1..] {
            assert_ne!(
                of(&["/a", "/b"], one),
                of(&["/a", "/b"], other),
                "{one}, {other}"
            );
        }
    }
    assert_eq!(of(&["/b"], "{}"), of(&["/b"], r#"{"a":1}"#));
}

#[test]
fn the_fields_themselves_count() {
    let body = r#"{"a":1,"b":1}"#;
    assert_ne!(of(&["/a"], body), of(&["/b"], body));
    assert_ne!(of(&["/a"], body), of(&["/a", "/b"], body));
    assert_ne!(of(&["/a"], body), of(&["/a", "/c"], body));
    assert_ne!(of(&["/c"], body), of(&["/d"], body));
    assert_ne!(
        of(&["/a", "/b"], r#"{"a":1}"#),
        of(&["/a", "/b"], r#"{"b":1}"#)
    );
}

#[test]
fn neither_order_nor_number_of_the_pointers_matters() {
    let body = r#"{"a":1,"b":2}"#;
    assert_eq!(of(&["/a", "/b"], body), of(&["/b", "/a", "/b"], body));
    assert_eq!(fields(&["/a", "/b"]), fields(&["/b", "/a", "/a"]));
}

#[test]
fn the_empty_pointer_is_the_whole_body() {
    assert_eq!(JsonFields::all(), fields(&[""]));
    assert_eq!(of(&[""], r#"{"a":[1]}"#), all(r#"{ "a": [1.0] }"#));
    assert_ne!(
        of(&["/"], r#"{"":1}"#),
        all(r#"{"":1}"#),
        "`/` is the member without a name"
    );
}

/// Whether the pointer finds exactly what is at `there`, which is 1 in one body and 2 in the other.
fn finds(pointer: &str, one: &str, two: &str) -> bool {
    of(&[pointer], one) != of(&[pointer], two)
}

/// RFC 6901 section 5, and what it says of arrays in section 4.
#[test]
fn pointers_are_read_as_the_rfc_reads_them() {
    let member = |pointer: &str, name: &str| {
        let body = |value| {
            format!(
                r#"{{{}:{value},"x":0}}"#,
                serde_json::to_string(name).unwrap()
            )
        };
        finds(pointer, &body(1), &body(2))
    };
    for (pointer, name) in [
        ("/foo", "foo"),
        ("/", ""),
        ("/a~1b", "a/b"),
        ("/c%d", "c%d"),
        ("/e^f", "e^f"),
        ("/g|h", "g|h"),
        ("/i\\j", "i\\j"),
        ("/k\"l", "k\"l"),
        ("/ ", " "),
        ("/m~0n", "m~n"),
        ("/~01", "~1"),
        ("/~10", "/0"),
        ("/0", "0"),
        ("/01", "01"),
        ("/-", "-"),
        ("/é😀", "é😀"),
    ] {
        assert!(member(pointer, name), "{pointer}");
    }
    assert!(!member("/~01", "/") && !member("/~01", "~01") && !member("/Foo", "foo"));

    let eleven = |value| format!("[0,{value},2,3,4,5,6,7,8,9,{value}]");
    for (pointer, is_there) in [
        ("/1", true),
        ("/10", true),
        ("/0", false),
        ("/01", false),
        ("/010", false),
        ("/+1", false),
        ("/-", false),
        ("/1/", false),
        ("/11", false),
        ("/1.0", false),
        ("/99999999999999999999", false),
        ("/", false),
    ] {
        assert_eq!(
            finds(pointer, &eleven(1), &eleven(2)),
            is_there,
            "{pointer}"
        );
    }
    let deep = |value| format!(r#"{{"a":[{{"b":[0,{value}]}}]}}"#);
    assert!(finds("/a/0/b/1", &deep(1), &deep(2)));
    assert!(
        !finds("/a/0/b/1/c", &deep(1), &deep(2)),
        "a number has no members"
    );
    assert!(!finds("/b", &deep(1), &deep(2)));
}

#[test]
fn many_members_are_found_each_by_its_name() {
    let names = [
        "", "a", "b", "ab", "é", "€", "😀", "\u{ffff}", "Z", "~", "/",
    ];
    let body = |changed| {
        let members = names.iter().enumerate();
        let members = members.map(|(place, name)| (name, u8::from(place == changed)));
        serde_json::to_string(&members.collect::<std::collections::HashMap<_, _>>()).unwrap()
    };
    for place in 0..names.len() {
        let pointer = format!("/{}", names[place].replace('~', "~0").replace('/', "~1"));
        assert!(
            finds(&pointer, &body(place), &body(names.len())),
            "{pointer}"
        );
        assert!(!finds(
            &pointer,
            &body((place + 1) % names.len()),
            &body(names.len())
        ));
    }
}

#[test]
fn what_is_no_pointer_is_refused_where_it_is_set() {
    let text = |pointers: &[&str]| JsonFields::new(pointers).unwrap_err().to_string();
    assert_eq!(text(&[]), "`fields` is empty; allowed: one or more");
    for wrong in [
        "amount", "#/amount", "$.amount", "/a~", "/a~2", "/~/b", "/~~0",
    ] {
        assert_eq!(
            text(&["/a", wrong]),
            format!(
                "`fields` is {wrong:?}; allowed: JSON Pointers, such as \"/amount\", with `~` only in `~0` and `~1`"
            )
        );
    }
}

#[test]
fn a_body_is_read_to_its_end_and_only_numbers_that_count_are_judged() {
    let kind = |body: &str| {
        Fingerprint::of_json(body.as_bytes(), &fields(&["/a"])).map_err(|error| error.kind())
    };
    assert_eq!(kind(r#"{"a":1,"b":[}"#), Err(JsonErrorKind::Syntax));
    assert_eq!(
        kind(r#"{"a":1,"b":{"c":1,"c":1}}"#),
        Err(JsonErrorKind::DuplicateName)
    );
    assert_eq!(kind(r#"{"a":1,"b":"\ud800"}"#), Err(JsonErrorKind::Unicode));
    assert_eq!(
        kind(r#"{"a":[9007199254740993]}"#),
        Err(JsonErrorKind::Number)
    );
    assert_eq!(
        kind(r#"{"a":1,"sent_at_ns":1700000000000000001}"#),
        kind(r#"{"a":1}"#)
    );
}

//! Takes the fingerprint of arbitrary bytes as JSON: what has one is JSON to another parser too, and has the same one
//! after that has written it anew; and what is refused as no JSON is none to the other parser.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use steadfast_idempotency::{Fingerprint, JsonErrorKind, JsonFields};

fuzz_target!(|body: &[u8]| {
    // By this name `serde_json` takes an object for a number.
    if body.windows(4).any(|bytes| bytes == b"$ser") {
        return;
    }
    let all = JsonFields::all();
    let other = serde_json::from_slice::<Value>(body);
    match Fingerprint::of_json(body, &all) {
        Ok(fingerprint) => {
            let value = other.expect("what has a fingerprint is JSON");
            // It sorts members in another order, and writes numbers as they came.
            for text in [value.to_string(), format!("{value:#}")] {
                assert_eq!(
                    Fingerprint::of_json(text.as_bytes(), &all),
                    Ok(fingerprint),
                    "{text}"
                );
            }
            let fields = JsonFields::new(["", "/0", "/a/b"]).expect("these are pointers");
            Fingerprint::of_json(body, &fields)
                .expect("no field has more in it than all of the body");
        }
        Err(error) => {
            if let JsonErrorKind::Syntax | JsonErrorKind::Unicode = error.kind() {
                assert!(other.is_err(), "{error}");
            }
        }
    }
});

//! How results are kept, and what is not taken for one.

use std::sync::Arc;

use steadfast_core::{Error, Policies};
use steadfast_idempotency::{Codec, CodecError, Raw, Refusal, Stored, Tag};

use crate::support::{Rig, claim};

type Failed = &'static str;

fn returns<T: PartialEq + std::fmt::Debug + Clone>(value: &T)
where
    Raw: Codec<T>,
{
    let kept = Raw.encode(value).unwrap();
    assert_eq!(Raw.decode(&kept).unwrap(), *value);
}

#[test]
fn bytes_and_text_come_back_as_they_were() {
    returns(&vec![0u8, 255, 7]);
    returns(&Vec::<u8>::new());
    returns(&String::from("grüße"));
    returns(&Arc::<[u8]>::from([1, 2, 3]));
    returns(&());
}

#[test]
fn what_another_codec_wrote_is_refused_in_words() {
    let other = Stored::body(Tag::new(*b"numb", 3).wrap(b"x"));
    let error = Codec::<String>::decode(&Raw, &other).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the kept result is numb version 3, and this codec reads raw  version 1"
    );
    let short = Codec::<String>::decode(&Raw, &Stored::body(*b"raw")).unwrap_err();
    assert_eq!(
        short.to_string(),
        "the kept result does not say which codec wrote it"
    );
    let bytes = Raw.encode(&vec![255u8]).unwrap();
    let error = Codec::<String>::decode(&Raw, &bytes).unwrap_err();
    assert_eq!(error.to_string(), "the kept result cannot be decoded");
    assert!(std::error::Error::source(&error).is_some());
    assert!(Codec::<()>::decode(&Raw, &bytes).is_err());
}

/// A codec whose version the test sets, which cannot encode what is empty.
struct Versioned(u16);

impl Codec<String> for Versioned {
    fn encode(&self, value: &String) -> Result<Stored, CodecError> {
        if value.is_empty() {
            return Err(CodecError::encode("it is empty"));
        }
        Ok(Stored::body(
            Tag::new(*b"test", self.0).wrap(value.as_bytes()),
        ))
    }

    fn decode(&self, stored: &Stored) -> Result<String, CodecError> {
        let bytes = Tag::new(*b"test", self.0).open(stored)?;
        String::from_utf8(bytes.to_vec()).map_err(CodecError::decode)
    }
}

fn call(rig: &Rig, version: u16, value: &str) -> Result<String, Error<Failed>> {
    let idempotency = rig.detached().codec(Versioned(version)).build().unwrap();
    let claim = claim(&idempotency, "k");
    let calls = claim.on(rig.clock.clone());
    rig.runtime
        .block_on(calls.call(|| async { Ok(value.to_owned()) }))
}

#[test]
fn a_result_of_another_version_is_refused_and_nothing_is_run_again() {
    let rig = Rig::new();
    assert_eq!(call(&rig, 1, "paid"), Ok("paid".into()));
    let refused = call(&rig, 2, "again").unwrap_err();
    assert_eq!(
        Refusal::of(refused.rejection().unwrap()),
        Some(Refusal::Undecodable)
    );
    assert_eq!(rig.notes.take(), "executed undecodable");
    assert_eq!(call(&rig, 1, "again"), Ok("paid".into()));
}

#[test]
fn a_result_that_cannot_be_encoded_is_given_once_and_never_run_for_again() {
    let rig = Rig::new();
    assert_eq!(call(&rig, 1, ""), Ok(String::new()));
    let refused = call(&rig, 1, "again").unwrap_err();
    assert_eq!(
        Refusal::of(refused.rejection().unwrap()),
        Some(Refusal::ResultOmitted)
    );
}

//! A body that was read, and how it is written again: RFC 8785, the JSON Canonicalization Scheme.

use std::{borrow::Cow, cmp::Ordering, fmt::Write};

use super::{
    error::{Fault, Found},
    number,
};

/// JSON, borrowed from its text.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// `null`, `true` or `false`.
    Word(&'static str),
    /// As it came, and from which byte on.
    Number(&'a str, usize),
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    /// In the order of their names, of which no two are the same.
    Object(Vec<Member<'a>>),
}

#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    /// The byte that the name begins with.
    pub(super) at: usize,
    pub(super) value: Value<'a>,
}

impl<'a> Value<'a> {
    /// The object of these members.
    pub(super) fn object(mut members: Vec<Member<'a>>) -> Result<Self, Fault> {
        // It is stable: of two with one name the later comes second.
        members.sort_by(|a, b| by_utf16(&a.name, &b.name));
        match members.windows(2).find(|two| two[0].name == two[1].name) {
            Some(two) => Err(Fault {
                found: Found::DuplicateName,
                at: two[1].at,
            }),
            None => Ok(Value::Object(members)),
        }
    }

    /// What is inside of it under this name or index.
    pub(super) fn child(&self, token: &str) -> Option<&Self> {
        match self {
            Value::Object(members) => {
                let found = members.binary_search_by(|member| by_utf16(&member.name, token));
                found.ok().map(|at| &members[at].value)
            }
            Value::Array(values) => values.get(index(token)?),
            Value::Word(_) | Value::Number(..) | Value::String(_) => None,
        }
    }

    /// Writes it in its canonical form.
    pub(super) fn write(&self, text: &mut String) -> Result<(), Fault> {
        match self {
            Value::Word(word) => text.push_str(word),
            Value::Number(number, at) => match number::canonical(number) {
                Some(number) => text.push_str(&number),
                None => {
                    return Err(Fault {
                        found: Found::Number,
                        at: *at,
                    });
                }
            },
            Value::String(string) => quote(string, text),
            Value::Array(values) => {
                text.push('[');
                for (place, value) in values.iter().enumerate() {
                    separate(place, text);
                    value.write(text)?;
                }
                text.push(']');
            }
            Value::Object(members) => {
                text.push('{');
                for (place, member) in members.iter().enumerate() {
                    separate(place, text);
                    quote(&member.name, text);
                    text.push(':');
                    member.value.write(text)?;
                }
                text.push('}');
            }
        }
        Ok(())
    }
}

/// The order of RFC 8785 section 3.2.3, which is not that of UTF-8 above U+D7FF.
fn by_utf16(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// An index as RFC 6901 writes it: no sign, no leading zero. `-` is after the last element, where nothing is.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit());
    let padded = token.len() > 1 && token.starts_with('0');
    if plain && !padded {
        token.parse().ok()
    } else {
        None
    }
}

fn separate(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}

/// Only what has to be is escaped, and the shortest way (RFC 8785 section 3.2.2.2).
fn quote(string: &str, text: &mut String) {
    text.push('"');
    for char in string.chars() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '\0'..' ' => write!(text, "\\u{:04x}", u32::from(char)).expect("a `String` takes all"),
            _ => text.push(char),
        }
    }
    text.push('"');
}

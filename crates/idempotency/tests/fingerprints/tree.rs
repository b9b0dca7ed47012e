//! JSON that is drawn by chance, and the many ways to write it.

use std::{collections::BTreeMap, fmt::Write};

use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// Quarters, which a double holds and a few digits write.
    Number(i32),
    String(String),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

pub(crate) fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<i32>().prop_map(Tree::Number),
        (-40..40).prop_map(Tree::Number),
        text().prop_map(Tree::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let array = proptest::collection::vec(inner.clone(), 0..5);
        let object = proptest::collection::btree_map(text(), inner, 0..5);
        prop_oneof![array.prop_map(Tree::Array), object.prop_map(Tree::Object)]
    })
}

fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        any::<char>(),
        proptest::char::range('\0', '\u{ff}'),
        Just('/')
    ];
    proptest::collection::vec(char, 0..5).prop_map(String::from_iter)
}

impl Tree {
    /// How many parts of it can be changed on their own.
    pub(crate) fn parts(&self) -> usize {
        match self {
            Tree::Array(values) => 1 + values.iter().map(Tree::parts).sum::<usize>(),
            Tree::Object(members) => 1 + members.values().map(Tree::parts).sum::<usize>(),
            _ => 1,
        }
    }

    /// Changes that part, a container by what is in it.
    pub(crate) fn change(&mut self, part: usize) {
        if part > 0 {
            let mut part = part - 1;
            let inside: Vec<&mut Tree> = match self {
                Tree::Array(values) => values.iter_mut().collect(),
                Tree::Object(members) => members.values_mut().collect(),
                _ => panic!("a leaf is one part"),
            };
            for tree in inside {
                if part < tree.parts() {
                    return tree.change(part);
                }
                part -= tree.parts();
            }
            panic!("it has fewer parts");
        }
        match self {
            Tree::Null => *self = Tree::Bool(false),
            Tree::Bool(value) => *value = !*value,
            Tree::Number(quarters) => *quarters ^= 1,
            Tree::String(string) => string.push('\0'),
            Tree::Array(values) => values.push(Tree::Null),
            Tree::Object(members) => {
                let name = members.keys().map(String::as_str).collect::<String>() + "x";
                members.insert(name, Tree::Null);
            }
        }
    }

    /// Writes it, with what these numbers say left to chance.
    pub(crate) fn write(&self, chance: &mut Chance, text: &mut String) {
        chance.space(text);
        match self {
            Tree::Null => text.push_str("null"),
            Tree::Bool(value) => write!(text, "{value}").unwrap(),
            Tree::Number(quarters) => number(f64::from(*quarters) / 4.0, chance, text),
            Tree::String(value) => string(value, chance, text),
            Tree::Array(values) => {
                text.push('[');
                for (place, value) in values.iter().enumerate() {
                    separate(place, text);
                    value.write(chance, text);
                }
                chance.space(text);
                text.push(']');
            }
            Tree::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_cached_key(|_| chance.draw());
                text.push('{');
                for (place, (name, value)) in members.into_iter().enumerate() {
                    separate(place, text);
                    chance.space(text);
                    string(name, chance, text);
                    chance.space(text);
                    text.push(':');
                    value.write(chance, text);
                }
                chance.space(text);
                text.push('}');
            }
        }
        chance.space(text);
    }
}

fn separate(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}

fn number(value: f64, chance: &mut Chance, text: &mut String) {
    text.push_str(&match chance.draw() % 6 {
        0 => format!("{value:?}"),
        1 => format!("{value:e}"),
        2 => format!("{value:E}").replace("E0", "E+00"),
        3 => format!("{value:.5}"),
        4 => format!("{}e-2", value * 100.0),
        _ => format!("{value}"),
    });
}

fn string(value: &str, chance: &mut Chance, text: &mut String) {
    text.push('"');
    for char in value.chars() {
        let must = matches!(char, '"' | '\\' | '\0'..' ');
        match (char, chance.draw() % 4) {
            ('"' | '\\' | '/', 0 | 1) => text.extend(['\\', char]),
            ('\n', 0 | 1) => text.push_str("\\n"),
            (_, 1..=3) if !must => text.push(char),
            (_, how) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let digits = format!("{unit:04x}");
                    let upper = digits.to_uppercase();
                    text.push_str("\\u");
                    text.push_str(if how == 0 { &upper } else { &digits });
                }
            }
        }
    }
    text.push('"');
}

/// Draws from these numbers again and again.
pub(crate) struct Chance {
    numbers: Vec<u8>,
    next: usize,
}

impl Chance {
    pub(crate) fn new(numbers: Vec<u8>) -> Self {
        Chance { numbers, next: 0 }
    }

    fn draw(&mut self) -> u8 {
        let number = self.numbers[self.next % self.numbers.len()];
        self.next += 1;
        number
    }

    fn space(&mut self, text: &mut String) {
        let spaces = ["", "", "", " ", "\n", "\r\n\t", "  "];
        text.push_str(spaces[usize::from(self.draw()) % spaces.len()]);
    }
}

//! Reads JSON (RFC 8259), and of that only what everybody reads alike (I-JSON, RFC 7493).

use std::borrow::Cow;

use super::{
    error::{Fault, Found},
    value::{Member, Value},
};

/// How many arrays and objects may be inside of each other, so that no body is deeper than the stack.
pub(super) const DEEPEST: usize = 128;

/// The value of this body.
pub(super) fn parse(body: &[u8]) -> Result<Value<'_>, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| Fault {
        found: Found::NoUtf8,
        at: error.valid_up_to(),
    })?;
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    parser.space();
    let value = parser.value()?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.expected("the end"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte. It never stops within a character.
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    /// What begins with the bracket that is next.
    fn nested(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<Value<'a>, Fault>,
    ) -> Result<Value<'a>, Fault> {
        if self.depth == DEEPEST {
            return Err(self.found(Found::Depth));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        let value = inside(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value<'a>, Fault> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Value::object(members);
        }
        loop {
            let at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a name in quotes"));
            }
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.expected("a colon"));
            }
            self.space();
            let value = self.value()?;
            members.push(Member { name, at, value });
            if self.is_last(b'}', "a comma or `}`")? {
                return Value::object(members);
            }
        }
    }

    fn array(&mut self) -> Result<Value<'a>, Fault> {
        let mut values = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(values));
        }
        loop {
            values.push(self.value()?);
            if self.is_last(b']', "a comma or `]`")? {
                return Ok(Value::Array(values));
            }
        }
    }

    /// Whether nothing comes after what was just read.
    fn is_last(&mut self, bracket: u8, expected: &'static str) -> Result<bool, Fault> {
        self.space();
        if self.take(bracket) {
            return Ok(true);
        }
        if !self.take(b',') {
            return Err(self.expected(expected));
        }
        self.space();
        Ok(false)
    }

    /// The string whose quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let mut unescaped = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find(|char| matches!(char, '"' | '\\' | '\0'..' '));
            let run = &rest[..end.unwrap_or(rest.len())];
            self.at += run.len();
            match self.peek() {
                Some(b'"') if unescaped.is_empty() => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(run));
                }
                Some(b'"') => {
                    self.at += 1;
                    unescaped.push_str(run);
                    return Ok(Cow::Owned(unescaped));
                }
                Some(b'\\') => {
                    unescaped.push_str(run);
                    unescaped.push(self.escape()?);
                }
                Some(_) => return Err(self.expected("an escape for a control character")),
                None => return Err(self.expected("a closing quote")),
            }
        }
    }

    /// The character behind the backslash that is next.
    fn escape(&mut self) -> Result<char, Fault> {
        let char = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.utf16(),
            _ => return Err(self.expected("an escape")),
        };
        self.at += 2;
        Ok(char)
    }

    /// The character that one or two code units are, the first of which is next.
    fn utf16(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let first = self.unit()?;
        let is_half = (0xd800..0xdc00).contains(&first);
        let second = if is_half && self.text[self.at..].starts_with("\\u") {
            Some(self.unit()?)
        } else {
            None
        };
        let units = [Some(first), second].into_iter().flatten();
        let char: Result<String, _> = char::decode_utf16(units).collect();
        char.ok().and_then(|char| char.chars().next()).ok_or(Fault {
            found: Found::Surrogate,
            at: start,
        })
    }

    /// The code unit of the `\u` that is next.
    fn unit(&mut self) -> Result<u16, Fault> {
        let digits = self.text.get(self.at + 2..self.at + 6);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.expected("an escape of four hexadecimal digits"))?;
        self.at += 6;
        Ok(unit)
    }

    fn number(&mut self) -> Result<Value<'a>, Fault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Value::Number(&self.text[start..self.at], start))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.expected("a digit"));
        }
        self.at += count;
        Ok(())
    }

    fn word(&mut self) -> Result<Value<'a>, Fault> {
        let rest = &self.text[self.at..];
        let words = ["null", "true", "false"];
        match words.into_iter().find(|word| rest.starts_with(word)) {
            Some(word) => {
                self.at += word.len();
                Ok(Value::Word(word))
            }
            None => Err(self.expected("a value")),
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether this byte was next; then it is not any more.
    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expected(&self, what: &'static str) -> Fault {
        self.found(Found::No(what))
    }

    fn found(&self, found: Found) -> Fault {
        Fault { found, at: self.at }
    }
}

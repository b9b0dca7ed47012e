//! Replaces the links that only rustdoc can follow by their text, and keeps all others.

use std::collections::BTreeMap;

/// The link definitions of a page: `[label]: target`.
pub(super) struct Links {
    /// Each label, and whether a reader outside rustdoc can follow it.
    labels: BTreeMap<String, bool>,
}

impl Links {
    pub(super) fn defined_in<'a>(prose: impl Iterator<Item = &'a str>) -> Self {
        let definitions = prose.flat_map(str::lines).filter_map(definition);
        let labels = definitions
            .map(|(label, target)| (normal(label), !is_item(target)))
            .collect();
        Self { labels }
    }

    /// The prose without links to Rust items, and without the definitions of such links.
    pub(super) fn resolve(&self, prose: &str) -> String {
        let kept = |line: &&str| definition(line).is_none_or(|(_, target)| !is_item(target));
        let prose: String = prose.split_inclusive('\n').filter(kept).collect();
        self.inline(&prose)
    }

    fn inline(&self, mut rest: &str) -> String {
        let mut out = String::new();
        while let Some(at) = rest.find(['\\', '`', '[']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let taken = if let Some(link) = Link::at_start_of(rest) {
                out.push_str(&self.link(&link, out.ends_with('!')));
                link.source.len()
            } else {
                let taken = verbatim(rest);
                out.push_str(&rest[..taken]);
                taken
            };
            rest = &rest[taken..];
        }
        out + rest
    }

    fn link(&self, link: &Link, is_image: bool) -> String {
        let Link { source, text, tail } = *link;
        let leads_to_an_item = match tail {
            Tail::Target(target) => is_item(target),
            Tail::Label(label) => match self.labels.get(&normal(label)) {
                Some(outside) => !outside,
                None => is_item(label.trim_matches('`')),
            },
        };
        if is_image {
            source.to_owned()
        } else if leads_to_an_item {
            self.inline(&without_kind(text))
        } else {
            // Everything behind the text, as it was written.
            let (_, tail) = source.split_at(1 + text.len());
            format!("[{}{tail}", self.inline(text))
        }
    }
}

/// A link, or what looks like one until the definitions are known.
#[derive(Clone, Copy)]
struct Link<'a> {
    source: &'a str,
    text: &'a str,
    tail: Tail<'a>,
}

#[derive(Clone, Copy)]
enum Tail<'a> {
    /// `[text](target)`
    Target(&'a str),
    /// `[text][label]`, and `[text][]` or `[text]`, whose label is the text.
    Label(&'a str),
}

impl<'a> Link<'a> {
    fn at_start_of(prose: &'a str) -> Option<Self> {
        let text = enclosed(prose, '[', ']')?;
        let rest = &prose[text.len() + 2..];
        let (tail, behind) = if let Some(target) = enclosed(rest, '(', ')') {
            (Tail::Target(target), target.len() + 2)
        } else {
            match enclosed(rest, '[', ']') {
                Some("") => (Tail::Label(text), 2),
                Some(label) => (Tail::Label(label), label.len() + 2),
                None => (Tail::Label(text), 0),
            }
        };
        let source = &prose[..text.len() + 2 + behind];
        Some(Self { source, text, tail })
    }
}

/// What stands between the bracket that the text begins with and the one that closes it.
fn enclosed(text: &str, open: char, close: char) -> Option<&str> {
    let inside = text.strip_prefix(open)?;
    let mut depth = 0;
    let mut at = 0;
    while let Some(char) = inside[at..].chars().next() {
        if char == close && depth == 0 {
            return Some(&inside[..at]);
        }
        depth += i32::from(char == open) - i32::from(char == close);
        at += verbatim(&inside[at..]);
    }
    None
}

/// How many bytes at the start of the text mean nothing but themselves: an escaped character, a code span, or one
/// character.
fn verbatim(text: &str) -> usize {
    let ticks = text.len() - text.trim_start_matches('`').len();
    if ticks > 0 {
        return code_span(text, ticks).unwrap_or(ticks);
    }
    let mut chars = text.chars();
    let first = chars.next().map_or(0, char::len_utf8);
    match chars.next() {
        Some(second) if text.starts_with('\\') => first + second.len_utf8(),
        _ => first,
    }
}

/// The length of the code span that opens with so many back-ticks, if as many close it.
fn code_span(text: &str, ticks: usize) -> Option<usize> {
    let mut at = ticks;
    loop {
        at += text[at..].find('`')?;
        let run = text[at..].len() - text[at..].trim_start_matches('`').len();
        at += run;
        if run == ticks {
            return Some(at);
        }
    }
}

/// The label and the target of a line that defines a link.
fn definition(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let label = enclosed(line, '[', ']').filter(|label| !label.starts_with('^'))?;
    let target = line[label.len() + 2..].strip_prefix(':')?;
    Some((label, target.trim()))
}

/// Labels are equal whatever their case and white space.
fn normal(label: &str) -> String {
    let words: Vec<&str> = label.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The words with which rustdoc tells apart items of one name: `struct@Foo`.
const KINDS: &str = " struct enum trait union mod module macro derive type value fn function method const constant \
                     static field variant prim primitive tyalias typealias ";

fn kind_and_path(text: &str) -> (&str, &str) {
    match text.split_once('@') {
        Some((kind, path)) if KINDS.contains(&format!(" {kind} ")) => (kind, path),
        _ => ("", text),
    }
}

/// Whether a target is the path of a Rust item: no address and no file is spelt like one.
fn is_item(target: &str) -> bool {
    let (_, path) = kind_and_path(target.trim());
    let path = path.split('#').next().unwrap_or(path);
    let spelt = |char: char| char.is_alphanumeric() || "_:<>(), !&'".contains(char);
    // A single letter is the tick of a task list.
    path.len() > 1
        && path.starts_with(|char: char| char.is_alphabetic() || "_<".contains(char))
        && path.chars().all(spelt)
        && !path.replace("::", "").contains(':')
}

/// The text of a link as rustdoc shows it.
fn without_kind(text: &str) -> String {
    let code = text.trim_matches('`');
    match kind_and_path(code) {
        ("", _) => text.to_owned(),
        (_, path) => text.replacen(code, path, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(prose: &str) -> String {
        Links::defined_in([prose].into_iter()).resolve(prose)
    }

    #[test]
    fn a_link_to_an_item_becomes_its_text() {
        for (link, text) in [
            ("[`Foo`]", "`Foo`"),
            ("[`Foo`][]", "`Foo`"),
            ("[`Foo`](crate::Foo)", "`Foo`"),
            ("[the foo](crate::Foo::new#errors)", "the foo"),
            ("[the `Foo`][crate::Foo]", "the `Foo`"),
            ("[`Foo`](struct@Foo)", "`Foo`"),
            ("[`fn@foo`]", "`foo`"),
            ("[`Vec<T>`]", "`Vec<T>`"),
            ("[`call()`] and [`vec!`]", "`call()` and `vec!`"),
            ("[Foo]", "Foo"),
            ("[a\nfoo](crate::Foo)", "a\nfoo"),
        ] {
            assert_eq!(resolved(link), text);
        }
    }

    #[test]
    fn a_link_that_works_anywhere_is_kept() {
        for link in [
            "[Foo](https://example.org/Foo)",
            "[rules](CONTRIBUTING.md)",
            "[rules](docs/rules)",
            "[below](#errors)",
            "<https://example.org>",
            "![picture](picture.svg)",
            "[![badge](https://example.org/b.svg)](https://example.org)",
            "[`Foo`][site]\n\n[site]: https://example.org",
            "[`Foo`]\n\n[`Foo`]: https://example.org",
            "[Long\nName]\n\n[long name]: https://example.org",
        ] {
            assert_eq!(resolved(link), link);
        }
    }

    #[test]
    fn what_is_no_link_is_kept() {
        for text in [
            "`[Foo](crate::Foo)`",
            "``a ` [Foo]``",
            "an open ` and [x] [ ] [1, 2)",
            "\\[Foo\\] and \\` [`a + b`]",
            "[^1]\n\n[^1]: foo",
            "an open [bracket",
        ] {
            assert_eq!(resolved(text), text);
        }
    }

    #[test]
    fn definitions_of_items_are_dropped_with_their_links() {
        let prose = "[`Foo`], [text][foo] and [it][site].\n\n[`Foo`]: crate::Foo\n[foo]: fn@foo\n[site]: https://a.b\n";
        let expected = "`Foo`, text and [it][site].\n\n[site]: https://a.b\n";
        assert_eq!(resolved(prose), expected);
    }

    #[test]
    fn a_link_around_a_picture_keeps_the_picture() {
        assert_eq!(
            resolved("[![a](b.svg) `Foo`](crate::Foo)"),
            "![a](b.svg) `Foo`"
        );
    }
}

//! Turns the documentation of a crate into a page that reads well where rustdoc is not at work.

use super::links::Links;

const NOTE: &str = "<!-- generated from src/lib.rs by `cargo xtask readme`; do not edit -->";

/// The page for a crate, or nothing when its source does not begin with documentation.
pub(super) fn from_source(package: &str, source: &str) -> Option<String> {
    let docs = docs(source);
    let first = docs.iter().position(|line| !line.trim().is_empty())?;
    let docs = &docs[first..];
    let (title, docs) = match docs.split_first() {
        Some((title, rest)) if level(title) == 1 => ((*title).to_owned(), rest),
        _ => (format!("# {package}"), docs),
    };

    let blocks = blocks(docs);
    let prose = || {
        blocks.iter().filter_map(|block| match block {
            Block::Prose(text) => Some(text.as_str()),
            Block::Code(_) => None,
        })
    };
    let links = Links::defined_in(prose());
    // Under the title there is no room for a second first level.
    let lower = prose().flat_map(str::lines).any(|line| level(line) == 1);

    let mut page = Page(vec![NOTE.to_owned(), title, String::new()]);
    for block in &blocks {
        match block {
            Block::Prose(text) => page.prose(&links.resolve(text), lower),
            Block::Code(code) => page.code(code),
        }
    }
    Some(page.finish())
}

/// The leading `//!` lines without their marker.
fn docs(source: &str) -> Vec<&str> {
    let lines = source.lines().skip_while(|line| !line.starts_with("//!"));
    lines
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect()
}

/// How deep a heading is; 0 for a line that is none.
fn level(line: &str) -> usize {
    let level = line.len() - line.trim_start_matches('#').len();
    if level <= 6 && line[level..].starts_with(' ') {
        level
    } else {
        0
    }
}

enum Block<'a> {
    Prose(String),
    Code(Code<'a>),
}

struct Code<'a> {
    /// The white space before the fence, where a list contains it.
    indent: &'a str,
    /// The back-ticks or tildes.
    fence: &'a str,
    info: &'a str,
    lines: Vec<&'a str>,
}

fn blocks<'a>(docs: &[&'a str]) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    let mut prose = String::new();
    let mut lines = docs.iter();
    while let Some(line) = lines.next() {
        if let Some(mut code) = Code::opened_by(line) {
            blocks.push(Block::Prose(std::mem::take(&mut prose)));
            let inside = lines.by_ref().take_while(|line| !code.is_closed_by(line));
            code.lines = inside.copied().collect();
            blocks.push(Block::Code(code));
        } else {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    blocks.push(Block::Prose(prose));
    blocks
}

impl<'a> Code<'a> {
    fn opened_by(line: &'a str) -> Option<Self> {
        let text = line.trim_start();
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let (fence, _) = text.split_at(text.len() - info.len());
        if fence.len() < 3 || info.contains('`') {
            return None;
        }
        let (indent, _) = line.split_at(line.len() - text.len());
        Some(Self {
            indent,
            fence,
            info: info.trim(),
            lines: Vec::new(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        line.trim()
            .strip_prefix(self.fence)
            .is_some_and(|rest| rest.chars().all(|c| self.fence.starts_with(c)))
    }

    /// Whether rustdoc takes it for Rust: it does unless a word says otherwise.
    fn is_rust(&self) -> bool {
        let words = || {
            let words = self.info.split([',', ' ']);
            words.filter(|word| !word.is_empty())
        };
        let known = |word: &str| {
            matches!(
                word,
                "no_run" | "ignore" | "should_panic" | "compile_fail" | "test_harness"
            ) || ["ignore-", "edition", "standalone", "E0"]
                .iter()
                .any(|start| word.starts_with(start))
        };
        words().any(|word| word == "rust") || words().all(known)
    }
}

/// What rustdoc shows of a line of Rust; it hides the lines that begin with `# `.
fn shown(line: &str) -> Option<String> {
    let text = line.trim_start();
    if text == "#" || text.starts_with("# ") {
        None
    } else if text.starts_with("##") {
        Some(line.replacen("##", "#", 1))
    } else {
        Some(line.to_owned())
    }
}

/// The lines written so far.
struct Page(Vec<String>);

impl Page {
    fn prose(&mut self, text: &str, lower: bool) {
        for line in text.lines() {
            let lower = lower && (1..6).contains(&level(line));
            self.line(if lower {
                format!("#{line}")
            } else {
                line.to_owned()
            });
        }
    }

    fn code(&mut self, code: &Code) {
        let Code { indent, fence, .. } = code;
        if code.is_rust() {
            let first = self.0.len() + 1;
            self.0.push(format!("{indent}{fence}rust"));
            for line in code.lines.iter().filter_map(|line| shown(line)) {
                // The lines around a hidden one leave nothing but white space.
                if self.0.len() > first || !line.trim().is_empty() {
                    self.line(line);
                }
            }
            self.trim_end();
        } else {
            self.0.push(format!("{indent}{fence}{}", code.info));
            self.0.extend(code.lines.iter().map(ToString::to_string));
        }
        self.0.push(format!("{indent}{fence}"));
    }

    /// Adds a line, but no second empty one in a row: what is hidden or dropped leaves those behind.
    fn line(&mut self, line: String) {
        let empty = |line: &String| line.trim().is_empty();
        if !(empty(&line) && self.0.last().is_some_and(empty)) {
            self.0.push(line);
        }
    }

    fn trim_end(&mut self) {
        while self.0.last().is_some_and(|line| line.trim().is_empty()) {
            self.0.pop();
        }
    }

    fn finish(mut self) -> String {
        self.trim_end();
        self.0.push(String::new());
        self.0.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page for these lines of documentation, without its note.
    fn page(docs: &[&str]) -> String {
        let source: String = docs.iter().map(|line| format!("//! {line}\n")).collect();
        let source = format!("{source}\n#![forbid(unsafe_code)]\n//! not a leading line\n");
        let page = from_source("steadfast-demo", &source).unwrap();
        let page = page.strip_prefix(NOTE).unwrap();
        page.strip_prefix('\n').unwrap().to_owned()
    }

    #[test]
    fn a_page_has_the_package_as_its_title_and_ends_with_the_leading_docs() {
        assert_eq!(page(&["Demo."]), "# steadfast-demo\n\nDemo.\n");
    }

    #[test]
    fn a_title_of_its_own_is_kept() {
        let page = page(&["# Demo, the crate", "", "Text."]);
        assert_eq!(page, "# Demo, the crate\n\nText.\n");
    }

    #[test]
    fn headings_go_below_the_title() {
        let lowered = page(&[
            "Demo.", "", "# Errors", "## When", "#hash", "```sh", "# sh", "```",
        ]);
        let expected =
            "# steadfast-demo\n\nDemo.\n\n## Errors\n### When\n#hash\n```sh\n# sh\n```\n";
        assert_eq!(lowered, expected);
        let kept = page(&["# Demo", "", "## Errors"]);
        assert_eq!(kept, "# Demo\n\n## Errors\n");
    }

    #[test]
    fn hidden_lines_of_an_example_are_left_out() {
        let page = page(&[
            "```rust,no_run",
            "# use demo::Demo;",
            "#",
            "",
            "#[derive(Debug)]",
            "struct A; // # not hidden",
            "",
            "# hidden();",
            "",
            "## shown",
            "let c = [Demo](crate::Demo);",
            "",
            "# Ok(()) }",
            "```",
        ]);
        let code = "#[derive(Debug)]\nstruct A; // # not hidden\n\n# shown\nlet c = [Demo](crate::Demo);\n";
        assert_eq!(page, format!("# steadfast-demo\n\n```rust\n{code}```\n"));
    }

    #[test]
    fn only_what_rustdoc_compiles_becomes_rust() {
        let opened = |info: &str| page(&[&format!("```{info}"), "x", "```"]);
        for info in [
            "",
            "rust",
            "no_run",
            "rust,ignore",
            "compile_fail,E0277",
            "should_panic",
            "edition2024",
        ] {
            assert!(opened(info).contains("\n```rust\n"), "{info}");
        }
        for info in ["text", "sh", "toml", "console", "ignored", "mermaid"] {
            assert!(opened(info).contains(&format!("\n```{info}\n")), "{info}");
        }
    }

    #[test]
    fn other_code_is_left_as_it_stands() {
        let lines = [
            "1. list",
            "",
            "   ~~~text",
            "   # a [`B`]",
            "",
            "",
            "   ```",
            "   ~~~",
        ];
        let expected = lines.join("\n");
        assert_eq!(page(&lines), format!("# steadfast-demo\n\n{expected}\n"));
    }

    #[test]
    fn a_source_without_documentation_has_no_page() {
        assert_eq!(from_source("demo", "#![no_std]\nfn f() {}\n"), None);
    }

    #[test]
    fn dropped_definitions_leave_no_gap() {
        let page = page(&["See [`A`].", "", "[`A`]: crate::A", "", "End."]);
        assert_eq!(page, "# steadfast-demo\n\nSee `A`.\n\nEnd.\n");
    }
}

//! Writes every README.md from the documentation of its crate, so that both say the same and the examples are tested.

mod links;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::workspace::{Workspace, read};

/// The crate whose page is also the front page of the repository.
const FRONT: &str = "steadfast";

const REPEAT: &str = "cargo xtask readme --check";

/// Writes the pages that are not as they should be.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Error> {
    for (path, page) in pages(workspace)? {
        if current(&path)? != page {
            fs::write(&path, page).map_err(|error| Error::io(&path, error))?;
            println!("wrote {}", shown(workspace, &path));
        }
    }
    Ok(())
}

/// Compares the pages with what [`write()`] would write.
///
/// # Errors
///
/// [`Error::Check`] when a page differs; the first difference of each is printed.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    let mut stale = Vec::new();
    for (path, page) in pages(workspace)? {
        if let Some(difference) = difference(&current(&path)?, &page) {
            let path = shown(workspace, &path);
            eprintln!("{path}:{difference}");
            stale.push(path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let stale = stale.join(", ");
    Err(Error::Check {
        found: format!("{stale}: not what src/lib.rs says; run `cargo xtask readme`"),
        repeat: REPEAT,
    })
}

/// Every generated page: where it belongs and what it has to say.
fn pages(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut pages = Vec::new();
    for package in &workspace.packages {
        let source = package.dir.join("src/lib.rs");
        let page = page::from_source(&package.name, &read(&source)?);
        let page = page.ok_or_else(|| Error::Check {
            found: format!("{} does not begin with `//!`", shown(workspace, &source)),
            repeat: REPEAT,
        })?;
        if package.name == FRONT {
            pages.push((workspace.root.join("README.md"), page.clone()));
        }
        pages.push((package.dir.join("README.md"), page));
    }
    Ok(pages)
}

/// The page as it is; one that is missing is empty.
fn current(path: &Path) -> Result<String, Error> {
    if path.exists() {
        read(path)
    } else {
        Ok(String::new())
    }
}

fn shown(workspace: &Workspace, path: &Path) -> String {
    let path = path.strip_prefix(&workspace.root).unwrap_or(path);
    path.display().to_string()
}

/// The first line in which two texts differ, in both versions.
fn difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let mut old = old.split('\n');
    let mut new = new.split('\n');
    let mut number = 0;
    loop {
        number += 1;
        let (old, new) = (old.next(), new.next());
        if old != new {
            let line = |line: Option<&str>| line.map_or("(ends)".to_owned(), |l| format!("`{l}`"));
            return Some(format!(
                "{number}:\n  is        {}\n  should be {}",
                line(old),
                line(new)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pages_have_no_difference() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn the_first_difference_is_shown_in_both_versions() {
        let shown = difference("a\nb\nc\n", "a\nB\nC\n");
        assert_eq!(
            shown.as_deref(),
            Some("2:\n  is        `b`\n  should be `B`")
        );
    }

    #[test]
    fn a_page_that_is_missing_or_too_long_differs_where_it_ends() {
        let shown = difference("", "a\n").unwrap();
        assert_eq!(shown, "1:\n  is        ``\n  should be `a`");
        let shown = difference("a\nb\n", "a\n").unwrap();
        assert_eq!(shown, "2:\n  is        `b`\n  should be ``");
        let shown = difference("a", "a\n").unwrap();
        assert_eq!(shown, "2:\n  is        (ends)\n  should be ``");
    }
}

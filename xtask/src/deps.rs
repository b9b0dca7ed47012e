//! Counts the crates that a policy used alone brings along, and refuses more than its budget.

use std::collections::BTreeSet;

use crate::command::Cargo;
use crate::error::Error;
use crate::workspace::Workspace;

/// Package, and the most crates that may be in its tree without features, itself included.
const BUDGETS: [(&str, usize); 6] = [
    ("steadfast-timeout", 8),
    ("steadfast-retry", 8),
    ("steadfast-circuit-breaker", 8),
    ("steadfast-bulkhead", 8),
    ("steadfast-rate-limit", 8),
    // With SHA-256 and what that is made of.
    ("steadfast-idempotency", 14),
];

/// Compares every budget with the tree that cargo resolves.
///
/// # Errors
///
/// [`Error::Check`] names the package, the budget and the crates that are there.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    for (package, budget) in BUDGETS {
        let tree = Cargo::new(&format!(
            "tree -p {package} --no-default-features -e normal,build --prefix none"
        ));
        let tree = tree.output(&workspace.root)?;
        let crates = crates(&tree);
        let count = crates.len();
        let list = crates.into_iter().collect::<Vec<_>>().join(", ");
        println!("{package}: {count} crates of at most {budget}: {list}");
        if count > budget {
            return Err(Error::Check {
                found: format!("{package} brings {count} crates, and may bring {budget}: {list}"),
                repeat: "cargo xtask deps",
            });
        }
    }
    Ok(())
}

/// The distinct `name version` of a tree that is printed without its branches.
fn crates(tree: &str) -> BTreeSet<String> {
    let lines = tree.lines().filter(|line| !line.is_empty());
    // The rest of a line is a path, or `(*)` for a crate that was listed before.
    lines
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_counted_once_and_two_versions_twice() {
        let tree = "a v0.1.0 (/somewhere/a)\nb v1.2.0\nc v1.0.0\nb v1.2.0 (*)\nb v2.0.0\n";
        let crates = crates(tree);
        assert_eq!(
            crates.into_iter().collect::<Vec<_>>(),
            ["a v0.1.0", "b v1.2.0", "b v2.0.0", "c v1.0.0"]
        );
    }
}

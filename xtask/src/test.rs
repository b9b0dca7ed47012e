//! Runs the tests.

use crate::command::Cargo;
use crate::error::Error;
use crate::workspace::Workspace;

/// Runs every test of the workspace with every feature: unit tests, integration tests and doctests. The examples are
/// built beside them.
///
/// Nothing outside the repository is needed.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    // Not nextest: a fresh toolchain does not have it, and it runs no doctests.
    Cargo::new("test --workspace --all-features --no-fail-fast").run(&workspace.root)
}

/// Runs each published crate's own tests without its features.
///
/// A build of the whole workspace hides what a crate does when a feature is absent: the misuse that must not compile,
/// the item that must not exist. Documentation may show any feature, so doctests are left to [`run`].
pub(crate) fn run_without_features(workspace: &Workspace) -> Result<(), Error> {
    for package in &workspace.packages {
        let name = &package.name;
        Cargo::new(&format!(
            "test -p {name} --lib --tests --no-default-features --no-fail-fast"
        ))
        .run(&workspace.root)?;
    }
    Ok(())
}

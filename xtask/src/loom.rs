//! Runs the loom models: every interleaving of the threads in them, up to loom's bounds.

use crate::command::Cargo;
use crate::error::Error;
use crate::workspace::Workspace;

/// Runs `tests/loom.rs` of each published crate that has one.
///
/// # Errors
///
/// [`Error::Command`] for a model that fails, [`Error::Check`] when there is no model at all: then nothing was checked.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    let mut models = 0;
    for package in &workspace.packages {
        if package.dir.join("tests/loom.rs").is_file() {
            models += 1;
            model(&package.name).run(&workspace.root)?;
        }
    }
    if models == 0 {
        return Err(Error::Check {
            found: "no crate has a tests/loom.rs, so no interleaving was checked".to_owned(),
            repeat: "cargo xtask loom",
        });
    }
    Ok(())
}

fn model(package: &str) -> Cargo {
    // Optimised, because a model runs its body once for each interleaving. A folder of its own, because the flag
    // changes every crate in the tree. Not `--cfg loom`: tokio answers to that one.
    Cargo::new(&format!(
        "test -p {package} --test loom --release --target-dir target/loom"
    ))
    .flags("RUSTFLAGS", "--cfg steadfast_loom")
}

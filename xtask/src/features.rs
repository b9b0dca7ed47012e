//! Lints each published crate by itself, feature by feature: what builds only because a neighbour in the workspace
//! turned something on is broken for whoever depends on that crate alone.

use crate::command::Cargo;
use crate::error::Error;
use crate::workspace::{Package, Workspace};

/// Lints every published crate with no feature, with each feature alone, and with all of them.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    for package in &workspace.packages {
        for cargo in sets(package) {
            cargo.run(&workspace.root)?;
        }
    }
    Ok(())
}

/// Lints every published crate with no feature.
pub(crate) fn check_without(workspace: &Workspace) -> Result<(), Error> {
    for package in &workspace.packages {
        lint(&package.name, "").run(&workspace.root)?;
    }
    Ok(())
}

fn sets(package: &Package) -> Vec<Cargo> {
    let name = &package.name;
    let each = package.features.iter();
    let each = each.map(|feature| lint(name, &format!(" --features {feature}")));
    let mut sets = vec![lint(name, "")];
    sets.extend(each);
    sets.push(Cargo::new(&format!(
        "clippy -p {name} --all-features -- -D warnings"
    )));
    sets
}

/// Clippy, not check: it is the one that can deny warnings without rebuilding the dependencies.
fn lint(package: &str, features: &str) -> Cargo {
    Cargo::new(&format!(
        "clippy -p {package} --no-default-features{features} -- -D warnings"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_feature_each_feature_and_all_features() {
        let package = Package {
            name: "steadfast-demo".to_owned(),
            dir: "crates/demo".into(),
            features: vec!["tokio".to_owned(), "smol".to_owned()],
        };
        let lines: Vec<String> = sets(&package).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "cargo clippy -p steadfast-demo --no-default-features -- -D warnings",
                "cargo clippy -p steadfast-demo --no-default-features --features tokio -- -D warnings",
                "cargo clippy -p steadfast-demo --no-default-features --features smol -- -D warnings",
                "cargo clippy -p steadfast-demo --all-features -- -D warnings",
            ]
        );
    }
}

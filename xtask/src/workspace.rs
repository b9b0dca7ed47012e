//! Finds the repository and the packages that it publishes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::manifest::Manifest;

/// The repository that this program was built in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// The published packages under `crates/`, in the order of their folders.
    pub(crate) packages: Vec<Package>,
}

/// A published package.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) features: Vec<String>,
}

impl Workspace {
    /// # Errors
    ///
    /// [`Error::Io`] when a folder or a manifest cannot be read, [`Error::Check`] when a manifest is not understood.
    pub(crate) fn load() -> Result<Self, Error> {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = xtask.parent().unwrap_or(xtask).to_path_buf();
        let crates = root.join("crates");
        let mut dirs = Vec::new();
        for entry in fs::read_dir(&crates).map_err(|error| Error::io(&crates, error))? {
            dirs.push(entry.map_err(|error| Error::io(&crates, error))?.path());
        }
        dirs.sort();

        let mut packages = Vec::new();
        for dir in dirs {
            let path = dir.join("Cargo.toml");
            if !path.is_file() {
                continue;
            }
            let manifest = Manifest::parse(&read(&path)?).map_err(|clause| Error::Check {
                found: format!("{}: {clause}", path.display()),
                repeat: "cargo xtask features",
            })?;
            if manifest.published {
                packages.push(Package {
                    name: manifest.name,
                    dir,
                    features: manifest.features,
                });
            }
        }
        Ok(Self { root, packages })
    }
}

/// Reads a file, and names it when that fails.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::io(path, error))
}

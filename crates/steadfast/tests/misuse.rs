//! Misuse does not compile, and the compiler says why in words that help.
//!
//! Each program in `tests/ui` begins with the phrases it expects, `//~ phrase`. Only our own phrases
//! are compared, as the rest of a message changes from one compiler to the next.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A package of its own, with each program as a binary.
fn project(programs: &[PathBuf]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misuse");
    fs::create_dir_all(dir.join("src")).unwrap();
    let mut manifest = format!(
        "[package]\nname = \"misuse\"\nedition = \"2024\"\npublish = false\n[workspace]\n\
         [features]\ntokio = [\"steadfast/tokio\"]\n\
         [dependencies]\nsteadfast = {{ path = {here:?}, features = [\"thread\"] }}\n"
    );
    for program in programs {
        let name = program.file_stem().unwrap().to_str().unwrap();
        manifest += &format!("[[bin]]\nname = {name:?}\npath = {program:?}\n");
    }
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::copy(here.join("../../Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    dir
}

#[test]
fn misuse_has_readable_compile_errors() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut programs: Vec<PathBuf> = fs::read_dir(ui)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    programs.sort();
    assert!(programs.len() >= 6, "the programs are there");
    let dir = project(&programs);
    let mut wrong = Vec::new();
    for program in &programs {
        let name = program.file_stem().unwrap().to_str().unwrap();
        let source = fs::read_to_string(program).unwrap();
        let mut check = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
        check
            .current_dir(&dir)
            .env("CARGO_TARGET_DIR", dir.join("target"))
            .env_remove("RUSTFLAGS")
            .env("CARGO_TERM_COLOR", "never")
            .args(["check", "--quiet", "--bin", name]);
        if source.contains("//~feature tokio") {
            check.args(["--features", "tokio"]);
        }
        let output = check.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let phrases: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("//~ "))
            .collect();
        assert!(!phrases.is_empty(), "{name} says what it expects");
        if output.status.success() {
            wrong.push(format!("{name} compiles"));
        }
        for phrase in phrases {
            if !stderr.contains(phrase) {
                wrong.push(format!("{name}: no {phrase:?} in\n{stderr}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

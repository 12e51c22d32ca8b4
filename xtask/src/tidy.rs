//! `tidy`: the rules of CONTRIBUTING.md that a machine can check.
//!
//! `directions` reads `cargo metadata` and knows which crate may use which; `files` reads every file
//! that git tracks or would add and knows sizes, names and leftovers; `references` checks that the
//! tests a document names exist. All are functions from text to findings, tested on small texts;
//! this module only feeds them. Style that rustfmt and clippy already check is not repeated here.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

mod allow;
mod directions;
mod files;
mod references;
mod text;

/// Where the exceptions are listed, each with its reason.
const ALLOW_FILE: &str = "xtask/tidy.allow";

/// One broken rule: where, and why it is a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    reason: String,
}

impl Finding {
    fn new(path: &str, line: usize, reason: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.reason)
    }
}

/// Checks the whole checkout.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut findings = Vec::new();

    let metadata = capture(
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--no-deps",
                "--locked",
                "--offline",
            ])
            .current_dir(root),
    )?;
    let metadata = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let packages = directions::packages(&metadata)?;
    findings.extend(directions::check(&packages));
    for package in &packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let text = read(root, &manifest)?;
        findings.extend(directions::check_manifest(&manifest, &text));
        if directions::is_pure(&package.name) {
            let library = format!("{}/src/lib.rs", package.folder);
            findings.extend(directions::check_pure_library(
                &library,
                &read(root, &library)?,
            ));
        }
    }

    let (allowed, faults) = allow::parse(ALLOW_FILE, &read(root, ALLOW_FILE)?);
    findings.extend(faults);
    let paths = paths(root)?;
    findings.extend(files::check_names(&paths));
    let mut large = Vec::new();
    for path in &paths {
        let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        let found = files::check_file(path, &bytes, &allowed);
        if found.large {
            large.push(path.as_str());
        }
        findings.extend(found.findings);
    }
    findings.extend(allow::check_stale(ALLOW_FILE, &allowed, &large));

    for reference in references::find(&read(root, references::DOCUMENT)?) {
        let source = fs::read_to_string(root.join(reference.file)).ok();
        findings.extend(references::check(&reference, source.as_deref()));
    }

    findings.sort();
    if findings.is_empty() {
        println!(
            "tidy: {} files and {} crates are in order",
            paths.len(),
            packages.len()
        );
        return Ok(());
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    bail!("tidy found {} faults", findings.len())
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// Files that git tracks or would add, that exist. Symbolic links and folders are left out.
fn paths(root: &Path) -> Result<Vec<String>> {
    let listing = capture(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root),
    )?;
    let mut paths: Vec<String> = listing
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter(|path| {
            root.join(path)
                .symlink_metadata()
                .is_ok_and(|found| found.is_file())
        })
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    ensure!(
        !paths.is_empty(),
        "git lists no files; tidy needs a git checkout"
    );
    Ok(paths)
}

/// Runs a command and returns what it wrote to stdout.
fn capture(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed: {}", message.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{program} wrote invalid UTF-8"))
}

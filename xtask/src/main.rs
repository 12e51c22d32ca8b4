//! Build tasks of the workspace: contract artifacts, the WebAssembly build, and tidy.
//!
//! Run by the Makefile as `cargo run -p xtask -- TASK`. Every task works from the root of the
//! workspace whatever the current folder is, prints what it wrote, and exits 1 with each failure
//! named. Nothing here is part of the shipped program.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

mod artifacts;
mod tidy;
mod wasm;

const USAGE: &str = "\
Build tasks of Carechain.

Usage: cargo run -p xtask -- TASK

Tasks:
  artifacts [--check]     compile the contracts and write contracts/artifacts/*.json;
                          --check writes nothing and fails if a committed file differs
  wasm [--release] [--target web|nodejs]
                          build wasm/* into target/wasm/TARGET (needs --features wasm)
  tidy                    check dependency directions, file sizes, names and leftovers";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    let root = root();
    match args {
        ["artifacts"] => artifacts::run(&root, artifacts::Mode::Write),
        ["artifacts", "--check"] => artifacts::run(&root, artifacts::Mode::Check),
        ["wasm", options @ ..] => wasm::run(&root, &wasm::Options::parse(options)?),
        ["tidy"] => tidy::run(&root),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => bail!("no task given\n\n{USAGE}"),
        _ => bail!("unknown task or option: {}\n\n{USAGE}", args.join(" ")),
    }
}

/// The root of the workspace: the folder above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
        .to_path_buf()
}

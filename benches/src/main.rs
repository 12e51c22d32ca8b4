//! Measures Carechain as people meet it: the program as it ships, in a process of its own, asked over loopback.
//!
//! `carechain-benches WORKLOAD [PROGRAM]` prints one JSON object a line; `all` runs every workload but `import-all`,
//! which is a check of the sample data that takes minutes. docs/benchmarks.md says what each figure means.

#![allow(clippy::unwrap_used, reason = "a measurement that meets a fault ends")]

mod confirm;
mod import;
mod measure;
mod node;
mod retrieve;
mod samples;

use std::path::PathBuf;

use anyhow::{Result, bail};

/// What can be measured.
const WORKLOADS: &str = "import, confirm, retrieve, all, or import-all";

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let workload = arguments.next().unwrap_or_else(|| "all".into());
    let program = arguments
        .next()
        .map_or_else(|| PathBuf::from("target/release/carechain"), PathBuf::from);
    if !program.is_file() {
        bail!(
            "there is no program at {}; run make build",
            program.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match workload.to_str() {
            Some("import") => import::run(&program).await,
            Some("confirm") => confirm::run(&program).await,
            Some("retrieve") => retrieve::run(&program).await,
            Some("import-all") => samples::run(&program).await,
            Some("all") => {
                confirm::run(&program).await?;
                retrieve::run(&program).await?;
                import::run(&program).await
            }
            _ => bail!("expected {WORKLOADS}"),
        }
    })
}

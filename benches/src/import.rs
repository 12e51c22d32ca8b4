//! Importing a generated chart by the program, and opening it cold on a machine that holds only the keys.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use carechain_client::{ChartQuery, Device, RowState};
use carechain_fhir::{GenerateOptions, Story, generate};
use carechain_testkit::{PASSWORD, Somebody, Surroundings};
use serde_json::{Value, json};

use crate::measure::{Times, millis, print};
use crate::node::Node;

/// Resources of the chart.
const RESOURCES: usize = 5_000;
/// Cold openings.
const OPENINGS: usize = 7;
/// Seed of the chart.
const SEED: u64 = 1;

pub(crate) async fn run(program: &Path) -> Result<()> {
    let node = Node::start(program).await;
    let patient = node.patient().await;
    let file = chart(node.dir.path())?;
    let resources = import(program, &node, &patient, &file)?;
    open(&node, &patient, resources).await
}

fn chart(dir: &Path) -> Result<PathBuf> {
    let options = GenerateOptions {
        resources_target: RESOURCES,
        as_of_date: "2026-06-01".to_owned(),
        story: Some(Story::Diabetes),
    };
    let file = dir.join("chart.json");
    std::fs::write(&file, generate(SEED, &options)?.bundle_json)?;
    Ok(file)
}

/// `carechain import`, from its start to its end: password, sealing, outbox, upload, vault, chain.
fn import(program: &Path, node: &Node, patient: &Somebody, file: &Path) -> Result<u64> {
    let keyset = node.dir.path().join("patient.keyset");
    std::fs::write(&keyset, &patient.keyset)?;
    let mut command = Command::new(program);
    command
        .args(["--json", "import"])
        .arg(file)
        .args(["--node", node.url(), "--keyset"])
        .arg(&keyset);
    let start = Instant::now();
    let output = command.env("CARECHAIN_PASSWORD", PASSWORD).output()?;
    let took = start.elapsed();
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let report: Value = serde_json::from_str(text.lines().last().context("it prints a report")?)?;
    let stored = report["stored"]
        .as_u64()
        .context("it says what was stored")?;
    ensure!(stored >= RESOURCES as u64, "it stored {stored}");
    let rate = stored as f64 / took.as_secs_f64();
    print(
        "import-durable",
        json!({ "resources": stored, "seconds": millis(took) / 1e3, "per_second": rate.round() }),
    );
    Ok(stored)
}

/// Fetches, decrypts and checks the whole chart against the chain, with nothing kept from before.
async fn open(node: &Node, patient: &Somebody, resources: u64) -> Result<()> {
    let (mut opening, mut verifying) = (Times::default(), Times::default());
    for _ in 0..OPENINGS {
        let machine = Surroundings::new(node.url());
        let chart = opening
            .time(async {
                let device = Device::open(machine, &patient.keyset, PASSWORD).await?;
                let query = ChartQuery {
                    contents: true,
                    ..ChartQuery::default()
                };
                device.chart(patient.subject, &query).await
            })
            .await?;
        let open = chart
            .rows
            .iter()
            .filter(|r| r.state == RowState::Open && r.content.is_some())
            .count();
        ensure!(
            open as u64 == resources,
            "{open} of {resources} records opened"
        );
        let device = patient.device_on(Surroundings::new(node.url())).await;
        let found = verifying.time(device.verify(patient.subject, None)).await?;
        ensure!(
            found.is_clean() && found.good == resources,
            "{:?}",
            found.faults
        );
    }
    for (bench, times) in [("open-cold", &mut opening), ("verify-all", &mut verifying)] {
        let mut line = times.summary();
        line["records"] = json!(resources);
        print(bench, line);
    }
    Ok(())
}

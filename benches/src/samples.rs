//! Every bundle of the sample data that has a patient, each into a chart of its own person, by the program.
//!
//! Stored, anchored, read back byte for byte, list proven complete; importing again changes nothing. Anything else
//! ends it with an error. Prints one JSON line with counts and rates.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use carechain_client::{ChartQuery, Device};
use carechain_fhir::{Document, read_document};
use carechain_testkit::Surroundings;
use serde_json::{Value, json};

use crate::measure::{millis, print};
use crate::node::Node;

/// Folders of sample bundles.
const FOLDERS: [&str; 2] = ["fhir/synthea-r4-2019", "fhir/synthea-r4-blaze"];
/// Password of every keyset made here.
const PASSWORD: &str = "only for sample data";

/// What one person came to.
struct Outcome {
    entries: u64,
    first: Duration,
    again: Duration,
}

pub(crate) async fn run(program: &Path) -> Result<()> {
    let root = std::env::var_os("CARECHAIN_SAMPLES")
        .map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    if !root.is_dir() {
        print(
            "import-all",
            json!({ "absent": "set CARECHAIN_SAMPLES to the folder of sample data" }),
        );
        return Ok(());
    }
    let node = Node::start(program).await;
    let (mut people, mut entries) = (0, 0);
    let (mut first, mut again) = (Duration::ZERO, Duration::ZERO);
    for path in bundles(&root)? {
        let bytes = unzip(&path)?;
        let Some(slices) = patient_entries(&bytes)? else {
            continue;
        };
        let keyset = node.dir.path().join(format!("{people}.keyset"));
        let outcome = person(program, node.url(), &keyset, &path, slices).await;
        let outcome = outcome.with_context(|| path.display().to_string())?;
        people += 1;
        entries += outcome.entries;
        first += outcome.first;
        again += outcome.again;
        eprintln!(
            "{people}: {} entries in {:.1} s, {}",
            outcome.entries,
            outcome.first.as_secs_f64(),
            path.display()
        );
    }
    print(
        "import-all",
        json!({
            "people": people,
            "entries": entries,
            "stored": entries,
            "read_back_byte_for_byte": entries,
            "unchanged_when_imported_again": entries,
            "lists_complete": people,
            "import_seconds": millis(first) / 1e3,
            "per_second": (f64::from(u32::try_from(entries)?) / first.as_secs_f64()).round(),
            "import_again_seconds": millis(again) / 1e3,
        }),
    );
    Ok(())
}

fn bundles(root: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(root.join(folder)).with_context(|| folder.to_owned())? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".json.gz") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn unzip(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The exact source slice of every entry, sorted; none for a bundle without a patient.
fn patient_entries(bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>> {
    let Document::Bundle(bundle) = read_document(bytes)? else {
        bail!("it is no Bundle")
    };
    let resources: Vec<_> = bundle
        .entries()
        .iter()
        .filter_map(|entry| entry.resource.as_ref())
        .collect();
    if !resources
        .iter()
        .any(|resource| resource.resource_type() == "Patient")
    {
        return Ok(None);
    }
    let mut slices: Vec<Vec<u8>> = resources
        .iter()
        .map(|resource| resource.bytes().to_vec())
        .collect();
    slices.sort();
    Ok(Some(slices))
}

/// The program, as one person uses it.
struct Program<'a> {
    path: &'a Path,
    node: &'a str,
    keyset: &'a Path,
}

impl Program<'_> {
    /// Runs a command; gives the last JSON line that it printed.
    fn run(&self, arguments: &[&str], file: Option<&Path>) -> Result<Value> {
        let mut command = Command::new(self.path);
        command
            .args(arguments)
            .args(file)
            .args(["--json", "--node", self.node, "--keyset"])
            .arg(self.keyset);
        let output = command.env("CARECHAIN_PASSWORD", PASSWORD).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "carechain {} failed: {said}",
            arguments.join(" ")
        );
        let text = String::from_utf8(output.stdout)?;
        Ok(text
            .lines()
            .last()
            .map(serde_json::from_str)
            .transpose()?
            .unwrap_or_default())
    }

    /// Imports a file; gives how long it took.
    fn import(&self, file: &Path, field: &str, entries: u64) -> Result<Duration> {
        let start = Instant::now();
        let report = self.run(&["import"], Some(file))?;
        let took = start.elapsed();
        ensure!(
            report["resources"] == entries && report[field] == entries,
            "expected {entries} {field}: {report}"
        );
        Ok(took)
    }
}

async fn person(
    program: &Path,
    node: &str,
    keyset: &Path,
    file: &Path,
    slices: Vec<Vec<u8>>,
) -> Result<Outcome> {
    let program = Program {
        path: program,
        node,
        keyset,
    };
    program.run(&["keys", "create"], None)?;
    program.run(&["register", "patient"], None)?;
    let entries = slices.len() as u64;
    let first = program.import(file, "stored", entries)?;
    let again = program.import(file, "unchanged", entries)?;
    program.run(&["verify", "--all"], None)?;

    let device = Device::open(Surroundings::new(node), &std::fs::read(keyset)?, PASSWORD).await?;
    let query = ChartQuery {
        contents: true,
        ..ChartQuery::default()
    };
    let chart = device.chart(device.subject(), &query).await?;
    let mut read = Vec::with_capacity(slices.len());
    for row in chart.rows {
        read.push(match row.content {
            Some(content) => content,
            // Too large to come with the list.
            None => device.get(device.subject(), row.record).await?.bytes,
        });
    }
    read.sort();
    ensure!(
        read == slices,
        "what was read back is not what was imported"
    );
    Ok(Outcome {
        entries,
        first,
        again,
    })
}

//! kill -9 of the node during imports, twenty times, at bytes drawn from a seeded generator.

use std::path::Path;
use std::process::Command;

use carechain_api::{Sent, Uploaded};
use carechain_client::{ClientError, ImportOptions, ImportReport, PlatformError};
use carechain_fhir::{GenerateOptions, SyntheticPerson, generate};
use carechain_testkit::{Exchange, NodeProcess, PASSWORD, Somebody};

use super::passthrough::Passthrough;

/// How often the node is killed.
const KILLS: u64 = 20;
/// Resources of each document: four batches.
const RESOURCES: usize = 450;
/// Seed of the moments.
const SEED: u64 = 0x5eed;

/// SplitMix64.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

fn document(seed: u64) -> SyntheticPerson {
    let as_of_date = "2026-06-01".to_owned();
    generate(
        seed,
        &GenerateOptions {
            resources_target: RESOURCES,
            as_of_date,
            story: None,
        },
    )
    .unwrap()
}

/// A node on `data` behind the pass-through, to be killed after `bytes`.
fn start(dir: &Path, through: &Passthrough, bytes: u64) {
    let program = Path::new(env!("CARGO_BIN_EXE_carechain"));
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = probe.local_addr().unwrap();
    drop(probe);
    let origin = through.origin();
    let arguments = ["--listen", &listen.to_string(), "--public-url", &origin];
    let node = NodeProcess::start(program, &dir.join("node"), &arguments, &dir.join("log"));
    through.put(node, listen, bytes);
}

async fn import(patient: &Somebody, person: &SyntheticPerson) -> Result<ImportReport, ClientError> {
    let device = patient.device_on(patient.machine.clone()).await;
    let options = ImportOptions {
        other_person: true,
        ..ImportOptions::default()
    };
    let mut importer = device.importer(patient.subject, options).await?;
    importer.document("chart.json", &person.bundle_json).await?;
    importer.finish().await
}

/// Everything that the node acknowledged.
#[derive(Default)]
struct Acknowledged {
    transactions: Vec<Sent>,
    cids: Vec<String>,
}

impl Acknowledged {
    fn take(&mut self, heard: Vec<Exchange>) {
        for Exchange { request, answer } in heard.into_iter().filter(|e| e.answer.status == 200) {
            match request.path.as_str() {
                "/v1/chain/send" => self
                    .transactions
                    .push(serde_json::from_slice(&answer.body).unwrap()),
                "/v1/blobs" => {
                    let uploaded: Uploaded = serde_json::from_slice(&answer.body).unwrap();
                    self.cids.extend(uploaded.cids);
                }
                _ => {}
            }
        }
    }

    /// Asks the node for all of it; what was found need not be looked for again.
    async fn check(&mut self, url: &str, cookie: &str) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for sent in self.transactions.drain(..) {
            let url = format!("{url}/v1/chain/receipt/{:#x}", sent.transaction);
            let found: Sent = http.get(url).send().await.unwrap().json().await.unwrap();
            assert_eq!(found.block_hash, sent.block_hash);
        }
        for cid in self.cids.drain(..) {
            let url = format!("{url}/v1/blobs/{cid}");
            let found = http.get(url).header("cookie", cookie).send().await.unwrap();
            assert_eq!(found.status(), 200, "{cid} was acknowledged");
        }
    }
}

/// The session cookie of the last request that carried one.
fn cookie(heard: &[Exchange]) -> String {
    let mut cookies = heard
        .iter()
        .flat_map(|e| &e.request.headers)
        .filter(|(name, _)| name == "cookie");
    cookies.next_back().unwrap().1.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_during_imports_lose_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let through = Passthrough::listen().await;
    start(dir.path(), &through, u64::MAX);
    let patient = Somebody::patient(&through.url()).await;
    patient.machine.listen();

    // One whole import tells how many bytes go up for a byte of a document.
    let whole = document(KILLS);
    let before = through.passed();
    let mut stored = import(&patient, &whole).await.unwrap().stored;
    drop(patient.machine.heard());
    let bytes_up = through.passed() - before;
    let (mut state, mut acknowledged) = (SEED, Acknowledged::default());
    let (mut uploads, mut transactions) = (0, 0);
    for kill in 0..KILLS {
        let person = document(kill);
        // Of an import of this size, any moment in its first nine tenths.
        let expected = bytes_up * person.bundle_json.len() as u64 / whole.bundle_json.len() as u64;
        through.kill_after(draw(&mut state, expected * 9 / 10));
        let error = import(&patient, &person).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Platform(PlatformError::Network(_))),
            "{error}"
        );
        assert!(through.has_killed());
        acknowledged.take(patient.machine.heard());
        uploads += acknowledged.cids.len();
        transactions += acknowledged.transactions.len();

        start(dir.path(), &through, u64::MAX);
        let device = patient.device_on(patient.machine.clone()).await;
        let found = device.verify(patient.subject, None).await.unwrap();
        assert!(found.is_clean(), "after kill {kill}: {:?}", found.faults);
        assert_eq!(found.good, found.versions);
        assert!(found.versions >= stored);
        device.resume().await.unwrap();
        stored = device.verify(patient.subject, None).await.unwrap().good;
        let heard = patient.machine.heard();
        let cookie = cookie(&heard);
        acknowledged.take(heard);
        acknowledged.check(&through.url(), &cookie).await;
    }

    println!(
        "{KILLS} kills after {uploads} uploads and {transactions} transactions acknowledged by nodes that died"
    );
    assert!(
        transactions > 0,
        "some kills came after acknowledged transactions of the same import"
    );

    // Whoever imports again has everything, once.
    let mut resources = 0;
    for kill in 0..=KILLS {
        let report = import(&patient, &document(kill)).await.unwrap();
        assert_eq!(
            (report.stored + report.unchanged, report.rejected.len()),
            (report.resources, 0)
        );
        resources += report.resources;
    }
    verify_by_the_program(dir.path(), &patient, &through.url(), resources);
}

fn verify_by_the_program(dir: &Path, patient: &Somebody, url: &str, records: u64) {
    let keyset = dir.join("patient.keyset");
    std::fs::write(&keyset, &patient.keyset).unwrap();
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carechain"));
        command
            .args(arguments)
            .args(["--json", "--node", url, "--keyset"])
            .arg(&keyset);
        let output = command
            .env("CARECHAIN_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    program(&["verify", "--all"]);
    assert_eq!(program(&["records"]).lines().count() as u64, records);
}

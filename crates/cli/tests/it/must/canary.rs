//! A canary in a record, and a person's keys: the server never holds them.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carechain_crypto::{Lane, Statement};
use carechain_domain::{Category, LaneSet};
use carechain_testkit::{ByHand, NodeProcess, Somebody, claim_code, note};

use super::memory::{Needle, in_files, in_process};
use super::world::chart;

/// A string that is nowhere else.
const CANARY: &str = "canary-7f3a9c51d2e84b06-yellow";

/// The canary as it is, in hex, and in base64 at each of its three alignments.
fn canaries() -> Vec<Needle> {
    let mut needles = vec![
        Needle::new("the canary", CANARY),
        Needle::new("the canary in hex", hex::encode(CANARY)),
    ];
    for shift in 0..3 {
        let text = STANDARD.encode([&b"xxx"[..shift], CANARY.as_bytes()].concat());
        // Characters that the bytes before and after do not touch.
        needles.push(Needle::new("the canary in base64", &text.as_bytes()[4..36]));
    }
    needles
}

/// A patient's secrets.
fn secrets(patient: &Somebody) -> Vec<Needle> {
    let keys = patient.keys();
    let roots = &keys.secrets().roots;
    let lane_key = roots
        .current()
        .lane_key(&patient.subject.0, Lane::new(3).unwrap(), 0);
    vec![
        Needle::new(
            "the device's private key",
            keys.secrets().device.expose().as_slice(),
        ),
        Needle::new("the encryption root", roots.current().expose().as_slice()),
        Needle::new("a lane key", lane_key.expose().as_slice()),
        Needle::new("the words", patient.words.reveal().as_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_nowhere_on_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let (data, log) = (dir.path().join("node"), dir.path().join("log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_carechain"));
    command
        .args(["--json", "node", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .env("CARECHAIN_LOG", "debug");
    let node = NodeProcess::run(&mut command, &log);

    // Written, read by its owner and by a doctor, granted and revoked, moved to a second version.
    let url = node.url();
    let administrator = Somebody::administrator(url, &claim_code(&data)).await;
    let (patient, doctor) = (
        Somebody::patient(url).await,
        Somebody::doctor(url, "Dr Asha Rao", &administrator).await,
    );
    let record = patient.adds(patient.subject, &note("n1", CANARY)).await;
    let grant = patient
        .grants(doctor.subject, &[Category::Notes], &[])
        .await;
    for who in [&patient, &doctor] {
        let read = who
            .device()
            .await
            .get(patient.subject, record)
            .await
            .unwrap();
        assert!(String::from_utf8(read.bytes).unwrap().contains(CANARY));
        assert_eq!(chart(who, &patient).await.rows.len(), 1);
    }
    patient.device().await.revoke(grant).await.unwrap();
    patient
        .adds(patient.subject, &note("n1", &format!("{CANARY} again")))
        .await;

    let mut needles = canaries();
    needles.extend(secrets(&patient));
    assert_eq!(in_files(&data, &needles), [] as [&str; 0]);
    assert_eq!(in_process(node.pid(), &needles), [] as [&str; 0]);
    assert_eq!(in_log(&log, &needles), [] as [&str; 0]);

    // The same search finds what must be there: the ciphertext, by its CID and its bytes; the data folder's name.
    let released = ByHand::of(&patient, url)
        .release(patient.subject, LaneSet::ALL, &[])
        .await
        .unwrap();
    let (item, blob) = released.item(record, 1);
    let blob = blob.as_ref().unwrap();
    let in_data = [
        Needle::new("blob", &blob[..64]),
        Needle::new("CID", item.cid.as_ref().unwrap().as_bytes()),
    ];
    assert_eq!(in_files(&data, &in_data), ["CID", "blob"]);
    let in_memory = [
        Needle::new("folder", data.to_str().unwrap()),
        Needle::new("port", url.rsplit(':').next().unwrap()),
    ];
    assert_eq!(in_process(node.pid(), &in_memory), ["folder", "port"]);
    let hash = Statement::hash_content(blob);
    assert!(!in_files(&data, &[Needle::new("digest", hash.as_slice())]).is_empty());
}

fn in_log(log: &Path, needles: &[Needle]) -> Vec<&'static str> {
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.contains("DEBUG"), "the log is at debug level");
    in_files(log.parent().unwrap(), needles)
}

//! Retrieval: ciphertext by its CID, and a record with its key by a signed release, which leaves a durable receipt.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use carechain_client::NewRecord;
use carechain_domain::{Category, LaneSet, RecordId};
use carechain_testkit::{ByHand, Somebody};
use serde_json::json;

use crate::measure::{Times, print};
use crate::node::Node;

/// Requests before measuring begins.
const WARM_UP: usize = 20;
/// Requests measured.
const MEASURED: usize = 300;
/// Contents retrieved.
const SIZES: [(&str, usize); 2] = [("1-kib", 1 << 10), ("1-mib", 1 << 20)];

pub(crate) async fn run(program: &Path) -> Result<()> {
    let node = Node::start(program).await;
    let (patient, doctor) = (node.patient().await, node.doctor().await);
    patient
        .grants(doctor.subject, &[Category::Imaging], &[])
        .await;
    for (name, size) in SIZES {
        let record = attach(&patient, size).await?;
        blob(&node, &patient, record, name).await?;
        release(&node, &patient, &doctor, record, name).await?;
    }
    Ok(())
}

async fn attach(patient: &Somebody, size: usize) -> Result<RecordId> {
    let bytes: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
    let new = NewRecord {
        subject: patient.subject,
        media_type: "application/octet-stream",
        bytes: &bytes,
        category: Some(Category::Imaging),
        title: None,
        amends: None,
    };
    Ok(patient.device().await.add(&new).await?.record)
}

/// GET /v1/blobs/{cid} with a session.
async fn blob(node: &Node, patient: &Somebody, record: RecordId, name: &str) -> Result<()> {
    patient.machine.listen();
    let device = patient.device().await;
    device.get(patient.subject, record).await?;
    let heard = patient.machine.heard();
    let fetched = heard
        .iter()
        .rev()
        .find(|e| e.request.path.starts_with("/v1/blobs/"));
    let fetched = &fetched.context("the blob was fetched")?.request;
    let cookie = fetched
        .headers
        .iter()
        .find(|(name, _)| name == "cookie")
        .context("with a session")?
        .1
        .clone();
    let url = format!("{}{}", node.url(), fetched.path);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut times = Times::default();
    let mut size = 0;
    for n in 0..WARM_UP + MEASURED {
        if n == WARM_UP {
            times = Times::default();
        }
        let request = http.get(&url).header("cookie", &cookie);
        let bytes = times
            .time(async { request.send().await?.error_for_status()?.bytes().await })
            .await?;
        size = bytes.len();
    }
    let mut line = times.summary();
    line["ciphertext_bytes"] = json!(size);
    print(&format!("retrieve-blob-{name}"), line);
    Ok(())
}

/// POST /v1/releases by a doctor: signature, consent and receipt included.
async fn release(
    node: &Node,
    patient: &Somebody,
    doctor: &Somebody,
    record: RecordId,
    name: &str,
) -> Result<()> {
    let hand = ByHand::of(doctor, node.url());
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/releases", node.url());
    let mut times = Times::default();
    for n in 0..WARM_UP + MEASURED {
        let signed = hand
            .sign_release(patient.subject, LaneSet::EMPTY, &[(record, 1)])
            .await;
        let signed = signed.ok().context("the node tells its origin")?;
        if n == WARM_UP {
            times = Times::default();
        }
        let request = http.post(&url).json(&signed);
        let response = times
            .time(async {
                let response = request.send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.bytes().await?))
            })
            .await?;
        ensure!(
            response.0.is_success(),
            "refused: {}",
            String::from_utf8_lossy(&response.1)
        );
    }
    print(&format!("retrieve-release-{name}"), times.summary());
    Ok(())
}

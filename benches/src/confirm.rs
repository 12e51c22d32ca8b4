//! Confirmation: from sending a signed transaction to the answer that it is in a durable block, one at a time.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use alloy_primitives::{Address, B256, Bytes, TxKind, keccak256};
use alloy_sol_types::SolCall;
use anyhow::{Context, Result, ensure};
use carechain_bindings::records::{IRecords, anchorManyCall};
use carechain_crypto::SigningKey;
use carechain_testkit::{ByHand, now_secs, sign_transaction};
use serde_json::{Value, json};

use crate::measure::{Times, print};
use crate::node::Node;

/// Transactions before measuring begins.
const WARM_UP: usize = 100;
/// Transactions measured; with those before, less than one account may send in a minute.
const MEASURED: usize = 1_000;
/// A contract that stores its second word under its first and logs once. Its constructor returns
/// `sstore(calldata[0], calldata[32]); log1(0, 0, 1)`.
const STORING_CONTRACT: &str = "6e60203560003555600160006000a100600052600f6011f3";
/// Account 0 of anvil's published development words.
const ANVIL_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Anvil, as the tools of the contracts bring it.
const ANVIL: &str = "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";

pub(crate) async fn run(program: &Path) -> Result<()> {
    let node = Node::start(program).await;
    gateway(&node).await?;
    let rpc = node
        .process
        .ready()
        .chain_rpc
        .clone()
        .context("the node has a chain listener")?;
    let key = SigningKey::from_bytes(&[7; 32])?;
    chain(
        &rpc,
        node.process.ready().chain_id,
        &key,
        "chain-listener",
        "durable",
    )
    .await?;
    drop(node);
    anvil().await
}

/// One anchor a transaction through the gateway, answered once the index has followed.
async fn gateway(node: &Node) -> Result<()> {
    let patient = node.patient().await;
    let hand = ByHand::of(&patient, node.url());
    let to = patient.keys().header().chain.contracts.records;
    let first = hand.nonce().await.ok().context("the nonce is told")?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/chain/send", node.url());
    let mut times = Times::default();
    for n in 0..WARM_UP + MEASURED {
        let anchor = IRecords::Anchor {
            tag: keccak256(format!("tag {n}")),
            commitment: keccak256(format!("commitment {n}")),
            previous: B256::ZERO,
            version: 1,
            previousVersion: 0,
            lane: 0,
            epoch: 0,
            inboxOnly: false,
            amendsAuthor: B256::ZERO,
            amendsTag: B256::ZERO,
        };
        let call = anchorManyCall {
            subject: patient.subject.0,
            items: vec![anchor],
            deadline: now_secs() + 600,
        };
        let raw = hand.sign(first + n as u64, TxKind::Call(to), call.abi_encode());
        if n == WARM_UP {
            times = Times::default();
        }
        let body = json!({ "transaction": raw });
        let sent = times
            .time(async {
                http.post(&url)
                    .json(&body)
                    .send()
                    .await?
                    .json::<Value>()
                    .await
            })
            .await?;
        ensure!(sent["success"] == true, "the anchor was refused: {sent}");
    }
    print("confirm-gateway", times.summary());
    Ok(())
}

/// How one learns that a transaction is in a block.
#[derive(Clone, Copy)]
enum Learn {
    /// The answer to `eth_sendRawTransactionSync`.
    Sync,
    /// `eth_sendRawTransaction`, then asking for the receipt until it is there.
    Receipt,
}

/// JSON-RPC over one connection.
struct Rpc {
    http: reqwest::Client,
    url: String,
}

impl Rpc {
    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer: Value = self
            .http
            .post(&self.url)
            .json(&body)
            .send()
            .await?
            .json()
            .await?;
        ensure!(answer["error"].is_null(), "{method} was refused: {answer}");
        Ok(answer["result"].clone())
    }

    /// Sends a transaction; gives its receipt.
    async fn confirm(&self, raw: Bytes, learn: Learn) -> Result<Value> {
        let receipt = match learn {
            Learn::Sync => {
                self.call("eth_sendRawTransactionSync", json!([raw]))
                    .await?
            }
            Learn::Receipt => {
                let hash = self.call("eth_sendRawTransaction", json!([raw])).await?;
                loop {
                    let receipt = self
                        .call("eth_getTransactionReceipt", json!([hash]))
                        .await?;
                    if !receipt.is_null() {
                        break receipt;
                    }
                }
            }
        };
        ensure!(receipt["status"] == "0x1", "it reverted: {receipt}");
        Ok(receipt)
    }
}

/// One contract call a transaction over JSON-RPC, by either way to learn of it.
async fn chain(
    url: &str,
    chain_id: u64,
    key: &SigningKey,
    name: &str,
    durability: &str,
) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let rpc = Rpc {
        http,
        url: url.to_owned(),
    };
    let init = alloy_primitives::hex::decode(STORING_CONTRACT)?;
    let create = sign_transaction(key, chain_id, 0, TxKind::Create, init);
    let deployed = rpc.confirm(create, Learn::Sync).await?;
    let to: Address = deployed["contractAddress"]
        .as_str()
        .context("it was deployed")?
        .parse()?;
    let mut nonce = 0;
    for (learn, way) in [(Learn::Sync, "sync"), (Learn::Receipt, "receipt")] {
        let mut times = Times::default();
        for n in 0..WARM_UP + MEASURED {
            nonce += 1;
            let words = ["slot", "value"].map(|what| keccak256(format!("{what} {nonce}")).0);
            let raw = sign_transaction(key, chain_id, nonce, TxKind::Call(to), words.concat());
            if n == WARM_UP {
                times = Times::default();
            }
            times.time(rpc.confirm(raw, learn)).await?;
        }
        let mut line = times.summary();
        line["durability"] = json!(durability);
        print(&format!("confirm-{name}-{way}"), line);
    }
    Ok(())
}

/// The same against anvil, which keeps nothing on disk.
async fn anvil() -> Result<()> {
    if !Path::new(ANVIL).is_file() {
        print(
            "confirm-anvil",
            json!({ "absent": "run make test-contracts to install it" }),
        );
        return Ok(());
    }
    let anvil = Anvil::start().await?;
    let key = SigningKey::from_bytes(
        &alloy_primitives::hex::decode(ANVIL_KEY)?
            .as_slice()
            .try_into()?,
    )?;
    chain(&anvil.url, 31_337, &key, "anvil", "none").await
}

struct Anvil {
    child: Child,
    url: String,
}

impl Anvil {
    async fn start() -> Result<Anvil> {
        let probe = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = probe.local_addr()?.port();
        drop(probe);
        let mut child = Command::new(ANVIL)
            // Without its history it is at its fastest: else it copies the state for each block.
            .args(["--prune-history", "--base-fee", "0", "--gas-price", "0"])
            .args(["--port", &port.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stdout));
        let listening = lines.any(|line| line.is_ok_and(|text| text.contains("Listening on")));
        ensure!(listening, "anvil did not start");
        // What it prints afterwards has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Anvil {
            child,
            url: format!("http://127.0.0.1:{port}"),
        })
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

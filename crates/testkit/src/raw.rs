//! The gateway without the client: what somebody does who signs by hand, whether from curiosity or with stolen keys.
//!
//! The client refuses much before it asks; tests of what the node and the chain refuse must not go through it.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_sol_types::SolCall;
use carechain_api::frame::{self, FrameKind, FrameReader, MAX_PAYLOAD_BYTES};
use carechain_api::{
    ErrorBody, NodeInfo, Nonce, ReleaseHeader, ReleaseItem, ReleaseRequest, ReleaseStatement,
    SendRequest, Sent,
};
use carechain_bindings::records::{IRecords, anchorManyCall};
use carechain_crypto::{OpenKeyset, Release, SigningKey, release_root};
use carechain_domain::{LaneSet, Purpose, RecordId, SubjectId};
use serde::de::DeserializeOwned;

use crate::people::Somebody;
use crate::surroundings::now_secs;

/// Seconds that a release signed here holds.
const RELEASE_SECS: u64 = 30;
/// Gas of a transaction sent here.
const GAS: u64 = 2_000_000;

/// What a release brought: items with their blobs.
pub struct Released {
    /// First frame.
    pub header: ReleaseHeader,
    /// Items, each with its blob where one came.
    pub items: Vec<(ReleaseItem, Option<Vec<u8>>)>,
}

impl Released {
    /// Reads the frames of a release.
    pub fn read(bytes: &[u8]) -> Released {
        let mut reader = FrameReader::default();
        reader.push(bytes);
        let mut header = None;
        let mut items: Vec<(ReleaseItem, Option<Vec<u8>>)> = Vec::new();
        while let Some((kind, payload)) = reader.next_frame().expect("a release is made of frames")
        {
            match kind {
                FrameKind::Header => header = Some(json(payload)),
                FrameKind::Item => items.push((json(payload), None)),
                FrameKind::Blob => {
                    let (_, blob) = items.last_mut().expect("a blob follows its item");
                    blob.get_or_insert_default().extend_from_slice(payload);
                }
                FrameKind::Error => {
                    panic!("the stream failed: {}", String::from_utf8_lossy(payload))
                }
                FrameKind::End => break,
            }
        }
        Released {
            header: header.expect("a release begins with its header"),
            items,
        }
    }

    /// The same as frames, with as many items announced as there are.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let header = ReleaseHeader {
            items: u32::try_from(self.items.len()).expect("few"),
            ..self.header.clone()
        };
        frame::put(
            &mut out,
            FrameKind::Header,
            &serde_json::to_vec(&header).expect("JSON"),
        );
        for (item, blob) in &self.items {
            frame::put(
                &mut out,
                FrameKind::Item,
                &serde_json::to_vec(item).expect("JSON"),
            );
            if let Some(blob) = blob {
                assert!(blob.len() < MAX_PAYLOAD_BYTES, "tests use small blobs");
                frame::put_blob(&mut out, blob);
            }
        }
        frame::put(&mut out, FrameKind::End, b"");
        out
    }

    /// The item of a record's version.
    pub fn item(&self, record: RecordId, version: u32) -> &(ReleaseItem, Option<Vec<u8>>) {
        let wanted = |(item, _): &&(ReleaseItem, _)| {
            (item.anchor.record, item.anchor.version) == (record, version)
        };
        self.items
            .iter()
            .find(wanted)
            .expect("the record is listed")
    }
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).expect("JSON of its shape")
}

/// Somebody's keys, used by hand.
pub struct ByHand {
    keys: OpenKeyset,
    subject: SubjectId,
    url: String,
    http: reqwest::Client,
}

impl ByHand {
    /// Uses `who`'s keys at the node.
    pub fn of(who: &Somebody, url: &str) -> ByHand {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client without TLS needs nothing");
        ByHand {
            keys: who.keys(),
            subject: who.subject,
            url: url.to_owned(),
            http,
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        builder: reqwest::RequestBuilder,
    ) -> Result<T, ErrorBody> {
        let bytes = Self::bytes(builder).await?;
        Ok(json(&bytes))
    }

    async fn bytes(builder: reqwest::RequestBuilder) -> Result<Vec<u8>, ErrorBody> {
        let response = builder.send().await.expect("the node answers");
        let good = response.status().is_success();
        let bytes = response.bytes().await.expect("the answer arrives").to_vec();
        if good { Ok(bytes) } else { Err(json(&bytes)) }
    }

    /// A signed release: of lanes, or of records where any are named; with their blobs.
    pub async fn release(
        &self,
        subject: SubjectId,
        lanes: LaneSet,
        records: &[(RecordId, u32)],
    ) -> Result<Released, ErrorBody> {
        let request = self.sign_release(subject, lanes, records).await?;
        Self::bytes(
            self.http
                .post(format!("{}/v1/releases", self.url))
                .json(&request),
        )
        .await
        .map(|bytes| Released::read(&bytes))
    }

    /// The request of a release, signed.
    pub async fn sign_release(
        &self,
        subject: SubjectId,
        lanes: LaneSet,
        records: &[(RecordId, u32)],
    ) -> Result<ReleaseRequest, ErrorBody> {
        let node: NodeInfo = self
            .ask(self.http.get(format!("{}/v1/node", self.url)))
            .await?;
        let pairs: Vec<(B256, u32)> = records
            .iter()
            .map(|(record, version)| (record.0, *version))
            .collect();
        let mut nonce = B256::ZERO;
        getrandom::fill(nonce.as_mut_slice()).expect("the system has randomness");
        let statement = ReleaseStatement {
            origin: node.public_url,
            subject,
            reader: self.subject,
            lanes,
            root: if pairs.is_empty() {
                B256::ZERO
            } else {
                release_root(&pairs)
            },
            count: u32::try_from(pairs.len()).expect("few"),
            purpose: Purpose::Treatment.number(),
            nonce,
            expiry: now_secs() + RELEASE_SECS,
        };
        let release = Release {
            origin: statement.origin.clone(),
            subject: statement.subject.0,
            reader: statement.reader.0,
            lanes: statement.lanes.0,
            root: statement.root,
            count: statement.count,
            purpose: statement.purpose,
            nonce: statement.nonce,
            expiry: statement.expiry,
        };
        let chain = &self.keys.header().chain;
        let signature = self
            .keys
            .secrets()
            .device
            .sign_digest(&release.digest(chain.id, chain.contracts.records));
        Ok(ReleaseRequest {
            statement,
            device: self.keys.header().address,
            signature: signature.to_vec().into(),
            records: records.to_vec(),
            blobs: true,
            after: Vec::new(),
        })
    }

    /// Sends anchors to the chain, signed by the device key.
    pub async fn anchor(
        &self,
        subject: SubjectId,
        items: Vec<IRecords::Anchor>,
    ) -> Result<Sent, ErrorBody> {
        let call = anchorManyCall {
            subject: subject.0,
            items,
            deadline: now_secs() + 600,
        };
        let to = self.keys.header().chain.contracts.records;
        let transaction = self.transaction(to, call.abi_encode()).await?;
        self.ask(
            self.http
                .post(format!("{}/v1/chain/send", self.url))
                .json(&SendRequest { transaction }),
        )
        .await
    }

    /// A signed transaction with the next nonce of the device key.
    pub async fn transaction(&self, to: Address, input: Vec<u8>) -> Result<Bytes, ErrorBody> {
        Ok(self.sign(self.nonce().await?, TxKind::Call(to), input))
    }

    /// The next nonce of the device key.
    pub async fn nonce(&self) -> Result<u64, ErrorBody> {
        let url = format!(
            "{}/v1/chain/nonce/{:#x}",
            self.url,
            self.keys.header().address
        );
        let Nonce { nonce } = self.ask(self.http.get(url)).await?;
        Ok(nonce)
    }

    /// A transaction signed by the device key.
    pub fn sign(&self, nonce: u64, to: TxKind, input: Vec<u8>) -> Bytes {
        sign_transaction(
            &self.keys.secrets().device,
            self.keys.header().chain.id,
            nonce,
            to,
            input,
        )
    }
}

/// A transaction without fees, signed.
pub fn sign_transaction(
    key: &SigningKey,
    chain_id: u64,
    nonce: u64,
    to: TxKind,
    input: Vec<u8>,
) -> Bytes {
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: GAS,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to,
        value: U256::ZERO,
        access_list: Default::default(),
        input: input.into(),
    };
    let signed = key.sign_digest(&tx.signature_hash());
    let signature = Signature::from_bytes_and_parity(&signed[..64], signed[64] == 28);
    tx.into_signed(signature).encoded_2718().into()
}

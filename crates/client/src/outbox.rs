//! The outbox: what has been planned and is not finished, in local storage.
//!
//! An entry holds ciphertext, wrapped keys and public facts; never a plaintext, never a bare key. It is saved before
//! the first step of its protocol and removed after the last, and every step can be repeated.
//!
//! File: a Header frame with the plan as JSON, then the blobs as they are uploaded (Blob frames and an End frame;
//! plans without blobs have none).

use alloy_primitives::B256;
use carechain_api::frame::{self, FrameKind, FrameReader, HEADER_BYTES};
use carechain_api::{BackLinks, PostMail, SignedWrap, StageRow};
use carechain_domain::{Epochs, GrantId, LaneSet, RecordId, RequestId, SubjectId};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::tx::Terms;

/// Entries that may wait at once.
const MAX_ENTRIES: usize = 100_000;

/// What an entry wants done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Plan {
    /// Records into a chart.
    Write(WritePlan),
    /// A grant and its wrap.
    Grant(Box<GrantPlan>),
    /// Epochs on, with or without a revoke.
    Move(MovePlan),
    /// A request and its mail.
    Request(RequestPlan),
}

/// A batch of record versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WritePlan {
    pub(crate) subject: SubjectId,
    pub(crate) author: SubjectId,
    pub(crate) deadline: u64,
    pub(crate) rows: Vec<PlanRow>,
}

/// One version: what the vault gets, and what the chain gets beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlanRow {
    pub(crate) stage: StageRow,
    pub(crate) tag: B256,
    pub(crate) previous: B256,
    pub(crate) previous_version: u32,
    /// Author and tag of the record that it amends; zeros for none.
    pub(crate) amends_author: B256,
    pub(crate) amends_tag: B256,
}

impl PlanRow {
    pub(crate) fn record(&self) -> RecordId {
        self.stage.record
    }
}

/// A grant to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GrantPlan {
    pub(crate) terms: Terms,
    pub(crate) request: RequestId,
    pub(crate) fresh_until: u64,
    pub(crate) wrap: SignedWrap,
}

/// Epochs to be moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MovePlan {
    /// The grant to revoke; none where epochs move by themselves.
    pub(crate) revoke: Option<GrantId>,
    pub(crate) lanes: LaneSet,
    pub(crate) expected: Epochs,
    pub(crate) fresh_until: u64,
    pub(crate) expired: Vec<GrantId>,
    pub(crate) wraps: Vec<SignedWrap>,
    pub(crate) links: BackLinks,
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RequestPlan {
    pub(crate) subject: SubjectId,
    pub(crate) salt: B256,
    pub(crate) purpose: u16,
    pub(crate) expiry: u64,
    pub(crate) mail: PostMail,
}

/// An entry as it was saved.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) plan: Plan,
    /// Frames of the blobs, as they are uploaded.
    pub(crate) frames: Vec<u8>,
}

/// The bytes of an entry's file.
pub(crate) fn encode(plan: &Plan, frames: &[u8]) -> Result<Vec<u8>, ClientError> {
    let json = serde_json::to_vec(plan).expect("plans are made of JSON's types");
    if json.len() > frame::MAX_PAYLOAD_BYTES {
        return Err(ClientError::field("batch", "its plan is over 1 MiB"));
    }
    let mut out = Vec::with_capacity(HEADER_BYTES + json.len() + frames.len());
    frame::put(&mut out, FrameKind::Header, &json);
    out.extend_from_slice(frames);
    Ok(out)
}

/// Reads an entry's file.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Entry, ClientError> {
    let fault = |why| ClientError::Outbox {
        name: name.to_owned(),
        why,
    };
    let mut reader = FrameReader::default();
    reader.push(bytes);
    let (kind, json) = reader
        .next_frame()
        .map_err(|_| fault("its first frame is malformed"))?
        .ok_or_else(|| fault("it was cut"))?;
    if kind != FrameKind::Header {
        return Err(fault("it does not begin with a plan"));
    }
    let plan: Plan =
        serde_json::from_slice(json).map_err(|_| fault("its plan is not JSON of its shape"))?;
    let frames = bytes[HEADER_BYTES + json.len()..].to_vec();
    Ok(Entry {
        name: name.to_owned(),
        plan,
        frames,
    })
}

/// Blobs as an upload's body.
pub(crate) fn frames_of(blobs: &[Vec<u8>]) -> Vec<u8> {
    let size: usize = blobs.iter().map(|b| b.len() + 2 * HEADER_BYTES).sum();
    let mut out = Vec::with_capacity(size + HEADER_BYTES);
    for blob in blobs {
        frame::put_blob(&mut out, blob);
    }
    frame::put(&mut out, FrameKind::End, b"");
    out
}

impl<P: Platform> Device<P> {
    fn outbox_prefix(&self) -> String {
        format!("outbox/{}-{:x}/", self.pins().id, self.subject().0)
    }

    /// Saves a new entry; durable when it returns.
    pub(crate) async fn enqueue(&self, plan: Plan, frames: Vec<u8>) -> Result<Entry, ClientError> {
        // Names rise with the clock, and within one second by one: entries are finished in the order of their making.
        let number = (self.now() << 20).max(self.outbox_last.get() + 1);
        self.outbox_last.set(number);
        let name = format!("{}{number:016x}", self.outbox_prefix());
        let entry = Entry { name, plan, frames };
        self.save_entry(&entry).await?;
        Ok(entry)
    }

    pub(crate) async fn save_entry(&self, entry: &Entry) -> Result<(), ClientError> {
        let bytes = encode(&entry.plan, &entry.frames)?;
        Ok(self.http.platform.save(&entry.name, &bytes).await?)
    }

    pub(crate) async fn dequeue(&self, name: &str) -> Result<(), ClientError> {
        Ok(self.http.platform.remove(name).await?)
    }

    /// Names of what waits, in the order of their making.
    pub async fn outbox(&self) -> Result<Vec<String>, ClientError> {
        let mut names = self.http.platform.list(&self.outbox_prefix()).await?;
        names.sort();
        if names.len() > MAX_ENTRIES {
            return Err(ClientError::field(
                "outbox",
                format!("more than {MAX_ENTRIES} entries"),
            ));
        }
        if let Some(last) = names.last().and_then(|n| n.rsplit('/').next()) {
            let number = u64::from_str_radix(last, 16).unwrap_or(0);
            self.outbox_last.set(self.outbox_last.get().max(number));
        }
        Ok(names)
    }

    pub(crate) async fn load_entry(&self, name: &str) -> Result<Option<Entry>, ClientError> {
        match self.http.platform.load(name).await? {
            Some(bytes) => decode(name, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Throws an entry away that can never be finished, such as a write whose grant has ended.
    pub async fn discard(&self, name: &str) -> Result<(), ClientError> {
        if !name.starts_with(&self.outbox_prefix()) {
            return Err(ClientError::field(
                "name",
                "not an entry of this device's outbox",
            ));
        }
        self.dequeue(name).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plan() -> Plan {
        Plan::Move(MovePlan {
            revoke: Some(GrantId::default()),
            lanes: LaneSet(5),
            expected: Epochs::default(),
            fresh_until: u64::MAX,
            expired: vec![],
            wraps: vec![],
            links: BackLinks { links: vec![] },
        })
    }

    #[test]
    fn an_entry_survives_its_file() {
        let frames = frames_of(&[vec![1, 2, 3], vec![]]);
        let bytes = encode(&plan(), &frames).unwrap();
        let entry = decode("x", &bytes).unwrap();
        assert_eq!((entry.plan, entry.frames), (plan(), frames));
    }

    #[test]
    fn a_cut_or_strange_entry_is_named() {
        let bytes = encode(&plan(), b"").unwrap();
        for cut in 0..bytes.len() {
            assert!(
                matches!(decode("x", &bytes[..cut]), Err(ClientError::Outbox { .. })),
                "{cut}"
            );
        }
        let mut strange = bytes.clone();
        strange[0] = FrameKind::End as u8;
        assert!(decode("x", &strange).is_err());
    }
}

//! Uploads, staging, listings, releases and receipts.

use alloy_primitives::{Address, B256};
use carechain_domain::{Epochs, Lane, LaneSet, RecordId, SubjectId, Uid};
use serde::{Deserialize, Serialize};

use crate::Base64;

/// Answer to `POST /v1/blobs` (body: blob frames, then an end frame): CIDs in order, durable when answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Uploaded {
    /// CIDv1 texts (base32).
    pub cids: Vec<String>,
}

/// `POST /v1/subjects/{subject}/staged`: rows that a transaction is about to anchor. Idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stage {
    /// At most MAX_STAGE_ROWS.
    pub rows: Vec<StageRow>,
    /// Deadline of the transaction.
    pub deadline: u64,
}

/// What the vault keeps for one record version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageRow {
    /// Which record.
    pub record: RecordId,
    /// Its name off chain.
    pub uid: Uid,
    /// Version, from 1.
    pub version: u32,
    /// Lane.
    pub lane: Lane,
    /// Epoch that the key slot was made for.
    pub epoch: u16,
    /// Commitment that will be anchored.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: B256,
    /// CID of the blob; must have been uploaded.
    pub cid: String,
    /// Bytes of the blob.
    pub size: u64,
    /// Key slot (64 bytes); none for inbox-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Base64>,
    /// Inbox slot (1,168 bytes) with the key version it is sealed to; none where the patient writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox: Option<Base64>,
    /// Version of the patient's key bundle that `inbox` is sealed to.
    #[serde(default)]
    pub inbox_key_version: u16,
}

/// The rows are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Staged {
    /// How many were new.
    pub new: u32,
}

/// `PUT /v1/subjects/{subject}/slots` (the patient): key slots for records that have none at the lane's present epoch,
/// such as those that came by the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PutSlots {
    /// At most MAX_STAGE_ROWS.
    pub rows: Vec<SlotRow>,
}

/// A key slot made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotRow {
    /// Which record.
    pub record: RecordId,
    /// Which version.
    pub version: u32,
    /// Epoch that the slot was made for; the lane's present one.
    pub epoch: u16,
    /// 64 bytes.
    pub slot: Base64,
}

/// What a reader's device signs: docs/records.md, Release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseStatement {
    /// Origin of the node.
    pub origin: String,
    /// Whose records.
    pub subject: SubjectId,
    /// Who reads.
    pub reader: SubjectId,
    /// Lanes of a listing; empty for a release of records.
    pub lanes: LaneSet,
    /// Merkle root over the records; zero for a listing.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: B256,
    /// How many records; 0 for a listing.
    pub count: u32,
    /// What for, as the chain's number.
    pub purpose: u16,
    /// Random, used once.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub nonce: B256,
    /// At most MAX_RELEASE_EXPIRY_SECS ahead.
    pub expiry: u64,
}

/// `POST /v1/releases`: answered by a stream of frames: Header, then Items with their blobs, then End.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseRequest {
    /// What is signed.
    pub statement: ReleaseStatement,
    /// Device key that signed.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: Address,
    /// Signature over the EIP-712 digest.
    pub signature: Base64,
    /// The records and versions under the root, in order; empty for a listing.
    #[serde(default)]
    pub records: Vec<(RecordId, u32)>,
    /// Whether the blobs follow (up to MAX_INLINE_BYTES each); a listing may ask for them too.
    #[serde(default)]
    pub blobs: bool,
    /// For a listing: sequences after these are wanted, by lane, so that a client fetches what is new alone.
    #[serde(default)]
    pub after: Vec<LanePage>,
}

/// Where a listing goes on in a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LanePage {
    /// Lane.
    pub lane: Lane,
    /// Last sequence the client holds.
    pub sequence: u64,
}

/// First frame of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseHeader {
    /// Epochs at the time, lanes that may not be read as zero.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub epochs: Epochs,
    /// How many items follow.
    pub items: u32,
    /// Number of the receipt; none for an owner's read.
    pub receipt: Option<u64>,
    /// Block that the answer reflects.
    pub block: u64,
}

/// An anchored record version with the keys that the vault holds for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseItem {
    /// What was anchored.
    pub anchor: AnchorRow,
    /// Its name off chain; none if the vault has no row (its keys were erased).
    pub uid: Option<Uid>,
    /// CID of the blob.
    pub cid: Option<String>,
    /// Bytes of the blob; 0 if unknown.
    pub size: u64,
    /// Key slot.
    pub slot: Option<Base64>,
    /// Epoch that the key slot was made for.
    #[serde(default)]
    pub slot_epoch: u16,
    /// Inbox slot: the owner alone gets it.
    pub inbox: Option<Base64>,
    /// Version of the key bundle that `inbox` is sealed to.
    #[serde(default)]
    pub inbox_key_version: u16,
    /// Whether a blob follows this item.
    pub has_blob: bool,
}

/// An `Anchored` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnchorRow {
    /// Which record.
    pub record: RecordId,
    /// Its author.
    pub author: SubjectId,
    /// Version.
    pub version: u32,
    /// Lane.
    pub lane: Lane,
    /// Place within the lane, from 1.
    pub sequence: u64,
    /// Epoch of the key slot.
    pub epoch: u16,
    /// No key slot was made.
    pub inbox_only: bool,
    /// Commitment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: B256,
    /// Record that it amends; zero for none.
    pub amends: RecordId,
    /// Block number.
    pub block: u64,
    /// Time of the block.
    pub time: u64,
}

/// `GET /v1/subjects/{subject}/receipts?after=` (the patient).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptsPage {
    /// In order.
    pub receipts: Vec<Receipt>,
}

/// A read receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// Number, from 1.
    pub number: u64,
    /// What the reader signed.
    pub statement: ReleaseStatement,
    /// Records released, or listed.
    pub records: Vec<(RecordId, u32)>,
    /// Reader's device.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: Address,
    /// Reader's signature.
    pub signature: Base64,
    /// When it was released.
    pub at: u64,
    /// Hash of the chain up to here.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub hash: B256,
}

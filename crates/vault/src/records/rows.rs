//! Rows of record versions, as they come and go. Their Debug shows no key and no CID.

use alloy_primitives::B256;
use carechain_domain::{Lane, RecordId, SubjectId, Uid};

/// What the vault keeps for one record version.
#[derive(Clone, PartialEq, Eq)]
pub struct StageRow {
    /// Which record.
    pub record: RecordId,
    /// Version, from 1.
    pub version: u32,
    /// Commitment that will be anchored.
    pub commitment: B256,
    /// Who writes.
    pub author: SubjectId,
    /// Its name off chain.
    pub uid: Uid,
    /// Lane.
    pub lane: Lane,
    /// Epoch that the key slot was made for.
    pub epoch: u16,
    /// CID of the blob.
    pub cid: String,
    /// Bytes of the blob.
    pub size: u64,
    /// Key slot; none for inbox-only.
    pub slot: Option<Vec<u8>>,
    /// Inbox slot.
    pub inbox: Option<Vec<u8>>,
    /// Version of the patient's key bundle that `inbox` is sealed to.
    pub inbox_key_version: u16,
}

impl std::fmt::Debug for StageRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StageRow")
            .field("record", &self.record)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A key slot made anew.
#[derive(Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// Which record.
    pub record: RecordId,
    /// Which version.
    pub version: u32,
    /// Epoch that the slot was made for.
    pub epoch: u16,
    /// The slot.
    pub slot: Vec<u8>,
}

impl std::fmt::Debug for SlotRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlotRow")
            .field("record", &self.record)
            .field("version", &self.version)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// A published row, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Which record.
    pub record: RecordId,
    /// Which version.
    pub version: u32,
    /// Its name off chain.
    pub uid: Uid,
    /// CID of the blob.
    pub cid: String,
    /// Bytes of the blob.
    pub size: u64,
    /// Key slot.
    pub slot: Option<Vec<u8>>,
    /// Epoch that the key slot was made for.
    pub slot_epoch: u16,
    /// Inbox slot, where it was asked for.
    pub inbox: Option<Vec<u8>>,
    /// Version of the key bundle that `inbox` is sealed to.
    pub inbox_key_version: u16,
}

impl std::fmt::Debug for ReleaseRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReleaseRow")
            .field("record", &self.record)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A staged row that was swept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweptRow {
    /// Which record.
    pub record: RecordId,
    /// Which version.
    pub version: u32,
    /// Its blob, which may still be in use elsewhere.
    pub cid: String,
}

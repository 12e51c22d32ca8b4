//! What the queries answer with.

use alloy_primitives::{Address, B256};
use carechain_domain::{
    Decision, Epochs, GrantId, Kind, Lane, Lanes, RecordId, RequestId, Status, SubjectId,
};

/// A subject as the Directory's events have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectRow {
    /// Which.
    pub subject: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Why, as the chain's number; 0 for none.
    pub reason: u16,
    /// Its root key.
    pub root: Address,
    /// Whose voucher it spent.
    pub organisation: B256,
    /// Version of its key bundle.
    pub key_version: u16,
    /// Generation of its encryption root.
    pub key_generation: u16,
    /// Keccak of the key bundle.
    pub key_bundle_hash: B256,
    /// Keccak of the profile; zero for none.
    pub profile_hash: B256,
    /// Keccak of the service record; zero for none.
    pub home_hash: B256,
    /// Commitment to credentials; zero for none.
    pub credential_hash: B256,
    /// Block of its registration.
    pub registered_block: u64,
    /// Time of its registration.
    pub registered_at: u64,
    /// Since when it has its status.
    pub status_at: u64,
}

/// Who a key acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The subject.
    pub subject: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// The key is the root, not a device.
    pub is_root: bool,
}

/// A device key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its address.
    pub device: Address,
    /// Whose.
    pub subject: SubjectId,
    /// Since when.
    pub added_at: u64,
    /// Until when; none while it is live.
    pub removed_at: Option<u64>,
}

/// An administrator's vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteRow {
    /// On whom.
    pub subject: SubjectId,
    /// Who.
    pub administrator: SubjectId,
    /// For what.
    pub decision: Decision,
    /// Why, as the chain's number.
    pub reason: u16,
    /// Votes for it then.
    pub votes: u64,
    /// When.
    pub at: u64,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestStatus {
    /// Not answered; it may have expired.
    Open,
    /// Answered by a grant.
    Accepted,
    /// Refused.
    Refused,
    /// Taken back.
    Withdrawn,
}

impl RequestStatus {
    /// Its number in the contract.
    pub(crate) fn number(self) -> i64 {
        match self {
            RequestStatus::Open => 1,
            RequestStatus::Accepted => 2,
            RequestStatus::Refused => 3,
            RequestStatus::Withdrawn => 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(RequestStatus::Open),
            2 => Some(RequestStatus::Accepted),
            3 => Some(RequestStatus::Refused),
            4 => Some(RequestStatus::Withdrawn),
            _ => None,
        }
    }

    /// Its name: "open", "accepted", "refused", "withdrawn".
    pub fn as_str(self) -> &'static str {
        match self {
            RequestStatus::Open => "open",
            RequestStatus::Accepted => "accepted",
            RequestStatus::Refused => "refused",
            RequestStatus::Withdrawn => "withdrawn",
        }
    }
}

/// A request for access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Which.
    pub request: RequestId,
    /// Whose records.
    pub subject: SubjectId,
    /// Who asks.
    pub requester: SubjectId,
    /// What for, as the chain's number.
    pub purpose: u16,
    /// Until when it can be answered.
    pub expiry: u64,
    /// Keccak of the sealed mail.
    pub sealed_hash: B256,
    /// Where it stands.
    pub status: RequestStatus,
    /// The grant that answered it.
    pub grant: Option<GrantId>,
    /// Block that holds it.
    pub block: u64,
    /// When it was made.
    pub at: u64,
}

/// A subject's epochs and freshness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Sixteen epochs.
    pub epochs: Epochs,
    /// Authors use key slots before this second; 0 (never set) and the largest number mean without end.
    pub fresh_until: u64,
    /// When lanes last moved.
    pub moved_at: u64,
}

/// What a reader may, at one block: lanes and epochs of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Block that the answer reflects.
    pub block: u64,
    /// Time of that block.
    pub block_time: u64,
    /// Lanes that the reader may read and write.
    pub lanes: Lanes,
    /// Epochs of the subject, all lanes.
    pub freshness: Freshness,
}

/// An anchored record version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub commitment: B256,
    /// Record that it amends; zero for none.
    pub amends: RecordId,
    /// Block number.
    pub block: u64,
    /// Time of the block.
    pub time: u64,
}

/// The newest version of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipRow {
    /// Which record.
    pub record: RecordId,
    /// Whose.
    pub subject: SubjectId,
    /// Its author.
    pub author: SubjectId,
    /// Lane.
    pub lane: Lane,
    /// Version.
    pub version: u32,
    /// Commitment.
    pub commitment: B256,
}

/// Count and rolling hash of a lane, recomputed from its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRow {
    /// Which lane.
    pub lane: Lane,
    /// Anchors in it.
    pub count: u64,
    /// Rolling hash over them.
    pub rolling: B256,
}

/// A pointer of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointerRow {
    /// Its name.
    pub name: B256,
    /// Where it points; zero before its first move.
    pub target: Address,
    /// Its version; 0 before its first move.
    pub version: u32,
    /// Where it is to move, and when it may.
    pub scheduled: Option<(Address, u64)>,
}

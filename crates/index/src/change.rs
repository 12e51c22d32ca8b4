//! What a block changed, for those who tell people of it and publish what was staged.

use alloy_primitives::{Address, B256};
use carechain_domain::{
    Decision, Epochs, GrantId, Kind, Lane, LaneSet, RecordId, RequestId, Status, SubjectId,
};
use serde::{Deserialize, Serialize};

/// One event with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Block number.
    pub block: u64,
    /// Index of the log within the block.
    pub log_index: u32,
    /// Time of the block.
    pub time: u64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A subject came to be.
    Registered {
        /// Which.
        subject: SubjectId,
        /// What it is.
        kind: Kind,
        /// Its root key.
        root: Address,
        /// Whose voucher it spent.
        organisation: B256,
    },
    /// A status was set.
    StatusChanged {
        /// Whose.
        subject: SubjectId,
        /// What it is.
        kind: Kind,
        /// Where it stands now.
        status: Status,
        /// Why, as the chain's number; 0 for none.
        reason: u16,
        /// Set by the registration itself.
        initial: bool,
    },
    /// Credentials were handed in.
    Applied {
        /// By whom.
        subject: SubjectId,
        /// Commitment to them.
        credential_hash: B256,
    },
    /// An administrator voted.
    Voted {
        /// On whom.
        subject: SubjectId,
        /// Who.
        administrator: SubjectId,
        /// For what.
        decision: Decision,
        /// Why, as the chain's number.
        reason: u16,
        /// Votes for it now.
        votes: u64,
    },
    /// The votes that a decision needs.
    ThresholdChanged {
        /// How many.
        threshold: u8,
    },
    /// A key bundle was set.
    KeyBundleChanged {
        /// Whose.
        subject: SubjectId,
        /// Its version.
        key_version: u16,
        /// Keccak of the document.
        hash: B256,
    },
    /// A profile was set.
    ProfileChanged {
        /// Whose.
        subject: SubjectId,
        /// Keccak of the document.
        hash: B256,
    },
    /// A home was named.
    HomeChanged {
        /// Whose.
        subject: SubjectId,
        /// Keccak of the service record.
        hash: B256,
    },
    /// A device acts for the subject from now on.
    DeviceAdded {
        /// Whose.
        subject: SubjectId,
        /// Its address.
        device: Address,
        /// The subject's first, added by the registration.
        first: bool,
    },
    /// A device acts no more.
    DeviceRemoved {
        /// Whose.
        subject: SubjectId,
        /// Its address.
        device: Address,
    },
    /// Access was asked for.
    Requested {
        /// Which request.
        request: RequestId,
        /// Of whom.
        subject: SubjectId,
        /// By whom.
        requester: SubjectId,
    },
    /// A request was refused.
    Refused {
        /// Which.
        request: RequestId,
        /// By whom.
        subject: SubjectId,
        /// Who asked.
        requester: SubjectId,
    },
    /// A request was answered by a grant.
    Accepted {
        /// Which.
        request: RequestId,
        /// By whom.
        subject: SubjectId,
        /// Who asked.
        requester: SubjectId,
        /// The grant.
        grant: GrantId,
    },
    /// A request was taken back.
    Withdrawn {
        /// Which.
        request: RequestId,
        /// Of whom it had asked.
        subject: SubjectId,
        /// By whom.
        requester: SubjectId,
    },
    /// Access was granted.
    Granted {
        /// Which grant.
        grant: GrantId,
        /// By whom.
        subject: SubjectId,
        /// To whom.
        grantee: SubjectId,
    },
    /// A grant ended.
    Ended {
        /// Which.
        grant: GrantId,
        /// Whose.
        subject: SubjectId,
        /// Whose access it was.
        grantee: SubjectId,
        /// By the subject's will, not by date.
        revoked: bool,
    },
    /// Epochs moved.
    EpochsMoved {
        /// Whose.
        subject: SubjectId,
        /// Of which lanes.
        lanes: LaneSet,
        /// All of them now.
        epochs: Epochs,
        /// Authors use key slots before this second.
        fresh_until: u64,
    },
    /// A grant brought `fresh_until` down.
    FreshUntilLowered {
        /// Whose.
        subject: SubjectId,
        /// To what.
        fresh_until: u64,
    },
    /// A record version was anchored.
    Anchored {
        /// In whose record.
        subject: SubjectId,
        /// By whom.
        author: SubjectId,
        /// Which record.
        record: RecordId,
        /// Which version.
        version: u32,
        /// Lane.
        lane: Lane,
        /// Commitment: publishes the staged row that has it.
        commitment: B256,
        /// Record that it amends, with that record's author.
        amends: Option<(RecordId, SubjectId)>,
    },
    /// A contract's pointer moved.
    PointerMoved {
        /// Its name.
        name: B256,
        /// Where it points now.
        target: Address,
        /// Its version.
        version: u32,
    },
}

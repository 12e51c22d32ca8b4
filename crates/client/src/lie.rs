//! What a node said that its chain, a signature or a key contradicts, each by its name.

use alloy_primitives::{Address, B256};
use carechain_domain::{GrantId, Lane, RecordId, RequestId, SubjectId};

/// Something that the node served and that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// The bytes of a blob are not those that its CID names.
    #[error(
        "record {record}: the bytes served are not those that their CID names: something was changed"
    )]
    ByteChanged {
        /// Which record.
        record: RecordId,
    },
    /// The blob has the CID named, but is not the one committed to on chain.
    #[error("record {record}: the blob served is not the one committed to on chain")]
    CommitmentWrong {
        /// Which record.
        record: RecordId,
    },
    /// One record was served in the place of another.
    #[error("record {record}: what was served belongs to record {other}: two records were swapped")]
    RecordsSwapped {
        /// Which record was asked for.
        record: RecordId,
        /// Whose content came.
        other: RecordId,
    },
    /// An older version was served as a later one.
    #[error("record {record}: version {served} was served as version {expected}")]
    OlderVersion {
        /// Which record.
        record: RecordId,
        /// The version that came.
        served: u32,
        /// The version that the chain has.
        expected: u32,
    },
    /// The key slot opens with no key that it should open with.
    #[error("record {record}: the key that was served was changed or is another record's")]
    KeyChanged {
        /// Which record.
        record: RecordId,
    },
    /// The name off chain is not the record's.
    #[error("record {record}: the uid served is not the record's")]
    UidChanged {
        /// Which record.
        record: RecordId,
    },
    /// The statement or content is not what the author signed, or the author is not the one on chain.
    #[error("record {record}: {what}")]
    ForgedAuthor {
        /// Which record.
        record: RecordId,
        /// What does not fit.
        what: &'static str,
    },
    /// The chain has more anchors in the lane than the node listed.
    #[error(
        "lane {lane}: the chain has {proven} anchors, the node listed {listed}: at least one was left out"
    )]
    Omitted {
        /// Which lane.
        lane: Lane,
        /// How many came.
        listed: u64,
        /// How many there are.
        proven: u64,
    },
    /// The node listed more than the chain has.
    #[error("lane {lane}: the chain has {proven} anchors, the node listed {listed}")]
    Invented {
        /// Which lane.
        lane: Lane,
        /// How many came.
        listed: u64,
        /// How many there are.
        proven: u64,
    },
    /// As many anchors as on chain, but others, or in another order.
    #[error("lane {lane}: the list is not the chain's: an entry was changed or moved")]
    ListChanged {
        /// Which lane.
        lane: Lane,
    },
    /// The key bundle served is not the one whose hash is on chain.
    #[error(
        "the key served for {subject} is not the one on chain: somebody put another in its place"
    )]
    SubstitutedKey {
        /// Whose.
        subject: SubjectId,
    },
    /// The profile served is not the one whose hash is on chain.
    #[error("the profile served for {subject} is not the one on chain")]
    SubstitutedProfile {
        /// Whose.
        subject: SubjectId,
    },
    /// The wrap was not made by a live device of the patient for this grant.
    #[error("the wrap of grant {grant} is forged: {what}")]
    ForgedWrap {
        /// Which grant.
        grant: GrantId,
        /// What does not fit.
        what: &'static str,
    },
    /// The wrap is of other epochs than the chain's.
    #[error(
        "the wrap of grant {grant} is of epoch {served} of lane {lane}, the chain is at {proven}"
    )]
    RolledBackWrap {
        /// Which grant.
        grant: GrantId,
        /// In which lane.
        lane: Lane,
        /// Epoch of the wrap.
        served: u16,
        /// Epoch on chain.
        proven: u16,
    },
    /// A back-link does not open.
    #[error("the link from epoch {epoch} of lane {lane} to its next is changed or missing")]
    BrokenLink {
        /// In which lane.
        lane: Lane,
        /// The older epoch.
        epoch: u16,
    },
    /// The head is behind one seen before.
    #[error("the node went back to block {served}; block {seen} was seen before")]
    OlderHead {
        /// The highest seen.
        seen: u64,
        /// The one that came.
        served: u64,
    },
    /// The head is not signed by the node's key.
    #[error("the chain's head is not signed by the node's key: {what}")]
    ForgedHead {
        /// What does not fit.
        what: &'static str,
    },
    /// Two blocks of one number.
    #[error("there are two different blocks {number}: the node tells two histories")]
    TwoHistories {
        /// Their number.
        number: u64,
    },
    /// The second node has another block of that number.
    #[error("the second node has another block {number}")]
    NodesDisagree {
        /// Its number.
        number: u64,
    },
    /// The head was signed long ago, or in the future.
    #[error(
        "the node signed its head {age_secs} s away from this device's clock; at most {limit_secs} are taken"
    )]
    StaleHead {
        /// Distance between the clocks.
        age_secs: u64,
        /// The limit.
        limit_secs: u64,
    },
    /// A proof does not lead to the head's state root.
    #[error("the proof for contract {contract} does not fit the signed head: {what}")]
    BadProof {
        /// Which contract.
        contract: Address,
        /// What does not fit.
        what: &'static str,
    },
    /// A request's mail is not the one whose hash is on chain.
    #[error("what request {request} asks is not what the requester put on chain")]
    SubstitutedMail {
        /// Which request.
        request: RequestId,
    },
    /// A row names something that the chain does not have.
    #[error("the node's row for {what} {id} is not what the chain has")]
    RowChanged {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: B256,
    },
    /// A receipt was not signed by a device of the reader it names.
    #[error("receipt {number} is forged: {what}")]
    ForgedReceipt {
        /// Which.
        number: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// Receipts do not form a chain.
    #[error("receipt {number} does not follow the one before: a receipt was dropped or changed")]
    BrokenReceipts {
        /// Which.
        number: u64,
    },
    /// The node stored another blob than was sent.
    #[error("the node says it stored a blob under another CID than its bytes have")]
    OtherBlob,
    /// The answer's stream broke the rules of its format.
    #[error("the node's stream is malformed: {what}")]
    BadStream {
        /// What does not fit.
        what: &'static str,
    },
    /// Another node or chain than the keyset was made for.
    #[error("this is not the node that the keyset was made for: its {what} is another")]
    AnotherNode {
        /// What differs.
        what: &'static str,
    },
}

//! Facts of the chain as types: what to ask for, and how to read what was proven.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use carechain_api::{MAX_PROOF_SLOTS, ProofAccount};
use carechain_crypto::KeysetContracts;
use carechain_domain::{
    Epochs, Grant, GrantId, Kind, Lane, LaneSet, Lanes, RecordId, RequestId, Status, SubjectId,
};

use crate::proof::{Head, Values};
use crate::slots;

/// A subject as the Directory has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectFact {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Version of its key bundle.
    pub key_version: u16,
    /// Generation of its encryption root.
    pub key_generation: u16,
    /// Its root address.
    pub root: Address,
    /// Hash of its key bundle.
    pub key_bundle_hash: B256,
    /// Hash of its profile; zero for none.
    pub profile_hash: B256,
    /// Commitment to its credentials; zero for none.
    pub credential_hash: B256,
}

/// A device key, also after its removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFact {
    /// Whose; zero for a stranger.
    pub subject: SubjectId,
    /// When it was added.
    pub added_at: u64,
    /// When it was removed; 0 while live.
    pub removed_at: u64,
}

impl DeviceFact {
    /// Whether it acts for `subject` now.
    pub fn is_live_of(&self, subject: SubjectId) -> bool {
        !subject.is_zero() && self.subject == subject && self.removed_at == 0
    }
}

/// Freshness of a subject's epochs and the positions of its live grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshnessFact {
    /// Authors use key slots only before it; 0 was never set.
    pub fresh_until: u64,
    /// When epochs moved last.
    pub moved_at: u64,
    /// Positions of live grants, a bit each.
    pub taken: u64,
    /// Lanes that an expired grant could read and that have not moved since.
    pub stale: LaneSet,
}

/// A lane's tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneFact {
    /// Rolling hash over its anchors.
    pub rolling: B256,
    /// How many there are.
    pub count: u64,
}

/// A request for access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFact {
    /// Whose records.
    pub subject: SubjectId,
    /// Who asks.
    pub requester: SubjectId,
    /// Keccak of the sealed mail.
    pub sealed_hash: B256,
    /// What for.
    pub purpose: u16,
    /// Until when.
    pub expiry: u64,
    /// 1 open, 2 accepted, 3 refused, 4 withdrawn.
    pub status: u8,
}

impl RequestFact {
    /// Whether it can be answered at `at`.
    pub fn is_open(&self, at: u64) -> bool {
        self.status == 1 && at <= self.expiry
    }
}

/// Facts to be proven together.
#[derive(Clone, Default)]
pub(crate) struct Ask {
    slots: BTreeSet<(Contract, B256)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Contract {
    Directory,
    Consent,
    Records,
}

impl Contract {
    fn address(self, contracts: &KeysetContracts) -> Address {
        match self {
            Contract::Directory => contracts.directory,
            Contract::Consent => contracts.consent,
            Contract::Records => contracts.records,
        }
    }
}

const SUBJECT_FIELDS: u64 = 5;
const DEVICE_FIELDS: u64 = 2;
const GRANT_FIELDS: u64 = 3;
const REQUEST_FIELDS: u64 = 4;
const LANE_FIELDS: u64 = 2;

impl Ask {
    fn with(mut self, contract: Contract, slots: impl IntoIterator<Item = B256>) -> Self {
        self.slots
            .extend(slots.into_iter().map(|slot| (contract, slot)));
        self
    }

    pub(crate) fn subject(self, subject: SubjectId) -> Self {
        self.with(
            Contract::Directory,
            (0..SUBJECT_FIELDS).map(|f| slots::subject(subject, f)),
        )
    }

    pub(crate) fn device(self, device: Address) -> Self {
        self.with(
            Contract::Directory,
            (0..DEVICE_FIELDS).map(|f| slots::device(device, f)),
        )
    }

    pub(crate) fn root(self, root: Address) -> Self {
        self.with(Contract::Directory, [slots::root_subject(root)])
    }

    pub(crate) fn electorate(self) -> Self {
        self.with(Contract::Directory, [slots::electorate()])
    }

    pub(crate) fn epochs(self, subject: SubjectId) -> Self {
        self.with(
            Contract::Consent,
            [slots::epochs(subject), slots::state(subject)],
        )
    }

    pub(crate) fn live(self, subject: SubjectId, taken: u64) -> Self {
        let positions = (0..64u8).filter(move |p| taken >> p & 1 == 1);
        self.with(
            Contract::Consent,
            positions.map(|p| slots::live(subject, p)),
        )
    }

    pub(crate) fn grant(self, grant: GrantId) -> Self {
        self.with(
            Contract::Consent,
            (0..GRANT_FIELDS).map(|f| slots::grant(grant, f)),
        )
    }

    pub(crate) fn pair(self, subject: SubjectId, grantee: SubjectId) -> Self {
        self.with(Contract::Consent, [slots::pair(subject, grantee)])
    }

    pub(crate) fn request(self, request: RequestId) -> Self {
        self.with(
            Contract::Consent,
            (0..REQUEST_FIELDS).map(|f| slots::request(request, f)),
        )
    }

    pub(crate) fn word(self, record: RecordId) -> Self {
        self.with(Contract::Records, [slots::word(record)])
    }

    pub(crate) fn lanes(self, subject: SubjectId, lanes: LaneSet) -> Self {
        let fields = lanes
            .iter()
            .flat_map(|lane| (0..LANE_FIELDS).map(move |field| slots::lane(subject, lane, field)));
        self.with(Contract::Records, fields)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// As requests of at most MAX_PROOF_SLOTS slots each.
    pub(crate) fn requests(&self, contracts: &KeysetContracts) -> Vec<Vec<ProofAccount>> {
        let all: Vec<_> = self.slots.iter().copied().collect();
        all.chunks(MAX_PROOF_SLOTS)
            .map(|chunk| {
                let mut by_contract: BTreeMap<Contract, Vec<B256>> = BTreeMap::new();
                for (contract, slot) in chunk {
                    by_contract.entry(*contract).or_default().push(*slot);
                }
                by_contract
                    .into_iter()
                    .map(|(c, slots)| ProofAccount {
                        address: c.address(contracts),
                        slots,
                    })
                    .collect()
            })
            .collect()
    }
}

/// Proven facts. Reading one that was not asked for is a programming error and panics.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) head: Head,
    pub(crate) contracts: KeysetContracts,
    pub(crate) values: Values,
}

fn bits(word: U256, from: usize, length: usize) -> u64 {
    let shifted: U256 = word >> from;
    (shifted & ((U256::from(1) << length) - U256::from(1))).to::<u64>()
}

impl Facts {
    fn word_at(&self, contract: Contract, slot: B256) -> U256 {
        *self
            .values
            .get(&(contract.address(&self.contracts), slot))
            .expect("every fact is asked for before it is read")
    }

    fn bytes_at(&self, contract: Contract, slot: B256) -> B256 {
        self.word_at(contract, slot).into()
    }

    pub(crate) fn subject(&self, subject: SubjectId) -> Option<SubjectFact> {
        let at = |field| self.bytes_at(Contract::Directory, slots::subject(subject, field));
        let packed = U256::from_be_bytes(at(0).0);
        let root = B256::from(packed >> 48usize);
        Some(SubjectFact {
            kind: Kind::try_from(bits(packed, 0, 8) as u8).ok()?,
            status: Status::try_from(bits(packed, 8, 8) as u8).ok()?,
            key_version: bits(packed, 16, 16) as u16,
            key_generation: bits(packed, 32, 16) as u16,
            root: Address::from_slice(&root[12..]),
            key_bundle_hash: at(1),
            profile_hash: at(2),
            credential_hash: at(4),
        })
    }

    pub(crate) fn device(&self, device: Address) -> DeviceFact {
        let packed = self.word_at(Contract::Directory, slots::device(device, 1));
        DeviceFact {
            subject: self
                .bytes_at(Contract::Directory, slots::device(device, 0))
                .into(),
            added_at: bits(packed, 0, 64),
            removed_at: bits(packed, 64, 64),
        }
    }

    pub(crate) fn root(&self, root: Address) -> SubjectId {
        self.bytes_at(Contract::Directory, slots::root_subject(root))
            .into()
    }

    pub(crate) fn epochs(&self, subject: SubjectId) -> Epochs {
        Epochs(self.word_at(Contract::Consent, slots::epochs(subject)))
    }

    pub(crate) fn freshness(&self, subject: SubjectId) -> FreshnessFact {
        let packed = self.word_at(Contract::Consent, slots::state(subject));
        FreshnessFact {
            fresh_until: bits(packed, 0, 64),
            moved_at: bits(packed, 64, 64),
            taken: bits(packed, 128, 64),
            stale: LaneSet(bits(packed, 192, 16) as u16),
        }
    }

    pub(crate) fn live(&self, subject: SubjectId, taken: u64) -> Vec<GrantId> {
        (0..64u8)
            .filter(|p| taken >> p & 1 == 1)
            .map(|p| {
                self.bytes_at(Contract::Consent, slots::live(subject, p))
                    .into()
            })
            .collect()
    }

    /// Positions of a pair's live grants, a bit each.
    pub(crate) fn pair(&self, subject: SubjectId, grantee: SubjectId) -> u64 {
        let packed = self.word_at(Contract::Consent, slots::pair(subject, grantee));
        let positions = bits(packed, 80, 32);
        let count = bits(packed, 72, 8).min(4);
        (0..count).fold(0, |mask, i| mask | 1 << (positions >> (8 * i) & 63))
    }

    pub(crate) fn grant(&self, id: GrantId) -> Option<Grant> {
        let at = |field| self.bytes_at(Contract::Consent, slots::grant(id, field));
        let packed = U256::from_be_bytes(at(2).0);
        let granted_at = bits(packed, 48, 64);
        (granted_at != 0).then(|| Grant {
            id,
            subject: at(0).into(),
            grantee: at(1).into(),
            lanes: Lanes {
                read: LaneSet(bits(packed, 0, 16) as u16),
                write: LaneSet(bits(packed, 16, 16) as u16),
            },
            purpose: bits(packed, 32, 16) as u16,
            granted_at,
            not_after: bits(packed, 112, 64),
            ended: bits(packed, 176, 8) != 0,
        })
    }

    pub(crate) fn request(&self, id: RequestId) -> Option<RequestFact> {
        let at = |field| self.bytes_at(Contract::Consent, slots::request(id, field));
        let packed = U256::from_be_bytes(at(3).0);
        let status = bits(packed, 80, 8) as u8;
        (status != 0).then(|| RequestFact {
            subject: at(0).into(),
            requester: at(1).into(),
            sealed_hash: at(2),
            purpose: bits(packed, 0, 16) as u16,
            expiry: bits(packed, 16, 64),
            status,
        })
    }

    pub(crate) fn word(&self, record: RecordId) -> B256 {
        self.bytes_at(Contract::Records, slots::word(record))
    }

    pub(crate) fn lane(&self, subject: SubjectId, lane: Lane) -> LaneFact {
        let count = self.word_at(Contract::Records, slots::lane(subject, lane, 1));
        LaneFact {
            rolling: self.bytes_at(Contract::Records, slots::lane(subject, lane, 0)),
            count: bits(count, 0, 64),
        }
    }

    /// Votes that a decision needs, and approved administrators.
    pub(crate) fn electorate(&self) -> (u8, u32) {
        let packed = self.word_at(Contract::Directory, slots::electorate());
        (bits(packed, 0, 8) as u8, bits(packed, 8, 32) as u32)
    }
}

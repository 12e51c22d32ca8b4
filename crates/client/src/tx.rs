//! Transactions: what can be sent, its call data, its words for people, and its signature.
//!
//! All are EIP-1559 with zero fees, as the chain has them.

mod explain;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_sol_types::SolCall;
use carechain_bindings::{consent, directory, records};
use carechain_crypto::{KeysetContracts, SigningKey};
use carechain_domain::{Decision, Epochs, GrantId, LaneSet, RequestId, SubjectId};

pub use explain::Terms;
pub(crate) use explain::{moment, pair_id};

/// Gas of anything but anchors, generously.
const GAS: u64 = 600_000;
/// Gas of ending up to 64 grants and moving sixteen lanes.
const GAS_MOVE: u64 = 4_000_000;
/// Gas of a transaction of anchors beside the anchors.
const GAS_ANCHORS: u64 = 200_000;
/// Gas of one anchor in a batch: the first of a lane costs most.
const GAS_ANCHOR: u64 = 120_000;

/// Something that a person signs and sends to the chain.
#[derive(Clone)]
pub enum Action {
    /// Directory.register.
    Register(Box<directory::registerCall>),
    /// Directory.addDevice.
    AddDevice {
        /// The new device.
        device: Address,
        /// Its consent.
        signature: Vec<u8>,
    },
    /// Directory.removeDevice.
    RemoveDevice {
        /// Which.
        device: Address,
    },
    /// Directory.setProfile.
    SetProfile {
        /// Keccak of the profile.
        hash: B256,
    },
    /// Directory.submitApplication.
    Apply {
        /// Commitment to the package.
        credential_hash: B256,
    },
    /// Directory.vote.
    Vote {
        /// On whom.
        subject: SubjectId,
        /// For what.
        decision: Decision,
        /// Why; 0 for none.
        reason: u16,
        /// The credentials that the voter judged; zero for none. The chain refuses any other than the present ones.
        credential_hash: B256,
    },
    /// Directory.voteThreshold.
    VoteThreshold {
        /// Votes that a decision needs.
        threshold: u8,
    },
    /// Consent.request.
    Request {
        /// Whose records.
        subject: SubjectId,
        /// Random part of the id.
        salt: B256,
        /// What for.
        purpose: u16,
        /// Until when it may be answered.
        expiry: u64,
        /// Keccak of the sealed mail.
        sealed_hash: B256,
    },
    /// Consent.refuse.
    Refuse {
        /// Which request.
        request: RequestId,
    },
    /// Consent.withdraw.
    Withdraw {
        /// Which request.
        request: RequestId,
    },
    /// Consent.grant.
    Grant {
        /// What is granted to whom.
        terms: Terms,
        /// The request it answers; zero for none.
        request: RequestId,
        /// New bound for key slots.
        fresh_until: u64,
    },
    /// Consent.revoke.
    Revoke {
        /// Which grant.
        grant: GrantId,
        /// Epochs as they are now.
        expected: Epochs,
        /// New bound for key slots.
        fresh_until: u64,
    },
    /// Consent.moveEpochs.
    MoveEpochs {
        /// Lanes that move.
        lanes: LaneSet,
        /// Epochs as they are now.
        expected: Epochs,
        /// New bound for key slots.
        fresh_until: u64,
        /// Grants that have ended by date.
        expired: Vec<GrantId>,
    },
    /// Records.anchorMany.
    Anchor {
        /// Into whose record.
        subject: SubjectId,
        /// What is anchored.
        items: Vec<records::IRecords::Anchor>,
        /// Until when it may be included.
        deadline: u64,
    },
}

impl core::fmt::Debug for Action {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Action({})", self.what())
    }
}

impl Action {
    /// The contract it goes to.
    fn to(&self, contracts: &KeysetContracts) -> Address {
        match self {
            Action::Register(_)
            | Action::AddDevice { .. }
            | Action::RemoveDevice { .. }
            | Action::SetProfile { .. }
            | Action::Apply { .. }
            | Action::Vote { .. }
            | Action::VoteThreshold { .. } => contracts.directory,
            Action::Request { .. }
            | Action::Refuse { .. }
            | Action::Withdraw { .. }
            | Action::Grant { .. }
            | Action::Revoke { .. }
            | Action::MoveEpochs { .. } => contracts.consent,
            Action::Anchor { .. } => contracts.records,
        }
    }

    fn gas(&self) -> u64 {
        match self {
            Action::Anchor { items, .. } => GAS_ANCHORS + GAS_ANCHOR * items.len() as u64,
            Action::Revoke { .. } | Action::MoveEpochs { .. } => GAS_MOVE,
            Action::Register(_)
            | Action::AddDevice { .. }
            | Action::RemoveDevice { .. }
            | Action::SetProfile { .. }
            | Action::Apply { .. }
            | Action::Vote { .. }
            | Action::VoteThreshold { .. }
            | Action::Request { .. }
            | Action::Refuse { .. }
            | Action::Withdraw { .. }
            | Action::Grant { .. } => GAS,
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm a call")]
    fn input(&self) -> Vec<u8> {
        match self {
            Action::Register(call) => call.abi_encode(),
            Action::AddDevice { device, signature } => directory::addDeviceCall {
                device: *device,
                deviceSignature: signature.clone().into(),
            }
            .abi_encode(),
            Action::RemoveDevice { device } => {
                directory::removeDeviceCall { device: *device }.abi_encode()
            }
            Action::SetProfile { hash } => {
                directory::setProfileCall { profileHash: *hash }.abi_encode()
            }
            Action::Apply { credential_hash } => directory::submitApplicationCall {
                credentialHash: *credential_hash,
            }
            .abi_encode(),
            Action::Vote {
                subject,
                decision,
                reason,
                credential_hash,
            } => directory::voteCall {
                subject: subject.0,
                decision: decision.number(),
                reason: *reason,
                credentialHash: *credential_hash,
            }
            .abi_encode(),
            Action::VoteThreshold { threshold } => directory::voteThresholdCall {
                newThreshold: *threshold,
            }
            .abi_encode(),
            Action::Request {
                subject,
                salt,
                purpose,
                expiry,
                sealed_hash,
            } => consent::requestCall {
                subject: subject.0,
                salt: *salt,
                purpose: *purpose,
                expiry: *expiry,
                sealedHash: *sealed_hash,
            }
            .abi_encode(),
            Action::Refuse { request } => consent::refuseCall {
                requestId: request.0,
            }
            .abi_encode(),
            Action::Withdraw { request } => consent::withdrawCall {
                requestId: request.0,
            }
            .abi_encode(),
            Action::Grant {
                terms,
                request,
                fresh_until,
            } => consent::grantCall {
                terms: terms.abi(),
                requestId: request.0,
                freshUntil: *fresh_until,
            }
            .abi_encode(),
            Action::Revoke {
                grant,
                expected,
                fresh_until,
            } => consent::revokeCall {
                grantId: grant.0,
                expectedEpochs: expected.0,
                freshUntil: *fresh_until,
            }
            .abi_encode(),
            Action::MoveEpochs {
                lanes,
                expected,
                fresh_until,
                expired,
            } => consent::moveEpochsCall {
                lanes: lanes.0,
                expectedEpochs: expected.0,
                freshUntil: *fresh_until,
                expired: expired.iter().map(|g| g.0).collect(),
            }
            .abi_encode(),
            Action::Anchor {
                subject,
                items,
                deadline,
            } => records::anchorManyCall {
                subject: subject.0,
                items: items.clone(),
                deadline: *deadline,
            }
            .abi_encode(),
        }
    }

    /// The signed transaction (EIP-2718) and its hash.
    pub(crate) fn sign(
        &self,
        chain_id: u64,
        contracts: &KeysetContracts,
        nonce: u64,
        key: &SigningKey,
    ) -> (Bytes, B256) {
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: self.gas(),
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(self.to(contracts)),
            value: U256::ZERO,
            access_list: Default::default(),
            input: self.input().into(),
        };
        let signed = key.sign_digest(&tx.signature_hash());
        let signature = Signature::from_bytes_and_parity(&signed[..64], signed[64] == 28);
        let signed = tx.into_signed(signature);
        let hash = *signed.hash();
        (signed.encoded_2718().into(), hash)
    }
}

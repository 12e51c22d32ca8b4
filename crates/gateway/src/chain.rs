//! The part of the chain that people reach, and the gateway's own view of it.
//!
//! Every right is read here, at the newest block, from the contracts; nothing is cached. People reach signed heads,
//! proofs of Carechain's contracts, their nonce, receipts, and sending to those contracts: no logs, no blocks, no
//! other calls.

mod heads;
mod proofs;
mod send;

use alloy_primitives::{Address, B256};
use alloy_provider::{DynProvider, Provider};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_sol_types::SolCall;
use carechain_api::Contracts;
use carechain_bindings::{consent, directory};
use carechain_domain::{Epochs, GrantId, Kind, LaneSet, RequestId, Status, SubjectId};
use tokio::sync::watch;

use crate::GatewayError;

pub(crate) use heads::{__path_head, HeadCache, head};
pub(crate) use proofs::{__path_proof, proof};
pub(crate) use send::{__path_nonce, __path_receipt, __path_send, nonce, receipt, send};

/// The chain as the gateway asks it.
pub(crate) struct Chain {
    pub(crate) provider: DynProvider,
    pub(crate) contracts: Contracts,
    /// Number of the newest block, as it changes.
    pub(crate) newest: watch::Receiver<u64>,
}

/// For whom a key acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    pub(crate) subject: SubjectId,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
}

/// A subject as the Directory has it now.
#[derive(Clone, Debug)]
pub(crate) struct SubjectFacts {
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) key_version: u16,
    pub(crate) key_bundle_hash: B256,
    pub(crate) profile_hash: B256,
    pub(crate) credential_hash: B256,
}

/// A grant as Consent has it now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantFacts {
    pub(crate) subject: SubjectId,
    pub(crate) grantee: SubjectId,
    pub(crate) read: LaneSet,
    pub(crate) not_after: u64,
    pub(crate) ended: bool,
}

/// A request as Consent has it now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFacts {
    pub(crate) subject: SubjectId,
    pub(crate) requester: SubjectId,
}

impl Chain {
    async fn view<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, GatewayError> {
        let request = TransactionRequest::default()
            .to(to)
            .input(call.abi_encode().into());
        let answer = self.provider.call(request).await?;
        C::abi_decode_returns(&answer).map_err(|_| GatewayError::ChainAnswer(C::SIGNATURE))
    }

    /// Whether the address is one of Carechain's contracts.
    pub(crate) fn is_ours(&self, address: Address) -> bool {
        let Contracts {
            registry,
            directory,
            consent,
            records,
        } = &self.contracts;
        [registry, directory, consent, records].contains(&&address)
    }

    /// For whom a root or live device acts; none for a stranger.
    pub(crate) async fn actor(&self, key: Address) -> Result<Option<Actor>, GatewayError> {
        let call = directory::actorStatusCall { sender: key };
        let found = self.view(self.contracts.directory, &call).await?;
        if found.subject.is_zero() {
            return Ok(None);
        }
        Ok(Some(Actor {
            subject: found.subject.into(),
            kind: kind(found.kind)?,
            status: status(found.status)?,
        }))
    }

    /// Whether the key is a live device of the subject: a root is none.
    pub(crate) async fn is_device_of(
        &self,
        device: Address,
        subject: SubjectId,
    ) -> Result<bool, GatewayError> {
        let found = self
            .view(
                self.contracts.directory,
                &directory::deviceOfCall { device },
            )
            .await?;
        Ok(!subject.is_zero()
            && found.subject == subject.0
            && found.addedAt != 0
            && found.removedAt == 0)
    }

    /// A subject; none if it is not registered.
    pub(crate) async fn subject(
        &self,
        subject: SubjectId,
    ) -> Result<Option<SubjectFacts>, GatewayError> {
        let call = directory::subjectOfCall { subject: subject.0 };
        let found = self.view(self.contracts.directory, &call).await?;
        if found.kind == 0 {
            return Ok(None);
        }
        Ok(Some(SubjectFacts {
            kind: kind(found.kind)?,
            status: status(found.status)?,
            key_version: found.keyVersion,
            key_bundle_hash: found.keyBundleHash,
            profile_hash: found.profileHash,
            credential_hash: found.credentialHash,
        }))
    }

    /// Approved administrators.
    pub(crate) async fn administrators(&self) -> Result<u32, GatewayError> {
        self.view(self.contracts.directory, &directory::administratorsCall {})
            .await
    }

    /// Lanes that `grantee` may read and write at `at`; the contract never goes back behind the newest block's time.
    pub(crate) async fn lanes_of(
        &self,
        subject: SubjectId,
        grantee: SubjectId,
        at: u64,
    ) -> Result<(LaneSet, LaneSet), GatewayError> {
        let call = consent::lanesOfCall {
            subject: subject.0,
            grantee: grantee.0,
            at,
        };
        let found = self.view(self.contracts.consent, &call).await?;
        Ok((LaneSet(found.readLanes), LaneSet(found.writeLanes)))
    }

    /// The subject's sixteen epochs.
    pub(crate) async fn epochs(&self, subject: SubjectId) -> Result<Epochs, GatewayError> {
        let call = consent::epochsOfCall { subject: subject.0 };
        Ok(Epochs(self.view(self.contracts.consent, &call).await?))
    }

    /// A grant; none if there is no such id.
    pub(crate) async fn grant(&self, grant: GrantId) -> Result<Option<GrantFacts>, GatewayError> {
        let found = self
            .view(
                self.contracts.consent,
                &consent::grantOfCall { id: grant.0 },
            )
            .await?;
        if found.subject.is_zero() {
            return Ok(None);
        }
        Ok(Some(GrantFacts {
            subject: found.subject.into(),
            grantee: found.grantee.into(),
            read: LaneSet(found.readLanes),
            not_after: found.notAfter,
            ended: found.ended,
        }))
    }

    /// A request; none if there is no such id.
    pub(crate) async fn request(
        &self,
        request: RequestId,
    ) -> Result<Option<RequestFacts>, GatewayError> {
        let call = consent::requestOfCall { id: request.0 };
        let found = self.view(self.contracts.consent, &call).await?;
        if found.subject.is_zero() {
            return Ok(None);
        }
        Ok(Some(RequestFacts {
            subject: found.subject.into(),
            requester: found.requester.into(),
        }))
    }
}

fn kind(number: u8) -> Result<Kind, GatewayError> {
    Kind::try_from(number).map_err(|_| GatewayError::ChainAnswer("kind of a subject"))
}

fn status(number: u8) -> Result<Status, GatewayError> {
    Status::try_from(number).map_err(|_| GatewayError::ChainAnswer("status of a subject"))
}

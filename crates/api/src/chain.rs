//! The part of the chain that people reach: heads, proofs, their own nonce and receipts, sending.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::Base64;

/// `GET /v1/chain/head`: a block header under the node's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedHead {
    /// RLP of the header; its hash is the block's.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub header: Bytes,
    /// When the node signed.
    pub time: u64,
    /// See docs/records.md, Signed head.
    pub signature: Base64,
}

/// `POST /v1/chain/proof`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofRequest {
    /// Accounts with their storage slots; at most MAX_PROOF_SLOTS slots in all.
    pub accounts: Vec<ProofAccount>,
}

/// An account and the slots asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofAccount {
    /// One of Carechain's contracts.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: Address,
    /// Storage slots.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub slots: Vec<B256>,
}

/// Proofs, all against one signed head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateProof {
    /// The head.
    pub head: SignedHead,
    /// In the order asked for.
    pub accounts: Vec<ProvenAccount>,
}

/// An account with its proof, as `eth_getProof` gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProvenAccount {
    /// Which.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: Address,
    /// Nonce.
    pub nonce: u64,
    /// Balance in wei.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub balance: U256,
    /// Root of its storage trie.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub storage_root: B256,
    /// Hash of its code.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code_hash: B256,
    /// Trie nodes from the state root.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub proof: Vec<Bytes>,
    /// Slots in the order asked for.
    pub slots: Vec<ProvenSlot>,
}

/// A storage slot with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProvenSlot {
    /// Which.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub slot: B256,
    /// Its value; 0 is proven absent.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub value: U256,
    /// Trie nodes from the storage root.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub proof: Vec<Bytes>,
}

/// `GET /v1/chain/nonce/{address}`: the next nonce of the caller's own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nonce {
    /// Next nonce, counting what is pending.
    pub nonce: u64,
}

/// `POST /v1/chain/send`: a signed transaction to one of Carechain's contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendRequest {
    /// The raw transaction (EIP-2718).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub transaction: Bytes,
}

/// The transaction is in a durable block and the index has followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sent {
    /// Transaction hash.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub transaction: B256,
    /// Block number.
    pub block: u64,
    /// Block hash.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub block_hash: B256,
    /// Whether it did what it should; `false` is a revert.
    pub success: bool,
    /// Gas used.
    pub gas: u64,
    /// The contract's error with its arguments, where it reverted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<String>,
}

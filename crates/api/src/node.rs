//! What a node says of itself, and how one gets in: vouchers and the first claim.

use alloy_primitives::{Address, B256};
use carechain_domain::{Kind, NodeAddress};
use serde::{Deserialize, Serialize};

use crate::Base64;

/// `GET /v1/node`: what a client pins when it first meets a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeInfo {
    /// Always "carechain".
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Origin that sign-in and releases are bound to.
    pub public_url: String,
    /// Chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub genesis: B256,
    /// Address of the key that signs heads.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub node_key: NodeAddress,
    /// Addresses of the contracts.
    pub contracts: Contracts,
    /// Who gets a voucher.
    pub vouchers: VoucherPolicy,
    /// Whether the first administrator has been appointed.
    pub claimed: bool,
    /// Whether this node carries demo data.
    pub demo: bool,
    /// The server's time.
    pub time: u64,
}

/// Addresses of the contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contracts {
    /// Registry.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub registry: Address,
    /// Directory.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub directory: Address,
    /// Consent.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub consent: Address,
    /// Records.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub records: Address,
}

/// Who gets a voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VoucherPolicy {
    /// Anybody.
    Open,
    /// Holders of an invitation code.
    Invitation,
}

/// `POST /v1/vouchers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VoucherRequest {
    /// What the subject will be; administrators beyond the first need an invitation under every policy.
    pub kind: Kind,
    /// Address of the root key that will register.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: Address,
    /// Invitation code, where the policy asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// `POST /v1/claim`: the one-time code that the node printed at its first start, for the first administrator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClaimRequest {
    /// The code.
    pub code: String,
    /// Address of the root key that will register.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: Address,
}

impl core::fmt::Debug for ClaimRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClaimRequest")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// A voucher, to be spent by `Directory.register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VoucherView {
    /// Kind of subject.
    pub kind: Kind,
    /// Root address.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: Address,
    /// Organisation whose operator signed; zero is the node's own.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub organisation: B256,
    /// Spent once.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub nonce: B256,
    /// Until when.
    pub expiry: u64,
    /// The operator's signature.
    pub signature: Base64,
}

/// `POST /v1/invitations` (administrators): a code for one voucher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// Kind it is for.
    pub kind: Kind,
    /// The code; empty in the request.
    #[serde(default)]
    pub code: String,
    /// Until when; 0 in the request for the node's default.
    #[serde(default)]
    pub expiry: u64,
}

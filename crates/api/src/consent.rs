//! Grants, requests, wraps, back-links and sealed mail.

use alloy_primitives::{Address, B256};
use carechain_domain::{Epochs, Grant, GrantId, Lane, LaneSet, RequestId, SubjectId};
use serde::{Deserialize, Serialize};

use crate::Base64;

/// `GET /v1/subjects/{subject}/grants` (the patient) and `GET /v1/grants` (granted to the caller).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantsPage {
    /// Newest first.
    pub rows: Vec<GrantRow>,
}

/// A grant as the index has it; clients prove what matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantRow {
    /// The grant.
    pub grant: Grant,
    /// Whether the wrap of the present epochs is there.
    pub has_wrap: bool,
}

/// `GET /v1/subjects/{subject}/requests` (to the patient) and `GET /v1/requests` (by the caller).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestsPage {
    /// Newest first.
    pub rows: Vec<RequestRow>,
}

/// A request for access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Keccak of the sealed mail that says what is asked.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sealed_hash: B256,
    /// "open", "accepted", "refused", "withdrawn".
    pub status: String,
    /// Block that holds it.
    pub block: u64,
}

/// `PUT /v1/grants/{grant}/wrap` by the patient, `GET` by the grantee (the one of the present epochs alone).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedWrap {
    /// Which grant.
    pub grant: GrantId,
    /// Whose records.
    pub subject: SubjectId,
    /// For whom.
    pub grantee: SubjectId,
    /// Version of the grantee's key bundle it is sealed to.
    pub key_version: u16,
    /// Lanes that may be read.
    pub read: LaneSet,
    /// Lanes that may be written.
    pub write: LaneSet,
    /// The epochs of the lanes that may be read, others zero.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub epochs: Epochs,
    /// When it was signed.
    pub signed_at: u64,
    /// Device that signed.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: Address,
    /// HPKE output.
    pub sealed: Base64,
    /// The device's signature.
    pub signature: Base64,
}

/// `PUT` and `GET /v1/subjects/{subject}/back-links`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackLinks {
    /// One for each step of a lane's epoch.
    pub links: Vec<BackLink>,
}

/// The old lane key under the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackLink {
    /// Which lane.
    pub lane: Lane,
    /// The older epoch; the newer is one more.
    pub epoch: u16,
    /// 64 bytes.
    pub sealed: Base64,
}

/// `POST /v1/subjects/{recipient}/mail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostMail {
    /// What it is about: a request's id.
    pub topic: RequestId,
    /// Version of the recipient's key bundle it is sealed to.
    pub key_version: u16,
    /// HPKE output.
    pub sealed: Base64,
}

/// `GET /v1/subjects/{subject}/mail` (the recipient).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MailPage {
    /// Oldest first.
    pub items: Vec<MailItem>,
}

/// A sealed message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MailItem {
    /// Number within the mailbox.
    pub id: u64,
    /// Who sent it.
    pub sender: SubjectId,
    /// What it is about.
    pub topic: RequestId,
    /// Version of the key bundle it is sealed to.
    pub key_version: u16,
    /// When it came.
    pub at: u64,
    /// HPKE output.
    pub sealed: Base64,
}

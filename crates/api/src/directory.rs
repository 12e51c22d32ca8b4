//! Subjects, their public documents, applications and encrypted keyset copies.

use alloy_primitives::{Address, B256};
use carechain_domain::{Kind, Status, SubjectId};
use serde::{Deserialize, Serialize};

use crate::Base64;

/// `GET /v1/directory?kind=&status=&text=&speciality=&language=&after=&limit=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirectoryQuery {
    /// Kind of subject; patients are never listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Status; `approved` where it is not given. Others are for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Words in the name, speciality or place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Speciality, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speciality: Option<String>,
    /// Language (BCP 47), exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Subject after which the page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub after: Option<SubjectId>,
    /// Rows, at most MAX_PAGE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirectoryPage {
    /// Rows in order of subject.
    pub rows: Vec<DirectoryRow>,
    /// `after` of the next page; none at the end.
    pub next: Option<SubjectId>,
}

/// A subject in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirectoryRow {
    /// Which.
    pub subject: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Its profile, where one was published; check it against the hash on chain.
    pub profile: Option<Base64>,
}

/// `GET /v1/subjects/{subject}`. The caller checks everything against proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubjectView {
    /// Which.
    pub subject: SubjectId,
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// Version of the key bundle on chain.
    pub key_version: u16,
    /// Key bundle, bytes whose keccak is on chain.
    pub key_bundle: Option<Base64>,
    /// Profile, bytes whose keccak is on chain.
    pub profile: Option<Base64>,
    /// Live device keys.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub devices: Vec<Address>,
}

/// `PUT /v1/subjects/{subject}/key-bundle` and `/profile`: accepted when the keccak equals the hash on chain, or is
/// staged until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PutDocument {
    /// The document.
    pub document: Base64,
}

/// `PUT /v1/subjects/{subject}/application` and, for administrators, `GET`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Application {
    /// The applicant.
    pub subject: SubjectId,
    /// Commitment, as on chain.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub credential_hash: B256,
    /// Envelope of the package.
    pub envelope: Base64,
    /// Its key, sealed to each administrator.
    pub keys: Vec<ApplicationKey>,
}

/// An application's key for one administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplicationKey {
    /// For whom.
    pub administrator: SubjectId,
    /// Version of the key bundle it is sealed to.
    pub key_version: u16,
    /// The sealed key.
    pub sealed: Base64,
}

/// `PUT` and `GET /v1/subjects/{subject}/keyset`: the encrypted keyset file of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VaultCopy {
    /// Keyset file, as docs/records.md has it.
    pub keyset: Base64,
}

//! Signing in (EIP-4361), for listings, profiles and notifications. A session carries no right to keys.

use alloy_primitives::Address;
use carechain_domain::{Kind, SubjectId};
use serde::{Deserialize, Serialize};

use crate::Base64;

/// `GET /v1/session/nonce`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignInNonce {
    /// To be put into the message; good once, for ten minutes.
    pub nonce: String,
}

/// `POST /v1/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionRequest {
    /// The EIP-4361 message.
    pub message: String,
    /// EIP-191 signature over it by a root or live device key.
    pub signature: Base64,
}

/// The session that the cookie stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Who acts.
    pub subject: SubjectId,
    /// What they are.
    pub kind: Kind,
    /// Key that signed.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: Address,
    /// Until when.
    pub expires: u64,
}

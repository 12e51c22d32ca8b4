//! Errors as callers see them: a stable code, a message that says what to do, and where it applies the field.
//!
//! What went wrong inside is logged under the request's id and never sent.

use serde::{Deserialize, Serialize};

/// The body of every response that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// Stable; programs decide by it.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// The field at fault, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub field: Option<String>,
    /// Name of the contract's error with its arguments, where the chain refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revert: Option<String>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $status:literal $text:literal,)+) => {
        /// Stable codes, each with one HTTP status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)+];

            /// Its HTTP status.
            pub fn status(self) -> u16 {
                match self { $(ErrorCode::$name => $status,)+ }
            }

            /// Its text on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// A field is missing or malformed; `field` names it.
    InvalidField 400 "invalid_field",
    /// The body is no JSON, or not of the shape asked for.
    InvalidBody 400 "invalid_body",
    /// A signature does not match what it should sign.
    InvalidSignature 401 "invalid_signature",
    /// No session, or it has ended: sign in.
    SignInRequired 401 "sign_in_required",
    /// A signed statement has expired, or lies too far ahead.
    Expired 401 "expired",
    /// A nonce was used already.
    Replayed 401 "replayed",
    /// Signed in, but not allowed; the message says what is missing.
    Denied 403 "denied",
    /// No live grant covers this.
    NotGranted 403 "not_granted",
    /// The subject is not approved, or suspended.
    NotApproved 403 "not_approved",
    /// The origin of the request is not this node's.
    WrongOrigin 403 "wrong_origin",
    /// No such thing, or not for you.
    NotFound 404 "not_found",
    /// The method does not fit the address.
    MethodNotAllowed 405 "method_not_allowed",
    /// Something else is there already.
    Conflict 409 "conflict",
    /// The chain refused the transaction; `revert` says why.
    Reverted 409 "reverted",
    /// A body or batch is over its limit; the message names it.
    TooLarge 413 "too_large",
    /// The media type is not one this address takes.
    UnsupportedMediaType 415 "unsupported_media_type",
    /// Too many requests; `Retry-After` says when.
    TooManyRequests 429 "too_many_requests",
    /// The node failed; its log has the cause under the request's id.
    Internal 500 "internal",
    /// The index lags behind the chain, so that nothing is released.
    Lagging 503 "lagging",
    /// The node is starting, stopping, or an engine of it is out of reach.
    Unavailable 503 "unavailable",
    /// The chain did not answer in time; ask for the transaction's receipt.
    Timeout 504 "timeout",
}

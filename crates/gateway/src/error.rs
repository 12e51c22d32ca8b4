//! Errors, and the one table from them to a code, a status and a message.
//!
//! A refusal says what was wrong with the request and what to do. A failure of an engine says "the node failed" and
//! the request's id; its cause is logged under that id by [`crate::observe`] and never sent. No variant carries a
//! secret, a body, or a value of a record.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use alloy_transport::TransportError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use carechain_api::{ErrorBody, ErrorCode};
use carechain_domain::{Lane, RecordId};
use carechain_index::IndexError;
use carechain_ipfs::IpfsError;
use carechain_vault::VaultError;

/// Why the gateway does not start, or refuses a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// There is no TLS yet, so people beyond this machine may not be served.
    #[error("{0} is not a loopback address: without TLS the gateway listens on this machine alone")]
    NotLoopback(SocketAddr),
    /// The public URL is no origin.
    #[error("public URL {url:?}: {reason}")]
    PublicUrl {
        /// What was given.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The listener could not be bound.
    #[error("cannot listen on {addr}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A background task did not end as it should.
    #[error("{0} ended badly")]
    Task(&'static str),

    /// A field is missing or malformed.
    #[error("{field}: {reason}")]
    Field {
        /// Which.
        field: Cow<'static, str>,
        /// What is wrong.
        reason: Cow<'static, str>,
    },
    /// The body is not of the shape asked for.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// A signature does not match what it should sign.
    #[error("{0}: the signature does not match")]
    Signature(&'static str),
    /// No session, or it has ended.
    #[error("sign in first")]
    SignInRequired,
    /// A signed statement has expired, or lies too far ahead.
    #[error("{0} has expired, or lies too far ahead of the node's clock")]
    Expired(&'static str),
    /// A nonce was used already.
    #[error("{0} was used already")]
    Replayed(&'static str),
    /// Not allowed.
    #[error("{0}")]
    Denied(&'static str),
    /// No live grant covers a record.
    #[error("no live grant covers record {0}")]
    RecordNotGranted(RecordId),
    /// No live grant covers a lane.
    #[error("no live grant covers lane {0}")]
    LaneNotGranted(Lane),
    /// A grant has ended.
    #[error("the grant has ended")]
    GrantEnded,
    /// No live grant at all.
    #[error("no live grant lets you read here")]
    NothingGranted,
    /// The subject is not approved.
    #[error("{0}")]
    NotApproved(&'static str),
    /// A request from another origin.
    #[error("the request comes from another origin than this node's")]
    WrongOrigin,
    /// No such thing, or not for the caller.
    #[error("{0}: there is none, or it is not for you")]
    NotFound(Cow<'static, str>),
    /// The method does not fit the address.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// Something else is there already.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The chain refused a transaction.
    #[error("the chain refused the transaction: {message}")]
    Reverted {
        /// What it says.
        message: String,
        /// Name of the contract's error with its arguments.
        revert: Option<String>,
    },
    /// A body or batch is over its limit.
    #[error("{what} is over its limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Another media type than the address takes.
    #[error("send it as {0}")]
    UnsupportedMediaType(&'static str),
    /// Too many requests.
    #[error("too many requests: wait {retry_after_secs} s")]
    TooManyRequests {
        /// When to come back.
        retry_after_secs: u64,
    },
    /// The index is too far behind the chain.
    #[error("the index lags behind the chain: try again shortly")]
    Lagging,
    /// An engine is out of reach, or at its bounds.
    #[error("{0}: try again shortly")]
    Unavailable(&'static str),
    /// The chain did not answer in time.
    #[error("the chain did not answer in time: ask for the transaction's receipt")]
    Timeout,

    /// The chain failed.
    #[error("the node failed")]
    Chain(#[source] TransportError),
    /// The chain answered what it should not.
    #[error("the node failed")]
    ChainAnswer(&'static str),
    /// The vault failed.
    #[error("the node failed")]
    Vault(#[source] VaultError),
    /// The index failed.
    #[error("the node failed")]
    Index(#[source] IndexError),
    /// The content store failed.
    #[error("the node failed")]
    Store(#[source] IpfsError),
    /// What the vault holds is not what the gateway wrote.
    #[error("the node failed")]
    Stored(&'static str),
    /// The operating system gives no randomness.
    #[error("the node failed")]
    Random,
    /// A handler panicked.
    #[error("the node failed")]
    Panicked,
}

impl GatewayError {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        use GatewayError as E;
        match self {
            E::Field { .. } => ErrorCode::InvalidField,
            E::Body(_) => ErrorCode::InvalidBody,
            E::Signature(_) => ErrorCode::InvalidSignature,
            E::SignInRequired => ErrorCode::SignInRequired,
            E::Expired(_) => ErrorCode::Expired,
            E::Replayed(_) => ErrorCode::Replayed,
            E::Denied(_) => ErrorCode::Denied,
            E::RecordNotGranted(_) | E::LaneNotGranted(_) | E::GrantEnded | E::NothingGranted => {
                ErrorCode::NotGranted
            }
            E::NotApproved(_) => ErrorCode::NotApproved,
            E::WrongOrigin => ErrorCode::WrongOrigin,
            E::NotFound(_) => ErrorCode::NotFound,
            E::MethodNotAllowed => ErrorCode::MethodNotAllowed,
            E::Conflict(_) => ErrorCode::Conflict,
            E::Reverted { .. } => ErrorCode::Reverted,
            E::TooLarge { .. } => ErrorCode::TooLarge,
            E::UnsupportedMediaType(_) => ErrorCode::UnsupportedMediaType,
            E::TooManyRequests { .. } => ErrorCode::TooManyRequests,
            E::Lagging => ErrorCode::Lagging,
            E::Unavailable(_) => ErrorCode::Unavailable,
            E::Timeout => ErrorCode::Timeout,
            E::NotLoopback(_)
            | E::PublicUrl { .. }
            | E::Listen { .. }
            | E::Task(_)
            | E::Chain(_)
            | E::ChainAnswer(_)
            | E::Vault(_)
            | E::Index(_)
            | E::Store(_)
            | E::Stored(_)
            | E::Random
            | E::Panicked => ErrorCode::Internal,
        }
    }

    /// What the caller is told.
    pub(crate) fn body(&self) -> ErrorBody {
        let code = self.code();
        let message = if code == ErrorCode::Internal {
            "the node failed; its log has the cause under this answer's x-request-id".to_owned()
        } else {
            self.to_string()
        };
        let mut body = ErrorBody {
            code,
            message,
            field: None,
            revert: None,
        };
        if let GatewayError::Field { field, .. } = self {
            body.field = Some(field.clone().into_owned());
        }
        if let GatewayError::Reverted { revert, .. } = self {
            body.revert.clone_from(revert);
        }
        body
    }

    /// A malformed field.
    pub(crate) fn field(
        field: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        GatewayError::Field {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// Nothing there, or not for the caller.
    pub(crate) fn not_found(what: impl Into<Cow<'static, str>>) -> Self {
        GatewayError::NotFound(what.into())
    }

    /// Something else is there.
    pub(crate) fn conflict(why: impl Into<Cow<'static, str>>) -> Self {
        GatewayError::Conflict(why.into())
    }

    /// The whole cause, for the log.
    pub(crate) fn causes(&self) -> String {
        let mut text = self.to_string();
        if let GatewayError::ChainAnswer(what) | GatewayError::Stored(what) = self {
            text = format!("{text}: {what}");
        }
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<VaultError> for GatewayError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Erased(_) => {
                GatewayError::Denied("this subject was erased: nothing is kept for it")
            }
            VaultError::TooLarge { what, limit } => GatewayError::TooLarge { what, limit },
            VaultError::Full { what, limit } => {
                GatewayError::Conflict(format!("{what} is full: at most {limit}").into())
            }
            VaultError::NonceSpent => GatewayError::Replayed("the nonce"),
            VaultError::CodeRefused => {
                GatewayError::Denied("the code is unknown, expired, used, or for another kind")
            }
            error @ (VaultError::Folder { .. }
            | VaultError::Open { .. }
            | VaultError::Newer { .. }
            | VaultError::Migrate { .. }
            | VaultError::KeysForeign { .. }
            | VaultError::Sql { .. }
            | VaultError::Unreadable { .. }
            | VaultError::Malformed { .. }
            | VaultError::Randomness(_)) => GatewayError::Vault(error),
        }
    }
}

impl From<IndexError> for GatewayError {
    fn from(error: IndexError) -> Self {
        GatewayError::Index(error)
    }
}

impl From<IpfsError> for GatewayError {
    fn from(error: IpfsError) -> Self {
        match error {
            IpfsError::Missing { .. } => GatewayError::NotFound("blob".into()),
            IpfsError::TooLarge { limit_bytes } => GatewayError::TooLarge {
                what: "the blob",
                limit: limit_bytes,
            },
            IpfsError::Stopped => GatewayError::Unavailable("the content store is stopping"),
            error @ (IpfsError::Block(_)
            | IpfsError::TooMany { .. }
            | IpfsError::Range { .. }
            | IpfsError::Input(_)
            | IpfsError::Read { .. }
            | IpfsError::Failed { .. }
            | IpfsError::Open { .. }
            | IpfsError::Locked { .. }
            | IpfsError::NewerFormat { .. }
            | IpfsError::BadFormat { .. }) => GatewayError::Store(error),
        }
    }
}

impl From<TransportError> for GatewayError {
    fn from(error: TransportError) -> Self {
        GatewayError::Chain(error)
    }
}

/// Travels with a response to the log.
#[derive(Clone)]
pub(crate) struct Fault(pub(crate) Arc<GatewayError>);

impl IntoResponse for GatewayError {
    fn into_response(self) -> Response {
        let body = self.body();
        let status =
            StatusCode::from_u16(body.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        if let GatewayError::TooManyRequests { retry_after_secs } = &self {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_secs));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(1));
        }
        response.extensions_mut().insert(Fault(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests;

//! What is sealed and kept for somebody: applications for the administrators, copies of keysets for their owner.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use carechain_api::{Application, MAX_APPLICATION_BYTES, VaultCopy};
use carechain_crypto::{KEYSET_MAX_BYTES, WRAP_MAX_BYTES};
use carechain_domain::{Kind, SubjectId};

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::{Id, Input};
use crate::guard::Caller;
use crate::state::Shared;

/// Administrators that an application's key is sealed to.
const MAX_APPLICATION_KEYS: usize = 64;
/// An application's JSON: base64 of the envelope, and its keys.
const APPLICATION_JSON_BYTES: usize = MAX_APPLICATION_BYTES / 3 * 4 + (1 << 20);

#[utoipa::path(
    put, path = "/v1/subjects/{subject}/application", tag = "directory", request_body = Application,
    params(("subject" = String, Path, description = "The applicant")),
    responses(
        (status = 204),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 413, body = carechain_api::ErrorBody),
    ),
)]
/// Hands in an application, sealed to the administrators.
pub(crate) async fn put_application(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Input(application): Input<Application, APPLICATION_JSON_BYTES>,
) -> Result<StatusCode, GatewayError> {
    caller.must_be(subject)?;
    if application.subject != subject {
        return Err(GatewayError::field(
            "subject",
            "it must be the one in the address",
        ));
    }
    if caller.kind == Kind::Patient {
        return Err(GatewayError::Denied("patients have nothing to apply for"));
    }
    if application.envelope.0.len() > MAX_APPLICATION_BYTES {
        return Err(GatewayError::TooLarge {
            what: "envelope, in bytes,",
            limit: MAX_APPLICATION_BYTES as u64,
        });
    }
    if application.keys.is_empty() || application.keys.len() > MAX_APPLICATION_KEYS {
        return Err(GatewayError::field(
            "keys",
            "seal the key to one to 64 administrators",
        ));
    }
    if application
        .keys
        .iter()
        .any(|key| key.sealed.0.len() > WRAP_MAX_BYTES)
    {
        return Err(GatewayError::field("keys", "a sealed key is too long"));
    }
    let body = serde_json::to_vec(&application).map_err(|_| GatewayError::Stored("application"))?;
    app.vault
        .put_application(subject, application.credential_hash, &body, unix_secs())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/application", tag = "directory",
    params(("subject" = String, Path, description = "The applicant")),
    responses(
        (status = 200, body = Application),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 404, body = carechain_api::ErrorBody),
    ),
)]
/// An application: the one whose commitment is on chain, where it was handed in.
pub(crate) async fn application(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
) -> Result<Json<Application>, GatewayError> {
    if !caller.is_admin() {
        caller.must_be(subject)?;
    }
    let facts = app
        .chain
        .subject(subject)
        .await?
        .ok_or_else(|| GatewayError::not_found("subject"))?;
    let stored = app.vault.application(subject).await?;
    let stored = stored.filter(|stored| {
        caller.subject == subject || stored.credential_hash == facts.credential_hash
    });
    let stored = stored.ok_or_else(|| GatewayError::not_found("application"))?;
    serde_json::from_slice(&stored.body)
        .map(Json)
        .map_err(|_| GatewayError::Stored("application"))
}

#[utoipa::path(
    put, path = "/v1/subjects/{subject}/keyset", tag = "directory", request_body = VaultCopy,
    params(("subject" = String, Path, description = "Whose")),
    responses((status = 204), (status = 403, body = carechain_api::ErrorBody)),
)]
/// Keeps an encrypted copy of the caller's keyset file.
pub(crate) async fn put_keyset(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Input(copy): Input<VaultCopy>,
) -> Result<StatusCode, GatewayError> {
    caller.must_be(subject)?;
    if copy.keyset.0.is_empty() || copy.keyset.0.len() > KEYSET_MAX_BYTES {
        return Err(GatewayError::field(
            "keyset",
            "it is empty or over its limit",
        ));
    }
    app.vault
        .put_keyset(subject, &copy.keyset.0, unix_secs())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/keyset", tag = "directory",
    params(("subject" = String, Path, description = "Whose")),
    responses((status = 200, body = VaultCopy), (status = 404, body = carechain_api::ErrorBody)),
)]
/// The encrypted copy of the caller's keyset file.
pub(crate) async fn keyset(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
) -> Result<Json<VaultCopy>, GatewayError> {
    caller.must_be(subject)?;
    let keyset = app
        .vault
        .keyset(subject)
        .await?
        .ok_or_else(|| GatewayError::not_found("keyset"))?;
    Ok(Json(VaultCopy {
        keyset: keyset.into(),
    }))
}

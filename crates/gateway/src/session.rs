//! Signing in and out. A session opens listings, profiles and notifications; it carries no right to keys.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use carechain_api::{Session, SessionRequest, SignInNonce};
use carechain_crypto::recover;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::Input;
use crate::guard::{COOKIE, Caller, token_of};
use crate::siwe::{self, Expected};
use crate::state::Shared;

/// How long a session lasts.
const SESSION_SECS: u64 = 12 * 3_600;

#[utoipa::path(
    get, path = "/v1/session/nonce", tag = "session",
    responses((status = 200, body = SignInNonce), (status = 429, body = carechain_api::ErrorBody)),
)]
/// A nonce for a sign-in message.
pub(crate) async fn sign_in_nonce(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<Json<SignInNonce>, GatewayError> {
    app.rates.sign_ins.take(peer.ip())?;
    let now = unix_secs();
    let nonce = app
        .vault
        .new_sign_in_nonce(now + siwe::MAX_AGE_SECS, now)
        .await?;
    Ok(Json(SignInNonce { nonce }))
}

#[utoipa::path(
    post, path = "/v1/session", tag = "session", request_body = SessionRequest,
    responses(
        (status = 200, body = Session),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
    ),
)]
/// Signs in with an EIP-4361 message; the answer sets the session's cookie.
pub(crate) async fn sign_in(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Input(request): Input<SessionRequest>,
) -> Result<impl IntoResponse, GatewayError> {
    app.rates.sign_ins.take(peer.ip())?;
    let now = unix_secs();
    let origin = &app.settings.origin;
    let expected = Expected {
        origin: origin.as_str(),
        domain: origin.domain(),
        chain_id: app.settings.chain_id,
        now,
    };
    let claim = siwe::check(&request.message, &expected)?;
    let signer = recover(&claim.digest, request.signature.as_ref())
        .map_err(|_| GatewayError::Signature("the sign-in message"))?;
    if signer != claim.address {
        return Err(GatewayError::Signature("the sign-in message"));
    }
    if !app.vault.spend_sign_in_nonce(&claim.nonce, now).await? {
        return Err(GatewayError::Replayed(
            "the sign-in nonce (or it was never given out)",
        ));
    }
    let actor = app.chain.actor(signer).await?;
    let actor = actor.ok_or(GatewayError::Denied(
        "this key acts for no subject: register first",
    ))?;
    let expires = now + SESSION_SECS;
    let token = app
        .vault
        .new_session(actor.subject, signer, expires, now)
        .await?;
    let cookie = cookie(token.as_str(), SESSION_SECS, origin.is_secure())?;
    let session = Session {
        subject: actor.subject,
        kind: actor.kind,
        address: signer,
        expires,
    };
    Ok((AppendHeaders([cookie]), Json(session)))
}

#[utoipa::path(
    get, path = "/v1/session", tag = "session",
    responses((status = 200, body = Session), (status = 401, body = carechain_api::ErrorBody)),
)]
/// The session that the cookie stands for.
pub(crate) async fn session(caller: Caller) -> Json<Session> {
    let Caller {
        subject,
        kind,
        address,
        expires,
        ..
    } = caller;
    Json(Session {
        subject,
        kind,
        address,
        expires,
    })
}

#[utoipa::path(
    delete, path = "/v1/session", tag = "session",
    responses((status = 204), (status = 401, body = carechain_api::ErrorBody)),
)]
/// Signs out.
pub(crate) async fn sign_out(
    State(app): State<Shared>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, GatewayError> {
    let token = token_of(&headers).ok_or(GatewayError::SignInRequired)?;
    if !app.vault.end_session(token).await? {
        return Err(GatewayError::SignInRequired);
    }
    let cookie = cookie("", 0, app.settings.origin.is_secure())?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([cookie])))
}

/// The header that sets the cookie; an age of 0 removes it.
fn cookie(
    token: &str,
    age_secs: u64,
    secure: bool,
) -> Result<(HeaderName, HeaderValue), GatewayError> {
    let secure = if secure { "; Secure" } else { "" };
    let text =
        format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_secs}{secure}");
    let mut value =
        HeaderValue::try_from(text).map_err(|_| GatewayError::Stored("session token"))?;
    value.set_sensitive(true);
    Ok((header::SET_COOKIE, value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_cookie_is_closed_to_scripts_and_other_sites() {
        let (name, value) = cookie(&"ab".repeat(32), SESSION_SECS, false).unwrap();
        assert_eq!(name, header::SET_COOKIE);
        let text = value.to_str().unwrap();
        assert!(text.starts_with("carechain_session=abab"));
        for part in [
            "; Path=/",
            "; HttpOnly",
            "; SameSite=Strict",
            "; Max-Age=43200",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("Secure"));
        assert!(!format!("{value:?}").contains("abab"), "no log shows it");
        let (_, value) = cookie("", 0, true).unwrap();
        assert!(value.to_str().unwrap().ends_with("Max-Age=0; Secure"));
    }
}

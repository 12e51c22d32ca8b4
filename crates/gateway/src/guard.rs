//! Who calls: the session behind a cookie, asked anew of the chain at every request.
//!
//! A session ends with its time, with signing out, and at once when its key no longer acts for its subject. A device
//! that was removed or a doctor who was suspended is seen as such in the request that follows.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use carechain_domain::{Kind, Status, SubjectId};

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::state::{App, Shared};

/// Name of the session's cookie.
pub(crate) const COOKIE: &str = "carechain_session";
/// Length of a session's token: 32 bytes in hex.
const TOKEN_CHARS: usize = 64;

/// A signed-in caller, as the chain knows it now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) subject: SubjectId,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) address: alloy_primitives::Address,
    pub(crate) expires: u64,
}

impl Caller {
    /// Refuses anybody but `subject`.
    pub(crate) fn must_be(&self, subject: SubjectId) -> Result<(), GatewayError> {
        if self.subject == subject {
            Ok(())
        } else {
            Err(GatewayError::Denied("only the subject itself may do this"))
        }
    }

    /// Whether the caller is an approved administrator.
    pub(crate) fn is_admin(&self) -> bool {
        self.kind == Kind::Administrator && self.status == Status::Approved
    }

    /// Refuses anybody but approved administrators.
    pub(crate) fn must_be_admin(&self) -> Result<(), GatewayError> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(GatewayError::Denied(
                "only approved administrators may do this",
            ))
        }
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = GatewayError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, GatewayError> {
        let token = token_of(&parts.headers).ok_or(GatewayError::SignInRequired)?;
        app.caller(token).await?.ok_or(GatewayError::SignInRequired)
    }
}

/// A caller, if there is a session.
pub(crate) struct MaybeCaller(pub(crate) Option<Caller>);

impl FromRequestParts<Shared> for MaybeCaller {
    type Rejection = GatewayError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, GatewayError> {
        let Some(token) = token_of(&parts.headers) else {
            return Ok(MaybeCaller(None));
        };
        app.caller(token).await.map(MaybeCaller)
    }
}

impl App {
    /// The caller behind a token, while session and key hold.
    pub(crate) async fn caller(&self, token: &str) -> Result<Option<Caller>, GatewayError> {
        let Some(session) = self.vault.session(token, unix_secs()).await? else {
            return Ok(None);
        };
        let actor = self.chain.actor(session.address).await?;
        let Some(actor) = actor.filter(|actor| actor.subject == session.subject) else {
            self.vault
                .end_sessions_of(session.subject, session.address)
                .await?;
            return Ok(None);
        };
        self.rates.subject.take(actor.subject)?;
        Ok(Some(Caller {
            subject: actor.subject,
            kind: actor.kind,
            status: actor.status,
            address: session.address,
            expires: session.expires,
        }))
    }
}

/// The session's token; none unless there is exactly one well-formed cookie of the name.
pub(crate) fn token_of(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else {
                continue;
            };
            if name == COOKIE && found.replace(value).is_some() {
                return None;
            }
        }
    }
    found.filter(|token| token.len() == TOKEN_CHARS && token.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cookies(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn one_well_formed_cookie_is_a_token() {
        let token = "ab".repeat(32);
        let good = format!("theme=dark; {COOKIE}={token}; x=y");
        assert_eq!(token_of(&cookies(&[&good])), Some(token.as_str()));
        let other = format!("{COOKIE}={}", "cd".repeat(32));
        for bad in [
            vec![],
            vec!["theme=dark"],
            vec![good.as_str(), other.as_str()],
            vec!["carechain_session=short"],
            vec![
                "xcarechain_session=abababababababababababababababababababababababababababababababab",
            ],
        ] {
            assert_eq!(token_of(&cookies(&bad)), None, "{bad:?}");
        }
        let odd = format!("{COOKIE}={}", "zz".repeat(32));
        assert_eq!(token_of(&cookies(&[&odd])), None);
    }
}

//! Typed calls of docs/gateway.md over a [`Platform`].
//!
//! Keeps the session's cookie and the node's origin; signs nothing. Bodies are bounded before they are read, and an
//! answer that is not a success becomes [`ClientError::Refused`] with the node's stable code.

mod blobs;
mod calls;

use core::cell::RefCell;

pub(crate) use blobs::{Released, ReleasedItem};

use carechain_api::{ErrorBody, MAX_JSON_BYTES};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ClientError;
use crate::platform::{Body, Method, Platform, PlatformError, Request, Response};

/// Largest JSON answer that is read; listings come as frames, one item at a time.
const MAX_ANSWER_BYTES: usize = 8 * MAX_JSON_BYTES;

/// A node as this device talks to it.
pub(crate) struct Http<P> {
    pub(crate) platform: P,
    cookie: RefCell<Option<String>>,
    origin: RefCell<Option<String>>,
}

impl<P: Platform> Http<P> {
    pub(crate) fn new(platform: P) -> Self {
        Self {
            platform,
            cookie: RefCell::new(None),
            origin: RefCell::new(None),
        }
    }

    /// The origin that state-changing requests name.
    pub(crate) fn set_origin(&self, origin: &str) {
        *self.origin.borrow_mut() = Some(origin.to_owned());
    }

    pub(crate) fn has_session(&self) -> bool {
        self.cookie.borrow().is_some()
    }

    pub(crate) fn drop_session(&self) {
        *self.cookie.borrow_mut() = None;
    }

    async fn send(
        &self,
        method: Method,
        path: String,
        content_type: Option<&str>,
        extra: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Response<P::Body>, ClientError> {
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        if let Some(kind) = content_type {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        if let Some(cookie) = self.cookie.borrow().as_ref() {
            headers.push(("cookie".to_owned(), cookie.clone()));
        }
        if method != Method::Get
            && let Some(origin) = self.origin.borrow().as_ref()
        {
            headers.push(("origin".to_owned(), origin.clone()));
        }
        headers.extend(
            extra
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let response = self
            .platform
            .send(Request {
                method,
                path,
                headers,
                body,
            })
            .await?;
        self.keep_cookie(&response.headers);
        Ok(response)
    }

    fn keep_cookie(&self, headers: &[(String, String)]) {
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap_or_default().trim();
                let empty = pair.split_once('=').is_none_or(|(_, v)| v.is_empty());
                *self.cookie.borrow_mut() = (!empty).then(|| pair.to_owned());
            }
        }
    }

    /// Sends JSON (or nothing) and gives the answer's body once it is known to be a success.
    async fn exchange(
        &self,
        what: &'static str,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, ClientError> {
        let kind = body.as_ref().map(|_| "application/json");
        let response = self
            .send(method, path, kind, &[], body.unwrap_or_default())
            .await?;
        let status = response.status;
        let bytes = read_all(response.body, MAX_ANSWER_BYTES).await?;
        if (200..300).contains(&status) {
            Ok(bytes)
        } else {
            Err(refusal(what, status, &bytes))
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: impl Into<String>,
    ) -> Result<T, ClientError> {
        parse(
            what,
            &self.exchange(what, Method::Get, path.into(), None).await?,
        )
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = encode(what, body)?;
        parse(
            what,
            &self
                .exchange(what, Method::Post, path.into(), Some(body))
                .await?,
        )
    }

    /// Sends where the answer has no body.
    pub(crate) async fn tell(
        &self,
        what: &'static str,
        method: Method,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<(), ClientError> {
        let body = encode(what, body)?;
        self.exchange(what, method, path.into(), Some(body))
            .await
            .map(drop)
    }

    /// Sends without a body where the answer has none.
    pub(crate) async fn tell_bare(
        &self,
        what: &'static str,
        method: Method,
        path: impl Into<String>,
    ) -> Result<(), ClientError> {
        self.exchange(what, method, path.into(), None)
            .await
            .map(drop)
    }
}

fn encode(what: &'static str, body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|e| ClientError::Answer {
        what,
        why: e.to_string(),
    })
}

fn parse<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|e| ClientError::Answer {
        what,
        // A position, never a value: answers may hold what is not for logs.
        why: format!(
            "not the shape expected (line {}, column {})",
            e.line(),
            e.column()
        ),
    })
}

/// The error of an answer that is no success.
fn refusal(what: &'static str, status: u16, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(error) => ClientError::Refused {
            code: error.code,
            message: error.message,
            field: error.field,
            revert: error.revert,
        },
        Err(_) => ClientError::Answer {
            what,
            why: format!("status {status}"),
        },
    }
}

/// Reads a body to its end, up to `limit` bytes.
pub(crate) async fn read_all<B: Body>(mut body: B, limit: usize) -> Result<Vec<u8>, ClientError> {
    let mut out = Vec::new();
    while let Some(piece) = body.chunk().await? {
        if out.len() + piece.len() > limit {
            return Err(PlatformError::TooLarge.into());
        }
        out.extend_from_slice(&piece);
    }
    Ok(out)
}

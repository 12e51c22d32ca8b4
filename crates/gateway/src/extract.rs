//! Reading requests: JSON bodies, queries and ids in paths, each refusal naming the field.

use std::str::FromStr;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use carechain_api::MAX_JSON_BYTES;
use futures::StreamExt;
use serde::de::DeserializeOwned;

use crate::GatewayError;

/// Longest text of a reason that is told.
const MAX_REASON_CHARS: usize = 200;

/// A JSON body of at most `LIMIT` bytes.
pub(crate) struct Input<T, const LIMIT: usize = MAX_JSON_BYTES>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned, const LIMIT: usize> FromRequest<S> for Input<T, LIMIT> {
    type Rejection = GatewayError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, GatewayError> {
        if !is_type(request.headers(), "application/json") {
            return Err(GatewayError::UnsupportedMediaType("application/json"));
        }
        let bytes = read(request.into_body(), LIMIT).await?;
        parse(&bytes).map(Input)
    }
}

/// Whether the body is announced as this media type, whatever its parameters.
pub(crate) fn is_type(headers: &HeaderMap, media_type: &str) -> bool {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    text.is_some_and(|text| {
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case(media_type)
    })
}

/// A whole body of at most `limit` bytes.
async fn read(body: Body, limit: usize) -> Result<Vec<u8>, GatewayError> {
    let too_large = || GatewayError::TooLarge {
        what: "the body, in bytes,",
        limit: limit as u64,
    };
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| GatewayError::Body("it was cut".to_owned()))?;
        if bytes.len() + piece.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// JSON to a type; a wrong field is named by its path.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, GatewayError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let reason: String = inner.to_string().chars().take(MAX_REASON_CHARS).collect();
        if inner.is_data() && path != "." {
            GatewayError::field(path, reason)
        } else {
            GatewayError::Body(reason)
        }
    })?;
    reader
        .end()
        .map_err(|_| GatewayError::Body("something follows the JSON".to_owned()))?;
    Ok(value)
}

/// The query of an address.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = GatewayError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, GatewayError> {
        let query = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let reason: String = rejection
                .body_text()
                .chars()
                .take(MAX_REASON_CHARS)
                .collect();
            GatewayError::field("query", reason)
        })?;
        Ok(Asked(query.0))
    }
}

/// Something with a name that is part of a path.
pub(crate) trait Named: FromStr {
    /// What it is called in errors.
    const FIELD: &'static str;
}

macro_rules! named {
    ($($type:ty => $field:literal),+ $(,)?) => {
        $(impl Named for $type { const FIELD: &'static str = $field; })+
    };
}

named! {
    carechain_domain::SubjectId => "subject",
    carechain_domain::GrantId => "grant",
    alloy_primitives::Address => "address",
    alloy_primitives::B256 => "transaction",
}

/// The one id in a path.
pub(crate) struct Id<T>(pub(crate) T);

impl<S: Send + Sync, T: Named> FromRequestParts<S> for Id<T> {
    type Rejection = GatewayError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, GatewayError> {
        let wrong = || GatewayError::field(T::FIELD, "it must be 0x and hex digits of its length");
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| wrong())?;
        if !text.starts_with("0x") {
            return Err(wrong());
        }
        text.parse().map(Id).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carechain_api::{ErrorCode, Stage};

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        let error = parse::<Stage>(br#"{"rows":[{"record":7}],"deadline":1}"#)
            .err()
            .unwrap();
        let body = error.body();
        assert_eq!(body.code, ErrorCode::InvalidField);
        assert_eq!(body.field.as_deref(), Some("rows[0].record"));
        for bad in [
            &b"{"[..],
            b"",
            b"[]",
            br#"{"rows":[],"deadline":1} x"#,
            b"\xff",
        ] {
            assert_eq!(
                parse::<Stage>(bad).err().unwrap().code(),
                ErrorCode::InvalidBody
            );
        }
        assert!(
            parse::<Stage>(br#"{"rows":[],"deadline":1}"#)
                .unwrap()
                .rows
                .is_empty()
        );
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_and_the_limit_told() {
        let json = || Request::post("/").header("content-type", "application/json; charset=utf-8");
        let request = json().body(Body::from(vec![b' '; 65])).unwrap();
        let refused = Input::<Stage, 64>::from_request(request, &())
            .await
            .err()
            .unwrap();
        assert_eq!(refused.code(), ErrorCode::TooLarge);
        assert!(refused.to_string().contains("64"));
        let pieces =
            futures::stream::iter([Ok::<_, std::io::Error>(vec![b' '; 40]), Ok(vec![b' '; 40])]);
        let request = json().body(Body::from_stream(pieces)).unwrap();
        let refused = Input::<Stage, 64>::from_request(request, &())
            .await
            .err()
            .unwrap();
        assert_eq!(refused.code(), ErrorCode::TooLarge);
        let request = Request::post("/").body(Body::from("{}")).unwrap();
        let refused = Input::<Stage>::from_request(request, &())
            .await
            .err()
            .unwrap();
        assert_eq!(refused.code(), ErrorCode::UnsupportedMediaType);
    }
}

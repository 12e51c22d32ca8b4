//! Ciphertext up and down. The gateway never looks into a blob.

mod upload;

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::GatewayError;
use crate::guard::Caller;
use crate::records::cid;
use crate::state::Shared;

pub(crate) use upload::{__path_upload, upload};

/// Up to this size an answer is read whole before it is sent.
const WHOLE_BYTES: u64 = 4 << 20;
/// Blobs never change under their CID; what is kept is ciphertext.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

#[utoipa::path(
    get, path = "/v1/blobs/{cid}", tag = "blobs",
    params(
        ("cid" = String, Path, description = "CIDv1"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        (status = 200, content_type = "application/octet-stream"),
        (status = 206, content_type = "application/octet-stream"),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 404, body = carechain_api::ErrorBody),
    ),
)]
/// A blob's ciphertext, or a range of it.
pub(crate) async fn blob(
    State(app): State<Shared>,
    _caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Result<Response, GatewayError> {
    let cid = cid(&text)
        .ok_or_else(|| GatewayError::field("cid", "it is no CID as this store writes them"))?;
    if !app.store.has(&cid) {
        return Err(GatewayError::not_found("blob"));
    }
    let size = app.store.size(cid).await?;
    let asked = headers
        .get(header::RANGE)
        .map(|value| range(value, size))
        .transpose()?
        .flatten();
    let span = asked.clone().unwrap_or(0..size);
    let length = span.end - span.start;
    let body = if length <= WHOLE_BYTES {
        Body::from(app.store.read_range(cid, span.start, length).await?)
    } else {
        Body::from_stream(app.store.get_range(cid, span.clone()).await?)
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, CACHE);
    if let Ok(tag) = HeaderValue::try_from(format!("\"{text}\"")) {
        headers.insert(header::ETAG, tag);
    }
    if asked.is_some() {
        let text = format!("bytes {}-{}/{size}", span.start, span.end.saturating_sub(1));
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The one range of bytes asked for; none for another unit, which RFC 9110 says to pass over.
fn range(value: &HeaderValue, size: u64) -> Result<Option<Range<u64>>, GatewayError> {
    let wrong = || {
        GatewayError::field(
            "range",
            "ask for one range within the blob, as bytes=FIRST-LAST",
        )
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let Some(spec) = text.strip_prefix("bytes=") else {
        return Ok(None);
    };
    let (first, last) = spec.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        text.parse::<u64>().map_err(|_| wrong())
    };
    let span = match (first.is_empty(), last.is_empty()) {
        (true, _) => size.saturating_sub(number(last)?)..size,
        (false, true) => number(first)?..size,
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(wrong());
            }
            first..last.saturating_add(1).min(size)
        }
    };
    if span.start >= span.end {
        return Err(wrong());
    }
    Ok(Some(span))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        let range = |text| range(&HeaderValue::from_static(text), 100);
        assert_eq!(range("bytes=0-0").unwrap(), Some(0..1));
        assert_eq!(range("bytes=10-19").unwrap(), Some(10..20));
        assert_eq!(range("bytes=90-1000").unwrap(), Some(90..100));
        assert_eq!(range("bytes=90-").unwrap(), Some(90..100));
        assert_eq!(range("bytes=-10").unwrap(), Some(90..100));
        assert_eq!(range("bytes=-1000").unwrap(), Some(0..100));
        assert_eq!(range("bytes=0-18446744073709551615").unwrap(), Some(0..100));
        assert_eq!(range("lines=1-2").unwrap(), None);
        for bad in [
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=100-",
            "bytes=0-1,4-5",
            "bytes=a-b",
            "bytes=-0",
            "bytes=+1-2",
        ] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}

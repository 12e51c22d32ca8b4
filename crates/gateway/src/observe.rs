//! Around every request: its id, bounds, origin, headers, metrics and the log.
//!
//! The log has method, route (never the address with its ids and query), status, time, and for a failure of the node
//! its cause, all under the id that the answer carries. No body, header or query is ever logged.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carechain_api::ErrorCode;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::error::Fault;
use crate::state::{Settings, Shared};

/// Names a request in answer and log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a request may take until its answer begins.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an upload may take: a blob of 1.2 GB at 10 Mbit/s.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(1_200);
/// Route of uploads.
const UPLOAD_ROUTE: &str = "/v1/blobs";
/// Route of a request that fits none.
const NO_ROUTE: &str = "none";

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// A name for a request: when this process began to serve, so that a log over restarts is unambiguous, and a number.
fn request_id() -> String {
    static BEGUN: LazyLock<u64> = LazyLock::new(unix_secs);
    format!(
        "{:x}-{:x}",
        *BEGUN,
        REQUESTS.fetch_add(1, Ordering::Relaxed)
    )
}

/// The outermost layer.
pub(crate) async fn observe(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let id = request_id();
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| NO_ROUTE.to_owned(), |path| path.as_str().to_owned());

    let patience = if route == UPLOAD_ROUTE {
        UPLOAD_TIMEOUT
    } else {
        REQUEST_TIMEOUT
    };
    let mut response = match admitted(&app, &peer, &method, request.headers()) {
        Err(error) => error.into_response(),
        Ok(_permit) => match tokio::time::timeout(patience, next.run(request)).await {
            Ok(response) => response,
            Err(_) => GatewayError::Timeout.into_response(),
        },
    };
    if let Ok(value) = HeaderValue::try_from(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    secure(&app.settings, response.headers_mut());
    record(&id, &method, &route, begun.elapsed(), &response);
    response
}

/// Bounds and the origin, before anything is read.
fn admitted(
    app: &Shared,
    peer: &SocketAddr,
    method: &Method,
    headers: &HeaderMap,
) -> Result<tokio::sync::OwnedSemaphorePermit, GatewayError> {
    app.rates.requests.take(peer.ip())?;
    check_origin(&app.settings, method, headers)?;
    let full = |_| GatewayError::Unavailable("too many requests are in flight");
    app.in_flight.clone().try_acquire_owned().map_err(full)
}

/// A page of another origin may not change anything here. Programs send no `Origin`.
fn check_origin(
    settings: &Settings,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), GatewayError> {
    if method.is_safe() {
        return Ok(());
    }
    let ours = settings.origin.as_str().as_bytes();
    if headers
        .get_all(header::ORIGIN)
        .iter()
        .any(|origin| origin.as_bytes() != ours)
    {
        return Err(GatewayError::WrongOrigin);
    }
    Ok(())
}

/// Headers of every answer: nothing here is a page to be framed, sniffed, or loaded by another origin.
fn secure(settings: &Settings, headers: &mut HeaderMap) {
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "interest-cohort=()",
        ),
    ];
    for (name, value) in fixed {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if settings.origin.is_secure() {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

fn record(id: &str, method: &Method, route: &str, took: Duration, response: &Response) {
    let status = response.status().as_u16();
    let labels = [
        ("method", method.as_str().to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("carechain_http_requests_total", &labels).increment(1);
    metrics::histogram!("carechain_http_seconds", &labels[..2]).record(took.as_secs_f64());
    let millis = took.as_millis();
    match response.extensions().get::<Fault>().map(|fault| &fault.0) {
        Some(fault) if fault.code() == ErrorCode::Internal => {
            tracing::error!(id, %method, route, status, millis, cause = fault.causes(), "the node failed");
        }
        Some(fault) => {
            tracing::debug!(id, %method, route, status, millis, code = fault.code().as_str(), "refused");
        }
        None => tracing::debug!(id, %method, route, status, millis, "answered"),
    }
}

/// A handler that panicked. What it said stays out of the answer.
pub(crate) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    GatewayError::Panicked.into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn only_this_origin_or_a_program_changes_anything() {
        let settings = crate::testing::settings(Address::ZERO);
        let with = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            check_origin(&settings, &method, &with(&[])).unwrap();
            check_origin(&settings, &method, &with(&["http://localhost:8080"])).unwrap();
            for bad in [
                &["http://localhost:8081"][..],
                &["https://localhost:8080"],
                &["null"],
                &["http://localhost:8080/"],
                &["http://localhost:8080", "http://evil.example"],
            ] {
                assert!(
                    check_origin(&settings, &method, &with(bad)).is_err(),
                    "{bad:?}"
                );
            }
        }
        check_origin(&settings, &Method::GET, &with(&["http://evil.example"])).unwrap();
    }

    #[test]
    fn every_answer_is_closed_to_frames_sniffing_and_other_origins() {
        let settings = crate::testing::settings(Address::ZERO);
        let mut headers = HeaderMap::new();
        secure(&settings, &mut headers);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(
            !headers.contains_key("strict-transport-security"),
            "there is no TLS to insist on"
        );
    }
}

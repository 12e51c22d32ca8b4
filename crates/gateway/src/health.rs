//! Whether the node lives and can serve, its figures, and a page for people who open its address.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use carechain_api::MAX_INDEX_LAG_SECS;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;

use crate::GatewayError;
use crate::state::{App, Shared};

/// How long an engine may take to say that it works.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bounds of the buckets of request times, in seconds.
const SECONDS: [f64; 13] = [
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0,
];
/// A setting that the vault is asked for; it needs not be there.
const PROBE_SETTING: &str = "probe";

/// `GET /health/ready`: what works.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Readiness {
    /// Everything below.
    ready: bool,
    /// The chain answers.
    chain: bool,
    /// The index follows it.
    index: bool,
    /// The vault answers.
    vault: bool,
    /// The content store takes writes.
    store: bool,
}

#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200)))]
/// Whether the process serves.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

#[utoipa::path(
    get, path = "/health/ready", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)),
)]
/// Whether chain, index, vault and content store work.
pub(crate) async fn ready(State(app): State<Shared>) -> (StatusCode, Json<Readiness>) {
    let (chain, index, vault) = tokio::join!(
        works(app.chain.administrators()),
        works(async { Ok(app.index.cursor().await?) }),
        works(async { Ok(app.vault.setting(PROBE_SETTING).await?) }),
    );
    let index = index && app.progress.lag() <= Duration::from_secs(MAX_INDEX_LAG_SECS);
    let store = !app.store.stats().failed;
    let ready = chain && index && vault && store;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Readiness {
            ready,
            chain,
            index,
            vault,
            store,
        }),
    )
}

async fn works<T>(probe: impl Future<Output = Result<T, GatewayError>>) -> bool {
    matches!(tokio::time::timeout(PROBE_TIMEOUT, probe).await, Ok(Ok(_)))
}

#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 403, body = carechain_api::ErrorBody),
    ),
)]
/// Figures in Prometheus' text format, for this machine alone.
pub(crate) async fn metrics(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Result<Response, GatewayError> {
    if !peer.ip().is_loopback() {
        return Err(GatewayError::Denied("figures are for this machine alone"));
    }
    let handle = app
        .metrics
        .as_ref()
        .ok_or(GatewayError::Unavailable("figures are collected elsewhere"))?;
    gauges(&app);
    let mut response = handle.render().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn gauges(app: &App) {
    let stats = app.store.stats();
    metrics::gauge!("carechain_index_block").set(app.progress.followed() as f64);
    metrics::gauge!("carechain_chain_block").set(*app.chain.newest.borrow() as f64);
    metrics::gauge!("carechain_index_lag_seconds").set(app.progress.lag().as_secs_f64());
    metrics::gauge!("carechain_store_blocks").set(stats.blocks as f64);
    metrics::gauge!("carechain_store_bytes").set(stats.block_bytes as f64);
    metrics::gauge!("carechain_store_damaged_blocks").set(stats.damaged_blocks as f64);
    metrics::gauge!("carechain_store_syncs").set(stats.syncs as f64);
}

/// The recorder of this process: one, however many gateways run in it.
pub(crate) fn recorder() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&SECONDS);
            match builder.and_then(PrometheusBuilder::install_recorder) {
                Ok(handle) => Some(handle),
                Err(error) => {
                    tracing::warn!(%error, "figures are not collected");
                    None
                }
            }
        })
        .clone()
}

/// `GET /`: what this address is.
pub(crate) async fn page(State(app): State<Shared>) -> Html<String> {
    let url = app.settings.origin.as_str();
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Carechain node</title>\n\
         <h1>This is a Carechain node</h1>\n\
         <p>It keeps sealed health records for the people who use it. Nobody here can open them: keys stay on \
         people's own devices.</p>\n\
         <p>Use it from a terminal:</p>\n\
         <pre>export CARECHAIN_NODE={url}\ncarechain keys create\ncarechain register patient\ncarechain --help</pre>\n\
         <p>For programs: <a href=\"/openapi.json\">the interface</a>, <a href=\"/v1/node\">this node</a>, \
         <a href=\"/health/ready\">its health</a>.</p>\n</html>\n"
    ))
}

//! Start and stop: settings, listener, follower, sweeps, router with its layers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::GatewayError;
use crate::chain::{Chain, HeadCache};
use crate::config::{Engines, GatewayConfig, Origin};
use crate::follow::{Follower, Progress};
use crate::notices::Hub;
use crate::rate::Rates;
use crate::state::{App, MAX_IN_FLIGHT, MAX_RELEASES, Settings, Shared, UPLOAD_MEMORY_KIB};
use crate::{health, observe, openapi, sweep};

/// How long requests in flight may take to end when the gateway stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// A running gateway. Dropping it without [`Running::stop`] cuts requests in flight.
pub struct Running {
    url: String,
    local_addr: SocketAddr,
    app: Shared,
    server: JoinHandle<std::io::Result<()>>,
    follower: JoinHandle<()>,
    sweeper: JoinHandle<()>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Starts the gateway; returns when it serves. `heads` carries the number of the chain's newest block.
pub async fn start(
    config: GatewayConfig,
    engines: Engines,
    heads: watch::Receiver<u64>,
) -> Result<Running, GatewayError> {
    let listen = config.listen;
    if !listen.ip().is_loopback() {
        return Err(GatewayError::NotLoopback(listen));
    }
    let refused = |source| GatewayError::Listen {
        addr: listen,
        source,
    };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let local_addr = listener.local_addr().map_err(refused)?;
    let origin = match &config.public_url {
        Some(url) => Origin::parse(url)?,
        None => Origin::parse(&default_url(local_addr.port()))?,
    };
    let url = origin.as_str().to_owned();
    let (app, follower) = assemble(config, engines, heads, origin);

    let follower = tokio::spawn(follower.run());
    let sweeper = tokio::spawn(sweep::run(app.clone()));
    let service = layered(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps small answers waiting");
        }
    });
    let stopped = app.stop.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(stopped)
            .await
    });
    Ok(Running {
        url,
        local_addr,
        app,
        server,
        follower,
        sweeper,
    })
}

/// Without a public URL people use this machine; a browser leaves out port 80.
fn default_url(port: u16) -> String {
    if port == 80 {
        "http://localhost".to_owned()
    } else {
        format!("http://localhost:{port}")
    }
}

fn assemble(
    config: GatewayConfig,
    engines: Engines,
    heads: watch::Receiver<u64>,
    origin: Origin,
) -> (Shared, Follower) {
    let stop = CancellationToken::new();
    let (vault, index) = (Arc::new(engines.vault), Arc::new(engines.index));
    let (followed, seen) = watch::channel(0);
    let hub = Hub::default();
    let follower = Follower {
        provider: engines.provider.clone(),
        contracts: config.contracts.clone(),
        index: index.clone(),
        vault: vault.clone(),
        hub: hub.clone(),
        newest: heads.clone(),
        followed,
        stop: stop.clone(),
    };
    let app = App {
        chain: Chain {
            provider: engines.provider,
            contracts: config.contracts.clone(),
            newest: heads.clone(),
        },
        settings: Settings {
            origin,
            chain_id: config.chain_id,
            genesis: config.genesis,
            contracts: config.contracts,
            node_key: config.node_key,
            operator_key: config.operator_key,
            vouchers: config.vouchers,
            claim_code_hash: config.claim_code_hash,
            demo: config.demo,
        },
        store: engines.store,
        vault,
        index,
        progress: Progress::new(seen, heads),
        heads: HeadCache::default(),
        hub,
        rates: Rates::default(),
        upload_memory: Arc::new(Semaphore::new(UPLOAD_MEMORY_KIB)),
        releases: Arc::new(Semaphore::new(MAX_RELEASES)),
        in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
        metrics: health::recorder(),
        stop,
    };
    (Arc::new(app), follower)
}

/// The router within its layers; the bodies' limits are the extractors'.
fn layered(app: Shared) -> Router {
    openapi::router()
        .fallback(|| async { GatewayError::not_found("address") })
        .method_not_allowed_fallback(|| async { GatewayError::MethodNotAllowed })
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            observe::observe,
        ))
        .with_state(app)
}

impl Running {
    /// The origin that people use.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes no more requests, lets those in flight end, stops following the chain, and closes index and vault.
    pub async fn stop(self) -> Result<(), GatewayError> {
        self.app.stop.cancel();
        let mut server = self.server;
        match tokio::time::timeout(STOP_GRACE, &mut server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(_) => return Err(GatewayError::Task("the server")),
            Err(_) => {
                tracing::warn!("requests in flight were cut");
                server.abort();
            }
        }
        self.follower
            .await
            .map_err(|_| GatewayError::Task("the follower"))?;
        self.sweeper
            .await
            .map_err(|_| GatewayError::Task("the sweeper"))?;
        self.app.index.close().await;
        self.app.vault.close().await;
        Ok(())
    }
}

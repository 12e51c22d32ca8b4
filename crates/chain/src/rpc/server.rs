//! The HTTP listener: loopback only, with the `Host` header checked against DNS rebinding.

use jsonrpsee::{
    RpcModule,
    server::{
        BatchRequestConfig, Server, ServerConfig, ServerHandle, middleware::http::HostFilterLayer,
    },
};
use std::net::{SocketAddr, TcpListener};

use crate::error::ChainError;

/// Most requests in a batch.
pub const MAX_BATCH: u32 = 1_000;
/// Largest request body.
pub const MAX_BODY_BYTES: u32 = 8 * 1024 * 1024;
/// Largest response body.
pub const MAX_RESPONSE_BYTES: u32 = 64 * 1024 * 1024;
/// Most connections at the same time.
pub const MAX_CONNECTIONS: u32 = 4_096;

/// A running listener. Dropping it stops it.
#[derive(Debug)]
pub struct RpcServer {
    local_addr: SocketAddr,
    handle: ServerHandle,
}

impl RpcServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops taking requests; those that run are finished. Stopping twice changes nothing.
    pub fn stop(&self) {
        if self.handle.stop().is_err() {
            tracing::debug!("the chain listener had stopped already");
        }
    }

    /// Waits until it has stopped.
    pub async fn stopped(&self) {
        self.handle.clone().stopped().await;
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves a module over HTTP at a loopback address; port 0 picks a free one.
pub async fn serve(listen: SocketAddr, module: RpcModule<()>) -> Result<RpcServer, ChainError> {
    let fail = |error: &dyn std::fmt::Display| ChainError::Start {
        what: "chain listener",
        error: format!("{listen}: {error}"),
    };
    if !listen.ip().is_loopback() {
        return Err(fail(&"the address is not loopback"));
    }
    let socket = TcpListener::bind(listen).map_err(|e| fail(&e))?;
    socket.set_nonblocking(true).map_err(|e| fail(&e))?;
    let local_addr = socket.local_addr().map_err(|e| fail(&e))?;
    let port = local_addr.port();
    let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"));
    let hosts = HostFilterLayer::new(hosts).map_err(|e| fail(&e))?;
    let config = ServerConfig::builder()
        .http_only()
        .max_request_body_size(MAX_BODY_BYTES)
        .max_response_body_size(MAX_RESPONSE_BYTES)
        .max_connections(MAX_CONNECTIONS)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .build();
    let server = Server::builder()
        .set_config(config)
        .set_http_middleware(tower::ServiceBuilder::new().layer(hosts))
        .build_from_tcp(socket)
        .map_err(|e| fail(&e))?;
    Ok(RpcServer {
        local_addr,
        handle: server.start(module),
    })
}

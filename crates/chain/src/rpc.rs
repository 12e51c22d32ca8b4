//! Standard Ethereum JSON-RPC over the chain.
//!
//! [`Chain::rpc_module`] makes a module for one [`Ingress`]; it works in process, through
//! `raw_json_request`, and over HTTP through [`serve`]. Answers are serialised with alloy's own
//! types, so every Ethereum library reads them. Methods that execute or scan run on the blocking
//! pool, a bounded number at a time.
//!
//! latest, safe, finalized and pending are all the newest durable block. It refuses methods that sign
//! (the node holds nobody's key), ranges and counts above their limits, and a listener that is not
//! loopback.

mod blocks;
pub(crate) mod convert;
mod errors;
mod filters;
mod logs;
mod params;
mod send;
mod server;
mod state;

use jsonrpsee::{
    RpcModule,
    core::RpcResult,
    types::{ErrorObjectOwned, Params},
};
use parking_lot::Mutex;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::{admission::Ingress, chain::Chain};
use filters::Filters;

pub use filters::{FILTER_TTL_SECS, MAX_FILTERS};
pub use logs::{MAX_LOG_RANGE_BLOCKS, MAX_LOG_RESULTS};
pub use send::{DEFAULT_SYNC_TIMEOUT_MS, MAX_SYNC_TIMEOUT_MS};
pub use server::{
    MAX_BATCH, MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_RESPONSE_BYTES, RpcServer, serve,
};
pub use state::MAX_PROOF_SLOTS;

/// Calls that may execute or scan at the same time.
const MAX_CALLS: usize = 8;

/// What the methods share.
pub(crate) struct Rpc {
    chain: Chain,
    ingress: Ingress,
    filters: Mutex<Filters>,
    calls: Arc<Semaphore>,
}

type Module = RpcModule<Rpc>;

impl Chain {
    /// The JSON-RPC methods for requests that come through this door.
    pub fn rpc_module(&self, ingress: Ingress) -> RpcModule<()> {
        let rpc = Rpc {
            chain: self.clone(),
            ingress,
            filters: Mutex::default(),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
        };
        let mut module = RpcModule::new(rpc);
        blocks::register(&mut module);
        state::register(&mut module);
        send::register(&mut module);
        logs::register(&mut module);
        filters::register(&mut module);
        module.remove_context()
    }
}

/// Registers a method that answers at once.
fn quick<T, F>(module: &mut Module, name: &'static str, method: F)
where
    T: Serialize + Clone + 'static,
    F: Fn(&Rpc, &Params<'_>) -> RpcResult<T> + Send + Sync + 'static,
{
    module
        .register_method(name, move |params, rpc, _| method(rpc, &params))
        .expect("each method is registered once");
}

/// Registers a method that executes or scans: it runs on the blocking pool, bounded in number.
fn heavy<T, F>(module: &mut Module, name: &'static str, method: F)
where
    T: Serialize + Clone + Send + 'static,
    F: Fn(&Rpc, &Params<'_>) -> RpcResult<T> + Clone + Send + Sync + 'static,
{
    module
        .register_async_method(name, move |params, rpc, _| {
            let method = method.clone();
            async move {
                let permit = rpc
                    .calls
                    .clone()
                    .acquire_owned()
                    .await
                    .map_err(|_| internal())?;
                tokio::task::spawn_blocking(move || {
                    let answer = method(&rpc, &params);
                    drop(permit);
                    answer
                })
                .await
                .map_err(|_| internal())?
            }
        })
        .expect("each method is registered once");
}

fn internal() -> ErrorObjectOwned {
    ErrorObjectOwned::owned(-32603, "internal error", None::<()>)
}

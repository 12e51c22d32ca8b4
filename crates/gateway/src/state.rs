//! What the handlers share.

use std::sync::Arc;

use alloy_primitives::B256;
use carechain_api::{Contracts, VoucherPolicy};
use carechain_crypto::SigningKey;
use carechain_index::Index;
use carechain_ipfs::Store;
use carechain_vault::Vault;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::chain::{Chain, HeadCache};
use crate::config::Origin;
use crate::follow::Progress;
use crate::notices::Hub;
use crate::rate::Rates;

/// Memory for uploads in flight, in KiB.
pub(crate) const UPLOAD_MEMORY_KIB: usize = 256 << 10;
/// Releases that are put together at the same time.
pub(crate) const MAX_RELEASES: usize = 64;
/// Requests in flight, streams of notifications not counted.
pub(crate) const MAX_IN_FLIGHT: usize = 16_384;

/// What does not change while the gateway runs.
pub(crate) struct Settings {
    pub(crate) origin: Origin,
    pub(crate) chain_id: u64,
    pub(crate) genesis: B256,
    pub(crate) contracts: Contracts,
    pub(crate) node_key: SigningKey,
    pub(crate) operator_key: SigningKey,
    pub(crate) vouchers: VoucherPolicy,
    pub(crate) claim_code_hash: Option<[u8; 32]>,
    pub(crate) demo: bool,
}

/// Engines, settings and what is counted.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) chain: Chain,
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) index: Arc<Index>,
    pub(crate) progress: Progress,
    pub(crate) heads: HeadCache,
    pub(crate) hub: Hub,
    pub(crate) rates: Rates,
    pub(crate) upload_memory: Arc<Semaphore>,
    pub(crate) releases: Arc<Semaphore>,
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) metrics: Option<PrometheusHandle>,
    /// Cancelled when the gateway stops: long streams end.
    pub(crate) stop: CancellationToken,
}

/// What every handler gets.
pub(crate) type Shared = Arc<App>;

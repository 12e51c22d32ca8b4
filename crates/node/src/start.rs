//! Start and stop, in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use alloy_provider::{DynProvider, Provider, ProviderBuilder};
use alloy_rpc_client::RpcClient;
use carechain_api::{Contracts, VoucherPolicy};
use carechain_bindings::directory;
use carechain_chain::rpc::RpcServer;
use carechain_chain::{Chain, ChainConfig, Genesis, Ingress, ValidatorKey};
use carechain_crypto::SigningKey;
use carechain_gateway::{Engines, GatewayConfig, Running};
use carechain_index::{Index, IndexConfig};
use carechain_ipfs::{Store, StoreConfig};
use carechain_vault::{Vault, VaultKeys};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::NodeError;
use crate::admission::Policy;
use crate::folder::Folder;
use crate::local_transport::LocalTransport;
use crate::{contracts, secrets};

/// Chain ids that new chains draw from: unassigned, and safe as a JavaScript number.
pub const CHAIN_ID_RANGE: core::ops::Range<u64> = 7_000_000_000..8_000_000_000;
/// Namespace of the chain's certificates.
const NAMESPACE: &str = "carechain/block/v1";

/// How to run a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The data folder.
    pub data: PathBuf,
    /// Where people are served; loopback, port 0 for any.
    pub listen: SocketAddr,
    /// Where the operator's JSON-RPC is; loopback; none for no listener.
    pub chain_listen: Option<SocketAddr>,
    /// Origin that people use; `http://localhost:PORT` where it is not given.
    pub public_url: Option<String>,
    /// Who gets a voucher.
    pub vouchers: VoucherPolicy,
    /// Whether this node carries demo data.
    pub demo: bool,
}

/// What a started node tells.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Origin of the gateway.
    pub url: String,
    /// Address of the gateway's listener.
    pub local_addr: SocketAddr,
    /// URL of the chain listener.
    pub chain_rpc: Option<String>,
    /// Chain id.
    pub chain_id: u64,
    /// The contracts.
    pub contracts: Contracts,
    /// One-time code for the first administrator, while nobody has claimed the node.
    pub claim_code: Option<Zeroizing<String>>,
}

/// A running node.
pub struct Node {
    ready: Ready,
    gateway: Running,
    rpc: Option<RpcServer>,
    chain: Chain,
    policy: Arc<Policy>,
    store: Store,
    _folder: Folder,
}

impl Node {
    /// Starts a node; returns when it serves.
    pub async fn start(config: NodeConfig) -> Result<Node, NodeError> {
        require_loopback([Some(config.listen), config.chain_listen])?;
        let folder = Folder::open(&config.data)?;
        let node_key = secrets::signing_key(&folder, "node")?;
        let operator_key = secrets::signing_key(&folder, "operator")?;

        let policy = Arc::new(Policy::default());
        let chain = open_chain(&folder, &node_key, policy.clone())?;
        let (chain_id, genesis) = (chain.chain_id(), chain.genesis_hash());
        let operator_door = provider(&chain, Ingress::Listener);
        let contracts = contracts::ensure(
            &folder,
            &operator_door,
            chain_id,
            genesis,
            operator_key.address(),
        )
        .await?;
        policy.attach(chain.clone(), contracts.clone());
        let claim_code = open_claim(&folder, &operator_door, contracts.directory).await?;

        let index_config = index_config(&contracts, genesis);
        let engines = open_engines(&folder, &chain, index_config).await?;
        let store = engines.store.clone();
        let gateway = carechain_gateway::start(
            GatewayConfig {
                listen: config.listen,
                public_url: config.public_url,
                chain_id,
                genesis,
                contracts: contracts.clone(),
                node_key,
                operator_key,
                vouchers: config.vouchers,
                claim_code_hash: claim_code.as_deref().map(|code| secrets::claim_hash(code)),
                demo: config.demo,
            },
            engines,
            heads(&chain),
        )
        .await?;
        let rpc = serve_chain(&chain, config.chain_listen).await?;
        let ready = Ready {
            url: gateway.url().to_owned(),
            local_addr: gateway.local_addr(),
            chain_rpc: rpc
                .as_ref()
                .map(|rpc| format!("http://{}", rpc.local_addr())),
            chain_id,
            contracts,
            claim_code,
        };
        Ok(Node {
            ready,
            gateway,
            rpc,
            chain,
            policy,
            store,
            _folder: folder,
        })
    }

    /// What it tells.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The embedded chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Stops serving, then closes the engines. What was acknowledged is durable already.
    pub async fn stop(self) -> Result<(), NodeError> {
        if let Some(rpc) = self.rpc {
            rpc.stop();
            rpc.stopped().await;
        }
        self.gateway.stop().await?;
        self.store.close().await?;
        self.policy.detach();
        self.chain.shutdown();
        Ok(())
    }
}

fn require_loopback(addrs: [Option<SocketAddr>; 2]) -> Result<(), NodeError> {
    let open = addrs
        .into_iter()
        .flatten()
        .find(|addr| !addr.ip().is_loopback());
    open.map_or(Ok(()), |addr| Err(NodeError::NotLoopback(addr)))
}

async fn open_engines(
    folder: &Folder,
    chain: &Chain,
    index: IndexConfig,
) -> Result<Engines, NodeError> {
    let erase_keys = VaultKeys::at(folder.sub("erase")?.join("erase.db"));
    Ok(Engines {
        provider: provider(chain, Ingress::Gateway),
        store: Store::open(folder.sub("ipfs")?, StoreConfig::default()).await?,
        vault: Vault::open(folder.sub("vault")?.join("vault.db"), erase_keys).await?,
        index: Index::open(folder.sub("index")?.join("index.db"), index).await?,
    })
}

async fn serve_chain(
    chain: &Chain,
    listen: Option<SocketAddr>,
) -> Result<Option<RpcServer>, NodeError> {
    let Some(addr) = listen else { return Ok(None) };
    Ok(Some(
        carechain_chain::rpc::serve(addr, chain.rpc_module(Ingress::Listener)).await?,
    ))
}

fn open_chain(folder: &Folder, key: &SigningKey, policy: Arc<Policy>) -> Result<Chain, NodeError> {
    let dir = folder.sub("chain")?;
    let validator = ValidatorKey::from_bytes(&key.expose())?;
    let genesis_file = dir.join(carechain_chain::GENESIS_FILE);
    let genesis = if genesis_file.exists() {
        Genesis::read(&genesis_file)?
    } else {
        Genesis::new(
            random_chain_id()?,
            NAMESPACE,
            unix_secs(),
            validator.address(),
        )
    };
    Ok(Chain::open(ChainConfig::new(
        dir,
        genesis,
        Some(validator),
        policy,
    ))?)
}

fn random_chain_id() -> Result<u64, NodeError> {
    let random = getrandom::u64().map_err(|_| NodeError::Random)?;
    Ok(CHAIN_ID_RANGE.start + random % (CHAIN_ID_RANGE.end - CHAIN_ID_RANGE.start))
}

fn unix_secs() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs())
}

fn provider(chain: &Chain, ingress: Ingress) -> DynProvider {
    let transport = LocalTransport::new(chain.rpc_module(ingress));
    let provider = ProviderBuilder::default().connect_client(RpcClient::new(transport, true));
    provider.erased()
}

fn index_config(contracts: &Contracts, genesis: B256) -> IndexConfig {
    let Contracts {
        registry,
        directory,
        consent,
        records,
    } = *contracts;
    IndexConfig {
        contracts: carechain_index::Contracts {
            registry,
            directory,
            consent,
            records,
        },
        genesis,
    }
}

/// The claim code while the Directory has no administrator; afterwards its file is removed.
async fn open_claim(
    folder: &Folder,
    provider: &DynProvider,
    directory: Address,
) -> Result<Option<Zeroizing<String>>, NodeError> {
    use alloy_sol_types::SolCall;
    let call = directory::administratorsCall {};
    let request = alloy_rpc_types_eth::TransactionRequest::default()
        .to(directory)
        .input(call.abi_encode().into());
    let answer = provider
        .call(request)
        .await
        .map_err(|e| NodeError::Rpc(e.to_string()))?;
    let administrators = directory::administratorsCall::abi_decode_returns(&answer)
        .map_err(|e| NodeError::Contracts(e.to_string()))?;
    if administrators == 0 {
        return Ok(Some(secrets::claim_code(folder)?));
    }
    secrets::forget_claim_code(folder)?;
    Ok(None)
}

/// The newest block's number, as it changes.
fn heads(chain: &Chain) -> watch::Receiver<u64> {
    let (send, receive) = watch::channel(chain.head().number);
    let mut blocks = chain.subscribe();
    // Without a handle on the chain, so that the task ends with it.
    tokio::spawn(async move {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match blocks.recv().await {
                Ok(head) if send.send(head.number).is_err() => return,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    receive
}

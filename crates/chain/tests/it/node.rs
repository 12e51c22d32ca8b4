//! A chain in a temporary folder.

use alloy_primitives::{Address, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use carechain_chain::{
    Admission, AdmitAll, Chain, ChainConfig, ChainError, Genesis, GenesisAccount, Ingress,
    ValidatorKey,
};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

use crate::wallet::{CHAIN_ID, Wallet};

pub(crate) const WAIT: Duration = Duration::from_secs(30);

pub(crate) fn key() -> ValidatorKey {
    ValidatorKey::from_bytes(&Wallet::new("validator").secret()).unwrap()
}

pub(crate) fn genesis() -> Genesis {
    let mut genesis = Genesis::new(CHAIN_ID, "carechain-test", 1_700_000_000, key().address());
    let rich = GenesisAccount {
        balance: U256::from(1_000_000),
        ..Default::default()
    };
    genesis.alloc.insert(Wallet::new("rich").address, rich);
    genesis
}

pub(crate) fn config(dir: &Path) -> ChainConfig {
    ChainConfig::new(dir, genesis(), Some(key()), Arc::new(AdmitAll))
}

pub(crate) struct Node {
    pub(crate) chain: Chain,
    pub(crate) dir: TempDir,
}

impl Node {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain::open(config(dir.path())).unwrap();
        Self { chain, dir }
    }

    pub(crate) fn admitting(admission: impl Admission) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path());
        config.admission = Arc::new(admission);
        Self {
            chain: Chain::open(config).unwrap(),
            dir,
        }
    }

    pub(crate) async fn send(&self, raw: &[u8]) -> Result<TransactionReceipt, ChainError> {
        self.chain.send_sync(raw, Ingress::Listener, WAIT).await
    }

    pub(crate) async fn deploy_counter(&self) -> Address {
        let receipt = self.send(&Wallet::new("deployer").deploy(0)).await.unwrap();
        assert!(receipt.inner.status());
        receipt.contract_address.unwrap()
    }
}

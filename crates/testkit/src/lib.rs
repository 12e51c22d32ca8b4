//! A real node on port 0 in a temporary folder, for tests, and people with real keys who use it. Nothing here is a
//! mock: chain, store, vault, index, gateway and client are the ones that ship.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod people;
mod process;
mod raw;
mod surroundings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use carechain_api::VoucherPolicy;
use carechain_node::{Node, NodeConfig, Ready};
use tempfile::TempDir;

pub use people::{HOUR_SECS, PASSWORD, Somebody, cheap, fhir, glucose, grant_of, note, pulse};
pub use process::{NodeProcess, ReadyLine, claim_code};
pub use raw::{ByHand, Released, sign_transaction};
pub use surroundings::{Answer, Exchange, Moment, Surroundings, now_secs};

/// A node for one test; its folder goes when it is dropped.
pub struct TestNode {
    dir: TempDir,
    config: NodeConfig,
    node: Option<Node>,
}

impl TestNode {
    /// Starts a node that gives vouchers to anybody, with a chain listener.
    pub async fn start() -> TestNode {
        Self::with(|_| {}).await
    }

    /// Starts a node whose configuration was changed by `change`.
    pub async fn with(change: impl FnOnce(&mut NodeConfig)) -> TestNode {
        let dir = tempfile::tempdir().unwrap();
        let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let mut config = NodeConfig {
            data: dir.path().join("node"),
            listen: any_port,
            chain_listen: Some(any_port),
            public_url: None,
            vouchers: VoucherPolicy::Open,
            demo: false,
        };
        change(&mut config);
        let node = Node::start(config.clone()).await.expect("the node starts");
        TestNode {
            dir,
            config,
            node: Some(node),
        }
    }

    /// The running node.
    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("the node runs")
    }

    /// What it told when it was ready.
    pub fn ready(&self) -> &Ready {
        self.node().ready()
    }

    /// Its origin.
    pub fn url(&self) -> &str {
        &self.ready().url
    }

    /// The code that appoints the first administrator.
    pub fn claim_code(&self) -> String {
        self.ready()
            .claim_code
            .as_deref()
            .expect("nobody has claimed the node")
            .to_string()
    }

    /// The node's data folder.
    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// A folder for the test's own files.
    pub fn scratch(&self) -> PathBuf {
        let path = self.dir.path().join("scratch");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Stops the node and starts it again on the same folder and port.
    pub async fn restart(&mut self) {
        let node = self.node.take().expect("the node runs");
        self.config.listen = node.ready().local_addr;
        node.stop().await.expect("the node stops");
        self.node = Some(
            Node::start(self.config.clone())
                .await
                .expect("the node starts again"),
        );
    }
}

//! Starting and stopping real nodes: what survives, what is refused.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;

use carechain_api::VoucherPolicy;
use carechain_node::{Node, NodeConfig, NodeError};

fn config(dir: &Path) -> NodeConfig {
    let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
    NodeConfig {
        data: dir.to_owned(),
        listen: any_port,
        chain_listen: Some(any_port),
        public_url: None,
        vouchers: VoucherPolicy::Open,
        demo: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_is_the_same_node() {
    let dir = tempfile::tempdir().unwrap();
    let first = Node::start(config(dir.path())).await.unwrap();
    let before = first.ready().clone();
    assert!(before.chain_rpc.is_some());
    first.stop().await.unwrap();

    let second = Node::start(config(dir.path())).await.unwrap();
    let after = second.ready().clone();
    assert_eq!(after.chain_id, before.chain_id);
    assert_eq!(after.contracts, before.contracts);
    assert_eq!(
        after.claim_code, before.claim_code,
        "nobody has claimed it yet"
    );
    second.stop().await.unwrap();
    assert!(
        !dir.path().join("keys/deployer.key").exists(),
        "the deployer's key has served"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Node::start(config(dir.path())).await.unwrap();
    assert!(matches!(
        Node::start(config(dir.path())).await,
        Err(NodeError::InUse(_))
    ));
    first.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_beyond_this_machine_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut open = config(dir.path());
    open.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(
        Node::start(open).await,
        Err(NodeError::NotLoopback(_))
    ));
    let mut open = config(dir.path());
    open.chain_listen = Some("0.0.0.0:0".parse().unwrap());
    assert!(matches!(
        Node::start(open).await,
        Err(NodeError::NotLoopback(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_are_not_the_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    Node::start(config(dir.path()))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    let path = dir.path().join("contracts.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    manifest["code_hashes"][0] = serde_json::json!(format!("0x{}", "11".repeat(32)));
    std::fs::write(&path, manifest.to_string()).unwrap();
    assert!(matches!(
        Node::start(config(dir.path())).await,
        Err(NodeError::Contracts(_))
    ));
}

//! JSON-RPC over real HTTP and in process.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::{
    Block, EIP1186AccountProofResponse, Log, Transaction, TransactionReceipt,
};
use serde_json::{Value, json};

use crate::{
    http::{Client, hex},
    node::Node,
    wallet::{CHAIN_ID, Wallet, counter_init},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_the_chain() {
    let node = Node::start();
    let client = Client::on(&node).await;
    assert_eq!(
        client.ask("eth_chainId", json!([])).await.unwrap(),
        format!("{CHAIN_ID:#x}")
    );
    assert_eq!(
        client.ask("net_version", json!([])).await.unwrap(),
        CHAIN_ID.to_string()
    );
    for (method, expected) in [
        ("eth_gasPrice", json!("0x0")),
        ("eth_maxPriorityFeePerGas", json!("0x0")),
        ("eth_syncing", json!(false)),
        ("eth_accounts", json!([])),
        ("eth_blockNumber", json!("0x0")),
    ] {
        assert_eq!(
            client.ask(method, json!([])).await.unwrap(),
            expected,
            "{method}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_deploys_and_calls() {
    let node = Node::start();
    let client = Client::on(&node).await;
    let wallet = Wallet::new("a");
    let estimate = client
        .ask(
            "eth_estimateGas",
            json!([{ "from": wallet.address, "data": counter_init() }]),
        )
        .await
        .unwrap();
    let estimate: U256 = estimate.as_str().unwrap().parse().unwrap();
    assert!(
        estimate > U256::from(53_000) && estimate < U256::from(100_000),
        "{estimate}"
    );

    let hash: B256 = client
        .get("eth_sendRawTransaction", json!([hex(&wallet.deploy(0))]))
        .await;
    node.chain.wait_for(1).await.unwrap();
    let receipt: TransactionReceipt = client.get("eth_getTransactionReceipt", json!([hash])).await;
    assert!(receipt.inner.status());
    let counter = receipt.contract_address.unwrap();

    let raw = wallet.call(1, counter, b"hello");
    let receipt: TransactionReceipt = client
        .get("eth_sendRawTransactionSync", json!([hex(&raw), 5_000]))
        .await;
    assert_eq!(
        receipt.inner.logs()[0].data().data,
        Bytes::from_static(b"hello")
    );
    assert_eq!(receipt.effective_gas_price, 0);
    let tx: Transaction = client
        .get(
            "eth_getTransactionByHash",
            json!([receipt.transaction_hash]),
        )
        .await;
    assert_eq!(
        (tx.block_number, tx.inner.signer()),
        (Some(2), wallet.address)
    );

    let count: B256 = client
        .get("eth_getStorageAt", json!([counter, "0x0", "latest"]))
        .await;
    assert_eq!(U256::from_be_bytes(count.0), U256::from(1));
    let code: Bytes = client.get("eth_getCode", json!([counter, "latest"])).await;
    assert_eq!(code, Bytes::from_static(crate::wallet::COUNTER_RUNTIME));
    let called: B256 = client
        .get(
            "eth_call",
            json!([{ "to": counter }, { "blockHash": tx.block_hash }]),
        )
        .await;
    assert_eq!(called, count);
    let earlier: B256 = client
        .get("eth_call", json!([{ "to": counter }, "0x1"]))
        .await;
    assert_eq!(earlier, B256::ZERO);
    let nonce = client
        .ask(
            "eth_getTransactionCount",
            json!([wallet.address, "pending"]),
        )
        .await;
    assert_eq!(nonce.unwrap(), "0x2");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_receipts_are_whole() {
    let node = Node::start();
    let client = Client::on(&node).await;
    let counter = node.deploy_counter().await;
    let receipt = node
        .send(&Wallet::new("a").call(0, counter, b"x"))
        .await
        .unwrap();
    let block: Block = client
        .get("eth_getBlockByNumber", json!(["latest", true]))
        .await;
    assert_eq!(block.header.number, 2);
    assert_eq!(block.header.inner.hash_slow(), block.header.hash);
    let envelopes = block.clone().map_transactions(|tx| tx.into_inner());
    assert_eq!(
        envelopes.calculate_transactions_root(),
        Some(block.header.transactions_root)
    );
    assert_eq!(block.transactions.len(), 1);
    let by_hash: Block = client
        .get("eth_getBlockByHash", json!([block.header.hash, false]))
        .await;
    assert_eq!(
        by_hash.transactions.hashes().next(),
        Some(receipt.transaction_hash)
    );
    for tag in ["safe", "finalized", "pending"] {
        let same: Block = client
            .get("eth_getBlockByNumber", json!([tag, false]))
            .await;
        assert_eq!(same.header.hash, block.header.hash, "{tag}");
    }
    let receipts: Vec<TransactionReceipt> =
        client.get("eth_getBlockReceipts", json!(["0x2"])).await;
    assert_eq!(receipts, [receipt]);
    assert_eq!(
        client
            .ask("eth_getBlockByNumber", json!(["0x9", false]))
            .await
            .unwrap(),
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_revert_with_their_data_and_take_overrides() {
    let node = Node::start();
    let client = Client::on(&node).await;
    let counter = node.deploy_counter().await;
    for method in ["eth_call", "eth_estimateGas"] {
        let error = client
            .ask(method, json!([{ "to": counter, "input": "0xff01" }]))
            .await
            .unwrap_err();
        assert_eq!(error["code"], 3, "{method}");
        assert_eq!(error["data"], "0xff01");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .starts_with("execution reverted")
        );
    }
    let slot = B256::ZERO;
    let seven = B256::from(U256::from(7));
    let overrides = json!({ counter.to_string(): { "stateDiff": { slot.to_string(): seven } } });
    let called: B256 = client
        .get("eth_call", json!([{ "to": counter }, "latest", overrides]))
        .await;
    assert_eq!(called, seven);
    // BLOCKHASH(0) in code that exists only for this call.
    let somewhere = Address::repeat_byte(0x99);
    let overrides = json!({ somewhere.to_string(): { "code": "0x60004060005260206000f3" } });
    let called: B256 = client
        .get(
            "eth_call",
            json!([{ "to": somewhere }, "latest", overrides]),
        )
        .await;
    assert_eq!(called, node.chain.genesis_hash());
    let timestamp = json!({ somewhere.to_string(): { "code": "0x4260005260206000f3" } });
    let at: B256 = client
        .get(
            "eth_call",
            json!([{ "to": somewhere }, "latest", timestamp, { "time": "0x2a" }]),
        )
        .await;
    assert_eq!(U256::from_be_bytes(at.0), U256::from(42));

    let gas: U256 = client
        .get("eth_estimateGas", json!([{ "to": Address::ZERO }]))
        .await;
    assert_eq!(gas, U256::from(21_000));
    let list = client
        .ask(
            "eth_createAccessList",
            json!([{ "to": counter, "input": "0x01" }]),
        )
        .await
        .unwrap();
    assert_eq!(
        list["accessList"][0]["storageKeys"][0],
        B256::ZERO.to_string()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_suffices() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    let client = Client::on(&node).await;
    let wallet = Wallet::new("a");
    for (nonce, input) in [&b"\x01"[..], &[7; 200]].into_iter().enumerate() {
        let call = json!([{ "from": wallet.address, "to": counter, "input": hex(input) }]);
        let gas: U256 = client.get("eth_estimateGas", call).await;
        let mut tx = wallet.tx(nonce as u64, counter.into(), Bytes::copy_from_slice(input));
        tx.gas_limit = gas.to();
        assert!(node.send(&wallet.sign(tx)).await.unwrap().inner.status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_filters_follow_the_chain() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    let client = Client::on(&node).await;
    let wallet = Wallet::new("a");
    let blocks: String = client.get("eth_newBlockFilter", json!([])).await;
    let logs: String = client
        .get("eth_newFilter", json!([{ "address": counter }]))
        .await;
    let other: String = client
        .get(
            "eth_newFilter",
            json!([{ "topics": [B256::repeat_byte(1)] }]),
        )
        .await;
    for nonce in 0..3 {
        node.send(&wallet.call(nonce, counter, &[1, nonce as u8]))
            .await
            .unwrap();
    }
    let topic = B256::from(U256::from(0x2a));
    let filter =
        json!([{ "address": counter, "topics": [topic], "fromBlock": "0x0", "toBlock": "latest" }]);
    let found: Vec<Log> = client.get("eth_getLogs", filter).await;
    assert_eq!(found.len(), 3);
    assert_eq!(found[2].block_number, Some(4));
    let changes: Vec<Log> = client.get("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(changes, found);
    let none: Vec<Log> = client.get("eth_getFilterChanges", json!([logs])).await;
    assert!(none.is_empty());
    let none: Vec<Log> = client.get("eth_getFilterChanges", json!([other])).await;
    assert!(none.is_empty());
    let hashes: Vec<B256> = client.get("eth_getFilterChanges", json!([blocks])).await;
    let expected: Vec<_> = (2..=4)
        .map(|n| node.chain.head_at(n).unwrap().hash)
        .collect();
    assert_eq!(hashes, expected);
    let at = json!([{ "blockHash": expected[0] }]);
    let of_block: Vec<Log> = client.get("eth_getLogs", at).await;
    assert_eq!(of_block, found[..1]);
    assert!(
        client
            .get::<bool>("eth_uninstallFilter", json!([logs]))
            .await
    );
    assert!(
        client
            .ask("eth_getFilterChanges", json!([logs]))
            .await
            .is_err()
    );

    let history = client
        .ask("eth_feeHistory", json!(["0x4", "latest", [10, 50]]))
        .await
        .unwrap();
    assert_eq!(
        history["baseFeePerGas"],
        json!(["0x0", "0x0", "0x0", "0x0", "0x0"])
    );
    assert_eq!(history["oldestBlock"], "0x1");
    assert_eq!(history["reward"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_over_http_are_alloys() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    let client = Client::on(&node).await;
    let proof: EIP1186AccountProofResponse = client
        .get("eth_getProof", json!([counter, ["0x0"], "latest"]))
        .await;
    assert_eq!(
        keccak256(&proof.account_proof[0]),
        node.chain.head().header.state_root
    );
    assert_eq!(
        proof,
        node.chain.proof(counter, &[B256::ZERO], 1.into()).unwrap()
    );
}

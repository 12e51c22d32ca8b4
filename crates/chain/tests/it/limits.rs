//! What JSON-RPC refuses, and at which size.

use alloy_primitives::Address;
use carechain_chain::{Ingress, rpc};
use serde_json::{Value, json};

use crate::{
    http::{Client, hex},
    node::Node,
    wallet::{CHAIN_ID, Wallet},
};

/// A method, its parameters, the code it is refused with, and what the message names.
fn refused(low: &str) -> Vec<(&'static str, Value, i64, &'static str)> {
    vec![
        (
            "eth_sendRawTransaction",
            json!([low]),
            -32000,
            "nonce too low",
        ),
        (
            "eth_sendRawTransaction",
            json!(["0x1234"]),
            -32000,
            "decoded",
        ),
        ("eth_sendRawTransaction", json!([]), -32602, "transaction"),
        (
            "eth_sendRawTransactionSync",
            json!([low, 0]),
            -32602,
            "timeout",
        ),
        ("eth_getBalance", json!(["0x12"]), -32602, "address"),
        (
            "eth_getBalance",
            json!([Address::ZERO, "0x99"]),
            -32000,
            "unknown block",
        ),
        (
            "eth_call",
            json!([{ "to": Address::ZERO, "value": "0x1" }]),
            -32000,
            "fund",
        ),
        (
            "eth_getLogs",
            json!([{ "fromBlock": "0x2", "toBlock": "0x1" }]),
            -32602,
            "fromBlock",
        ),
        (
            "eth_getProof",
            json!([Address::ZERO, vec!["0x0"; 2_000]]),
            -32005,
            "slots",
        ),
        (
            "eth_sendTransaction",
            json!([{}]),
            -32601,
            "Method not found",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_codes_and_names() {
    let node = Node::start();
    let client = Client::on(&node).await;
    let wallet = Wallet::new("a");
    node.send(&wallet.call(0, Address::ZERO, b""))
        .await
        .unwrap();
    let low = hex(&wallet.call(0, Address::repeat_byte(1), b""));
    for (method, params, code, part) in refused(&low) {
        let error = client.ask(method, params).await.unwrap_err();
        assert_eq!(error["code"], code, "{method}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains(part),
            "{method}: {error}"
        );
    }
    let early = hex(&wallet.call(9, Address::ZERO, b""));
    let error = client
        .ask("eth_sendRawTransactionSync", json!([early, 50]))
        .await
        .unwrap_err();
    assert_eq!(error["code"], 4);
    assert_eq!(error["data"].as_str().unwrap().len(), 66);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_in_process_requests_work() {
    let node = Node::start();
    let client = Client::on(&node).await;
    let request = json!({ "jsonrpc": "2.0", "id": 7, "method": "eth_chainId" });
    let answers = client.post(json!([request, request])).await;
    assert_eq!(answers.as_array().unwrap().len(), 2);
    let many = vec![request.clone(); rpc::MAX_BATCH as usize + 1];
    assert!(client.post(json!(many)).await.get("error").is_some());

    let module = node.chain.rpc_module(Ingress::Gateway);
    let (answer, _) = module
        .raw_json_request(&request.to_string(), 1)
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(answer.get()).unwrap();
    assert_eq!(answer["result"], format!("{CHAIN_ID:#x}"));
    let raw = Wallet::new("a").call(0, Address::ZERO, b"x");
    let request = json!({ "jsonrpc": "2.0", "id": 8, "method": "eth_sendRawTransactionSync", "params": [hex(&raw)] });
    let (answer, _) = module
        .raw_json_request(&request.to_string(), 1)
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(answer.get()).unwrap();
    assert_eq!(answer["result"]["blockNumber"], "0x1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_is_loopback_only() {
    let node = Node::start();
    let module = node.chain.rpc_module(Ingress::Listener);
    let refused = rpc::serve("0.0.0.0:0".parse().unwrap(), module)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("not loopback"));
    let client = Client::on(&node).await;
    let rebound = client
        .http
        .post(&client.url)
        .header("content-type", "application/json")
        .header("host", "evil.example")
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#)
        .send()
        .await
        .unwrap();
    assert!(rebound.status().is_client_error());
}

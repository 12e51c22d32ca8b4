//! A client over real HTTP.

use alloy_primitives::hex;
use carechain_chain::{Ingress, rpc};
use serde_json::{Value, json};

use crate::node::Node;

pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    _server: rpc::RpcServer,
}

impl Client {
    pub(crate) async fn on(node: &Node) -> Self {
        let module = node.chain.rpc_module(Ingress::Listener);
        let server = rpc::serve("127.0.0.1:0".parse().unwrap(), module)
            .await
            .unwrap();
        let url = format!("http://{}", server.local_addr());
        Self {
            http: reqwest::Client::new(),
            url,
            _server: server,
        }
    }

    pub(crate) async fn post(&self, body: Value) -> Value {
        let answer = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let answer = self
            .post(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
            .await;
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    pub(crate) async fn get<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> T {
        let result = self.ask(method, params).await.unwrap();
        serde_json::from_value(result).unwrap()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode_prefixed(bytes)
}

//! The embedded chain behind the same alloy `Provider` as a remote one: a transport that hands requests to the
//! chain's own JSON-RPC methods in this process.

use std::task::{Context, Poll};

use alloy_json_rpc::{RequestPacket, Response, ResponsePacket, SerializedRequest};
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use jsonrpsee::RpcModule;
use tower::Service;

/// Subscription messages that may wait; no request that goes through here makes a subscription.
const SUBSCRIPTION_BUFFER: usize = 1;

/// A transport into a set of JSON-RPC methods.
#[derive(Clone)]
pub(crate) struct LocalTransport {
    methods: RpcModule<()>,
}

impl LocalTransport {
    pub(crate) fn new(methods: RpcModule<()>) -> Self {
        Self { methods }
    }

    async fn one(&self, request: SerializedRequest) -> Result<Response, TransportError> {
        let (answer, _subscriptions) = self
            .methods
            .raw_json_request(request.serialized().get(), SUBSCRIPTION_BUFFER)
            .await
            .map_err(|e| TransportErrorKind::custom_str(&e.to_string()))?;
        serde_json::from_str(answer.get()).map_err(|e| TransportError::deser_err(e, answer.get()))
    }

    async fn packet(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        match packet {
            RequestPacket::Single(request) => Ok(ResponsePacket::Single(self.one(request).await?)),
            RequestPacket::Batch(requests) => {
                let mut responses = Vec::with_capacity(requests.len());
                for request in requests {
                    responses.push(self.one(request).await?);
                }
                Ok(ResponsePacket::Batch(responses))
            }
        }
    }
}

impl Service<RequestPacket> for LocalTransport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        Box::pin(self.clone().packet(packet))
    }
}

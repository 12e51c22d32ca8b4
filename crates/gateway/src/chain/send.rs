//! Nonces, receipts, and sending a signed transaction to one of Carechain's contracts.
//!
//! An answer to a send means: the block is durable and the index has followed it. Sending the same transaction again
//! gives the same answer.

use std::time::Duration;

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_json_rpc::{ErrorPayload, RpcError};
use alloy_primitives::{Address, B256, Bytes};
use alloy_provider::Provider;
use alloy_rpc_types_eth::{TransactionReceipt, TransactionRequest};
use alloy_transport::TransportError;
use axum::Json;
use axum::extract::State;
use carechain_api::{Nonce, SendRequest, Sent};
use serde::Deserialize;

use crate::GatewayError;
use crate::extract::{Id, Input};
use crate::revert::describe;
use crate::state::{App, Shared};

/// How long the chain may take to make a transaction durable.
const SEND_TIMEOUT_MS: u64 = 10_000;
/// How long the index may take to follow.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest transaction.
const MAX_TRANSACTION_BYTES: usize = 128 << 10;
/// JSON-RPC: the call was reverted; `data` is what the contract returned.
const CODE_REVERTED: i64 = 3;
/// EIP-7966: not in time.
const CODE_TIMEOUT: i64 = 4;
/// The chain itself failed, such as when its log cannot be made durable.
const CODE_INTERNAL: i64 = -32_603;
/// The chain's bounds were reached.
const CODE_LIMIT: i64 = -32005;

#[utoipa::path(
    get, path = "/v1/chain/nonce/{address}", tag = "chain",
    params(("address" = String, Path, description = "The caller's own key")),
    responses((status = 200, body = Nonce), (status = 400, body = carechain_api::ErrorBody)),
)]
/// The next nonce of a key, counting what is pending.
pub(crate) async fn nonce(
    State(app): State<Shared>,
    Id(address): Id<Address>,
) -> Result<Json<Nonce>, GatewayError> {
    let nonce = app
        .chain
        .provider
        .get_transaction_count(address)
        .pending()
        .await?;
    Ok(Json(Nonce { nonce }))
}

#[utoipa::path(
    get, path = "/v1/chain/receipt/{transaction}", tag = "chain",
    params(("transaction" = String, Path, description = "Hash of the transaction")),
    responses((status = 200, body = Sent), (status = 404, body = carechain_api::ErrorBody)),
)]
/// What became of a transaction to Carechain's contracts.
pub(crate) async fn receipt(
    State(app): State<Shared>,
    Id(hash): Id<B256>,
) -> Result<Json<Sent>, GatewayError> {
    let found = app.chain.provider.get_transaction_receipt(hash).await?;
    let found = found.filter(|receipt| receipt.to.is_some_and(|to| app.chain.is_ours(to)));
    let receipt = found.ok_or_else(|| GatewayError::not_found("transaction"))?;
    app.answer(receipt).await.map(Json)
}

#[utoipa::path(
    post, path = "/v1/chain/send", tag = "chain", request_body = SendRequest,
    responses(
        (status = 200, body = Sent),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
        (status = 429, body = carechain_api::ErrorBody),
        (status = 504, body = carechain_api::ErrorBody),
    ),
)]
/// Sends a signed transaction; answered once its block is durable and the index has followed.
pub(crate) async fn send(
    State(app): State<Shared>,
    Input(request): Input<SendRequest>,
) -> Result<Json<Sent>, GatewayError> {
    let raw = request.transaction;
    let tx = decode(&raw)?;
    if !tx.to().is_some_and(|to| app.chain.is_ours(to)) {
        return Err(GatewayError::Denied(
            "transactions go to Carechain's contracts alone",
        ));
    }
    let sent: Result<TransactionReceipt, TransportError> = app
        .chain
        .provider
        .raw_request("eth_sendRawTransactionSync".into(), (raw, SEND_TIMEOUT_MS))
        .await;
    let receipt = match sent {
        Ok(receipt) => receipt,
        // The same transaction may have been sent before: then its receipt is the answer.
        Err(error) => match app
            .chain
            .provider
            .get_transaction_receipt(*tx.tx_hash())
            .await?
        {
            Some(receipt) => receipt,
            None => return Err(refusal(error)),
        },
    };
    app.answer(receipt).await.map(Json)
}

fn decode(raw: &Bytes) -> Result<TxEnvelope, GatewayError> {
    let wrong = |reason| GatewayError::field("transaction", reason);
    if raw.len() > MAX_TRANSACTION_BYTES {
        return Err(GatewayError::TooLarge {
            what: "transaction",
            limit: MAX_TRANSACTION_BYTES as u64,
        });
    }
    let mut rest = raw.as_ref();
    let tx = TxEnvelope::decode_2718(&mut rest)
        .map_err(|_| wrong("it is no signed transaction (EIP-2718)"))?;
    if !rest.is_empty() {
        return Err(wrong("something follows it"));
    }
    Ok(tx)
}

impl App {
    /// A receipt as people get it, once the index has followed its block.
    async fn answer(&self, receipt: TransactionReceipt) -> Result<Sent, GatewayError> {
        let (Some(block), Some(block_hash)) = (receipt.block_number, receipt.block_hash) else {
            return Err(GatewayError::ChainAnswer("a receipt without its block"));
        };
        self.progress.wait_for(block, FOLLOW_TIMEOUT).await?;
        let success = receipt.status();
        let revert = if success {
            None
        } else {
            self.why_reverted(receipt.transaction_hash, block).await
        };
        Ok(Sent {
            transaction: receipt.transaction_hash,
            block,
            block_hash,
            success,
            gas: receipt.gas_used,
            revert,
        })
    }

    /// Runs a reverted transaction again on the state before its block, to learn the contract's error. None if it is
    /// not reverted there: another transaction of the same block was the reason.
    async fn why_reverted(&self, hash: B256, block: u64) -> Option<String> {
        let provider = &self.chain.provider;
        let tx = provider.get_transaction_by_hash(hash).await.ok()??;
        let from = tx.inner.signer();
        let request = TransactionRequest::default()
            .from(from)
            .to(tx.to()?)
            .gas_limit(tx.gas_limit())
            .input(tx.input().clone().into());
        let before = BlockId::Number(BlockNumberOrTag::Number(block.saturating_sub(1)));
        let error = provider.call(request).block(before).await.err()?;
        revert_of(error.as_error_resp()?)
    }
}

/// The contract's error in the data of a JSON-RPC error.
fn revert_of(error: &ErrorPayload) -> Option<String> {
    let data: Bytes = serde_json::from_str(error.data.as_ref()?.get()).ok()?;
    describe(&data)
}

/// What admission says of a transaction that it does not take.
#[derive(Deserialize)]
struct Admission {
    code: String,
    message: String,
}

/// Why the chain did not take a transaction.
fn refusal(error: TransportError) -> GatewayError {
    let RpcError::ErrorResp(payload) = &error else {
        return GatewayError::Chain(error);
    };
    if payload.code == CODE_TIMEOUT {
        return GatewayError::Timeout;
    }
    if payload.code == CODE_LIMIT {
        return GatewayError::Unavailable("the chain is at its bounds");
    }
    if payload.code == CODE_INTERNAL {
        return GatewayError::Unavailable("the chain has stopped; the node's log says why");
    }
    if payload.code == CODE_REVERTED {
        let message = payload.message.clone().into_owned();
        return GatewayError::Reverted {
            message,
            revert: revert_of(payload),
        };
    }
    let admission = payload
        .data
        .as_ref()
        .and_then(|data| serde_json::from_str::<Admission>(data.get()).ok());
    match admission {
        Some(said) => refused_admission(said),
        None => GatewayError::Reverted {
            message: payload.message.clone().into_owned(),
            revert: None,
        },
    }
}

fn refused_admission(said: Admission) -> GatewayError {
    match said.code.as_str() {
        "not_registered" => GatewayError::Denied(
            "the sender is no registered key, and registers with no unspent voucher",
        ),
        "wrong_contract" => GatewayError::Denied("transactions go to Carechain's contracts alone"),
        "too_many" => GatewayError::TooManyRequests {
            retry_after_secs: 60,
        },
        "unavailable" => GatewayError::Unavailable("the chain cannot admit transactions now"),
        _ => GatewayError::Reverted {
            message: said.message,
            revert: None,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carechain_api::ErrorCode;

    fn payload(json: &str) -> GatewayError {
        refusal(RpcError::ErrorResp(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn what_the_chain_says_becomes_a_code() {
        let cases = [
            (
                r#"{"code":4,"message":"queued","data":"0x00"}"#,
                ErrorCode::Timeout,
            ),
            (
                r#"{"code":-32005,"message":"full"}"#,
                ErrorCode::Unavailable,
            ),
            (
                r#"{"code":-32603,"message":"the chain stopped"}"#,
                ErrorCode::Unavailable,
            ),
            (
                r#"{"code":-32000,"message":"nonce too low"}"#,
                ErrorCode::Reverted,
            ),
            (
                r#"{"code":-32003,"message":"m","data":{"code":"not_registered","message":"m"}}"#,
                ErrorCode::Denied,
            ),
            (
                r#"{"code":-32003,"message":"m","data":{"code":"too_many","message":"m"}}"#,
                ErrorCode::TooManyRequests,
            ),
            (
                r#"{"code":-32003,"message":"m","data":{"code":"other","message":"m"}}"#,
                ErrorCode::Reverted,
            ),
        ];
        for (json, code) in cases {
            assert_eq!(payload(json).code(), code, "{json}");
        }
        let reverted = payload(r#"{"code":3,"message":"execution reverted","data":"0x01020304"}"#);
        assert_eq!(reverted.body().revert.as_deref(), Some("0x01020304"));
    }

    #[test]
    fn what_is_no_transaction_is_refused() {
        for raw in [vec![], vec![0xc0], vec![2, 0xc0], vec![0; 200]] {
            assert_eq!(
                decode(&raw.into()).unwrap_err().code(),
                ErrorCode::InvalidField
            );
        }
        let huge = vec![0; MAX_TRANSACTION_BYTES + 1];
        assert_eq!(
            decode(&huge.into()).unwrap_err().code(),
            ErrorCode::TooLarge
        );
    }
}

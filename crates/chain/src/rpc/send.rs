//! Methods that write: the raw transaction, with or without waiting for its receipt.

use alloy_primitives::{Bytes, U64};
use jsonrpsee::core::RpcResult;
use serde::Deserialize;
use std::time::Duration;

use super::{Module, errors, params::Arguments, quick};

/// How long `eth_sendRawTransactionSync` waits when not told.
pub const DEFAULT_SYNC_TIMEOUT_MS: u64 = 10_000;
/// How long `eth_sendRawTransactionSync` waits at most.
pub const MAX_SYNC_TIMEOUT_MS: u64 = 60_000;

/// EIP-7966 gives milliseconds; clients send a number or a hex quantity.
#[derive(Deserialize)]
#[serde(untagged)]
enum Millis {
    Number(u64),
    Quantity(U64),
}

pub(super) fn register(module: &mut Module) {
    quick(module, "eth_sendRawTransaction", |rpc, params| {
        let raw: Bytes = Arguments::of(params).one("transaction")?;
        Ok(rpc.chain.send(&raw, rpc.ingress)?)
    });
    module
        .register_async_method("eth_sendRawTransactionSync", |params, rpc, _| async move {
            let (raw, timeout) = {
                let mut args = Arguments::of(&params);
                let raw: Bytes = args.one("transaction")?;
                (raw, timeout(args.maybe("timeout")?)?)
            };
            RpcResult::Ok(rpc.chain.send_sync(&raw, rpc.ingress, timeout).await?)
        })
        .expect("each method is registered once");
}

fn timeout(asked: Option<Millis>) -> RpcResult<Duration> {
    let millis = match asked {
        None => DEFAULT_SYNC_TIMEOUT_MS,
        Some(Millis::Number(millis)) => millis,
        Some(Millis::Quantity(millis)) => millis.to(),
    };
    if millis == 0 || millis > MAX_SYNC_TIMEOUT_MS {
        return Err(errors::invalid(format!(
            "timeout: must lie between 1 and {MAX_SYNC_TIMEOUT_MS} ms"
        )));
    }
    Ok(Duration::from_millis(millis))
}

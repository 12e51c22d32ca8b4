//! Methods about the state: reads, calls, proofs.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{
    AccessListResult, BlockOverrides, EIP1186AccountProofResponse, TransactionRequest,
    state::StateOverride,
};
use jsonrpsee::{core::RpcResult, types::Params};

use super::{Module, Rpc, convert, errors, heavy, params::Arguments, quick};
use crate::{call, error::ChainError};

/// Most storage slots in a request of `eth_getProof`.
pub const MAX_PROOF_SLOTS: usize = 1_024;

pub(super) fn register(module: &mut Module) {
    quick(module, "eth_getBalance", |rpc, params| {
        let mut args = Arguments::of(params);
        let address: Address = args.one("address")?;
        Ok(rpc.chain.state(args.block()?)?.1.balance(address))
    });
    quick(module, "eth_getTransactionCount", transaction_count);
    quick(module, "eth_getCode", |rpc, params| {
        let mut args = Arguments::of(params);
        let address: Address = args.one("address")?;
        let (_, world) = rpc.chain.state(args.block()?)?;
        Ok(world
            .code(address)
            .map_err(|error| ChainError::Call(error.to_string()))?)
    });
    quick(module, "eth_getStorageAt", |rpc, params| {
        let mut args = Arguments::of(params);
        let address: Address = args.one("address")?;
        let slot: U256 = args.one("slot")?;
        let (_, world) = rpc.chain.state(args.block()?)?;
        Ok(B256::from(world.slot(address, slot.into())))
    });
    quick(module, "eth_getProof", proof);
    heavy(module, "eth_call", eth_call);
    heavy(module, "eth_estimateGas", estimate_gas);
    heavy(module, "eth_createAccessList", create_access_list);
}

fn transaction_count(rpc: &Rpc, params: &Params<'_>) -> RpcResult<U64> {
    let mut args = Arguments::of(params);
    let address: Address = args.one("address")?;
    let block = args.block()?;
    if block.is_pending() {
        return Ok(U64::from(rpc.chain.pending_nonce(address)));
    }
    Ok(U64::from(rpc.chain.nonce(address, block)?))
}

fn proof(rpc: &Rpc, params: &Params<'_>) -> RpcResult<EIP1186AccountProofResponse> {
    let mut args = Arguments::of(params);
    let address: Address = args.one("address")?;
    let slots: Vec<U256> = args.one("slots")?;
    if slots.len() > MAX_PROOF_SLOTS {
        return Err(errors::limit(format!(
            "slots: {} given, the limit is {MAX_PROOF_SLOTS}",
            slots.len()
        )));
    }
    let slots: Vec<B256> = slots.into_iter().map(B256::from).collect();
    let (_, world) = rpc.chain.state(args.block()?)?;
    Ok(convert::proof(&world, address, &slots))
}

fn eth_call(rpc: &Rpc, params: &Params<'_>) -> RpcResult<Bytes> {
    let mut args = Arguments::of(params);
    let request: TransactionRequest = args.one("transaction")?;
    let at = args.block()?;
    let overrides: Option<StateOverride> = args.maybe("stateOverrides")?;
    let block: Option<Box<BlockOverrides>> = args.maybe("blockOverrides")?;
    Ok(call::call(
        rpc.chain.shared(),
        &request,
        at,
        overrides,
        block,
    )?)
}

fn estimate_gas(rpc: &Rpc, params: &Params<'_>) -> RpcResult<U64> {
    let mut args = Arguments::of(params);
    let request: TransactionRequest = args.one("transaction")?;
    let at = args.block()?;
    let overrides: Option<StateOverride> = args.maybe("stateOverrides")?;
    Ok(U64::from(call::estimate_gas(
        rpc.chain.shared(),
        &request,
        at,
        overrides,
    )?))
}

fn create_access_list(rpc: &Rpc, params: &Params<'_>) -> RpcResult<AccessListResult> {
    let mut args = Arguments::of(params);
    let request: TransactionRequest = args.one("transaction")?;
    Ok(call::access_list(
        rpc.chain.shared(),
        &request,
        args.block()?,
    )?)
}

//! Methods about the chain and its blocks.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, U64, U256};
use alloy_rpc_types_eth::{Block, FeeHistory, Index, Transaction, TransactionReceipt};
use jsonrpsee::{core::RpcResult, types::Params};
use serde::Deserialize;
use std::sync::Arc;

use super::{Module, Rpc, convert, errors, heavy, params::Arguments, quick};
use crate::block::FinalBlock;

/// Most blocks in an answer of `eth_feeHistory`.
const MAX_FEE_BLOCKS: u64 = 1_024;
/// Most percentiles in a request of `eth_feeHistory`.
const MAX_PERCENTILES: usize = 100;

pub(super) fn register(module: &mut Module) {
    quick(module, "eth_chainId", |rpc, _| {
        Ok(U64::from(rpc.chain.chain_id()))
    });
    quick(module, "net_version", |rpc, _| {
        Ok(rpc.chain.chain_id().to_string())
    });
    quick(module, "net_listening", |_, _| Ok(true));
    quick(module, "web3_clientVersion", |_, _| {
        Ok(concat!("carechain/", env!("CARGO_PKG_VERSION")))
    });
    quick(module, "eth_syncing", |_, _| Ok(false));
    quick(module, "eth_accounts", |_, _| Ok(Vec::<Address>::new()));
    quick(module, "eth_gasPrice", |_, _| Ok(U256::ZERO));
    quick(module, "eth_maxPriorityFeePerGas", |_, _| Ok(U256::ZERO));
    quick(module, "eth_blobBaseFee", |_, _| Ok(U256::from(1)));
    quick(module, "eth_blockNumber", |rpc, _| {
        Ok(U64::from(rpc.chain.shared().store.read().head_number()))
    });
    quick(module, "eth_feeHistory", fee_history);
    register_blocks(module);
    register_transactions(module);
}

fn register_blocks(module: &mut Module) {
    heavy(module, "eth_getBlockByNumber", block_by_number);
    heavy(module, "eth_getBlockByHash", block_by_hash);
    heavy(module, "eth_getBlockReceipts", block_receipts);
    quick(
        module,
        "eth_getBlockTransactionCountByNumber",
        |rpc, params| {
            let tag: BlockNumberOrTag = Arguments::of(params).one("block")?;
            Ok(rpc
                .final_block(tag.into())
                .map(|block| U64::from(block.executed.txs.len())))
        },
    );
    quick(
        module,
        "eth_getBlockTransactionCountByHash",
        |rpc, params| {
            let hash: B256 = Arguments::of(params).one("hash")?;
            Ok(rpc
                .final_block(hash.into())
                .map(|block| U64::from(block.executed.txs.len())))
        },
    );
    quick(module, "eth_getUncleCountByBlockNumber", |rpc, params| {
        let tag: BlockNumberOrTag = Arguments::of(params).one("block")?;
        Ok(rpc.final_block(tag.into()).map(|_| U64::ZERO))
    });
    quick(module, "eth_getUncleCountByBlockHash", |rpc, params| {
        let hash: B256 = Arguments::of(params).one("hash")?;
        Ok(rpc.final_block(hash.into()).map(|_| U64::ZERO))
    });
}

fn register_transactions(module: &mut Module) {
    quick(
        module,
        "eth_getTransactionByBlockNumberAndIndex",
        |rpc, params| {
            let mut args = Arguments::of(params);
            let tag: BlockNumberOrTag = args.one("block")?;
            let index: Index = args.one("index")?;
            Ok(rpc.transaction_at(tag.into(), index.into()))
        },
    );
    quick(
        module,
        "eth_getTransactionByBlockHashAndIndex",
        |rpc, params| {
            let mut args = Arguments::of(params);
            let hash: B256 = args.one("hash")?;
            let index: Index = args.one("index")?;
            Ok(rpc.transaction_at(hash.into(), index.into()))
        },
    );
    quick(module, "eth_getTransactionByHash", |rpc, params| {
        let hash: B256 = Arguments::of(params).one("hash")?;
        let store = rpc.chain.shared().store.read();
        Ok(store
            .transaction(&hash)
            .map(|(block, index)| convert::transaction(block, index)))
    });
    quick(module, "eth_getTransactionReceipt", |rpc, params| {
        let hash: B256 = Arguments::of(params).one("hash")?;
        Ok(rpc.chain.receipt(hash))
    });
}

impl Rpc {
    pub(super) fn final_block(&self, id: BlockId) -> Option<Arc<FinalBlock>> {
        self.chain.shared().store.read().block(id).cloned()
    }

    fn transaction_at(&self, id: BlockId, index: usize) -> Option<Transaction> {
        let block = self.final_block(id)?;
        (index < block.executed.txs.len()).then(|| convert::transaction(&block, index))
    }
}

fn block_by_number(rpc: &Rpc, params: &Params<'_>) -> RpcResult<Option<Block>> {
    let mut args = Arguments::of(params);
    let tag: BlockNumberOrTag = args.one("block")?;
    let full = args.maybe("full")?.unwrap_or(false);
    Ok(rpc
        .final_block(tag.into())
        .map(|block| convert::block(&block, full)))
}

fn block_by_hash(rpc: &Rpc, params: &Params<'_>) -> RpcResult<Option<Block>> {
    let mut args = Arguments::of(params);
    let hash: B256 = args.one("hash")?;
    let full = args.maybe("full")?.unwrap_or(false);
    Ok(rpc
        .final_block(hash.into())
        .map(|block| convert::block(&block, full)))
}

fn block_receipts(rpc: &Rpc, params: &Params<'_>) -> RpcResult<Option<Vec<TransactionReceipt>>> {
    let id: BlockId = Arguments::of(params).one("block")?;
    Ok(rpc.final_block(id).map(|block| {
        (0..block.executed.txs.len())
            .map(|index| convert::receipt(&block, index))
            .collect()
    }))
}

/// A count that clients send as a number or as a hex quantity.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Quantity(U64),
}

fn fee_history(rpc: &Rpc, params: &Params<'_>) -> RpcResult<FeeHistory> {
    let mut args = Arguments::of(params);
    let count = match args.one("blockCount")? {
        Count::Number(count) => count,
        Count::Quantity(count) => count.to(),
    };
    let newest: BlockNumberOrTag = args.one("newestBlock")?;
    let percentiles: Vec<f64> = args.maybe("rewardPercentiles")?.unwrap_or_default();
    if percentiles.len() > MAX_PERCENTILES {
        return Err(errors::limit(format!(
            "rewardPercentiles: at most {MAX_PERCENTILES}"
        )));
    }
    let store = rpc.chain.shared().store.read();
    let newest = store.number_of(newest);
    if newest > store.head_number() {
        return Err(errors::invalid(format!(
            "newestBlock: block {newest} does not exist yet"
        )));
    }
    let count = count.min(MAX_FEE_BLOCKS).min(newest + 1);
    let oldest_block = newest + 1 - count;
    let gas_used_ratio: Vec<f64> = (oldest_block..=newest)
        .take(usize::try_from(count).unwrap_or(0))
        .filter_map(|number| store.by_number(number))
        .map(|block| block.executed.header.gas_used as f64 / block.executed.header.gas_limit as f64)
        .collect();
    let blocks = gas_used_ratio.len();
    Ok(FeeHistory {
        base_fee_per_gas: vec![0; blocks + 1],
        base_fee_per_blob_gas: vec![1; blocks + 1],
        blob_gas_used_ratio: vec![0.0; blocks],
        oldest_block,
        reward: (!percentiles.is_empty()).then(|| vec![vec![0; percentiles.len()]; blocks]),
        gas_used_ratio,
    })
}

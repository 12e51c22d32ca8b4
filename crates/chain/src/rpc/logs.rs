//! `eth_getLogs`, bounded by blocks and by results.

use alloy_primitives::B256;
use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use jsonrpsee::core::RpcResult;

use super::{Module, Rpc, convert, errors, heavy, params::Arguments};

/// Most blocks that one request may span.
pub const MAX_LOG_RANGE_BLOCKS: u64 = 10_000;
/// Most logs in one answer.
pub const MAX_LOG_RESULTS: usize = 10_000;

pub(super) fn register(module: &mut Module) {
    heavy(module, "eth_getLogs", |rpc, params| {
        let filter: Filter = Arguments::of(params).one("filter")?;
        rpc.matching_logs(&filter)
    });
}

impl Rpc {
    /// The logs that a filter asks for.
    pub(super) fn matching_logs(&self, filter: &Filter) -> RpcResult<Vec<Log>> {
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => return self.logs_of_block(filter, hash),
            FilterBlockOption::Range {
                from_block,
                to_block,
            } => {
                let store = self.chain.shared().store.read();
                let head = store.head_number();
                let from = from_block.map_or(head, |tag| store.number_of(tag));
                let to = to_block.map_or(head, |tag| store.number_of(tag));
                if from > to {
                    return Err(errors::invalid("fromBlock: it is above toBlock".into()));
                }
                (from, to.min(head))
            }
        };
        if to.saturating_sub(from) >= MAX_LOG_RANGE_BLOCKS {
            return Err(errors::limit(format!(
                "fromBlock to toBlock: {} blocks, the limit is {MAX_LOG_RANGE_BLOCKS}",
                to - from + 1
            )));
        }
        self.logs_between(filter, from, to)
    }

    fn logs_of_block(&self, filter: &Filter, hash: B256) -> RpcResult<Vec<Log>> {
        let Some(block) = self.final_block(hash.into()) else {
            return Err(errors::invalid(format!("blockHash: unknown block {hash}")));
        };
        let number = block.executed.header.number;
        self.logs_between(filter, number, number)
    }

    /// Matching logs of the blocks `from..=to`; too many are an error, never cut off silently.
    pub(super) fn logs_between(&self, filter: &Filter, from: u64, to: u64) -> RpcResult<Vec<Log>> {
        let mut found = Vec::new();
        for number in from..=to {
            let Some(block) = self.final_block(number.into()) else {
                break;
            };
            if !filter.matches_bloom(block.executed.header.logs_bloom) {
                continue;
            }
            found.extend(convert::logs(&block).filter(|log| filter.matches(&log.inner)));
            if found.len() > MAX_LOG_RESULTS {
                return Err(errors::limit(format!(
                    "query returned more than {MAX_LOG_RESULTS} results"
                )));
            }
        }
        Ok(found)
    }
}

//! Filters that clients poll: new blocks, new logs. Bounded in number; unpolled ones expire.

use alloy_primitives::U256;
use alloy_rpc_types_eth::{Filter, FilterChanges, Log};
use jsonrpsee::core::RpcResult;
use std::collections::BTreeMap;

use super::{Module, Rpc, errors, heavy, logs::MAX_LOG_RANGE_BLOCKS, params::Arguments, quick};

/// Most filters of one module.
pub const MAX_FILTERS: usize = 256;
/// How long a filter lives without being polled.
pub const FILTER_TTL_SECS: u64 = 300;

#[derive(Clone)]
enum Kind {
    Blocks,
    Logs(Box<Filter>),
}

struct Polled {
    kind: Kind,
    /// The first block that was not told of.
    next: u64,
    expires_ms: u64,
}

/// The filters of one module.
#[derive(Default)]
pub(super) struct Filters {
    last_id: u64,
    live: BTreeMap<u64, Polled>,
}

pub(super) fn register(module: &mut Module) {
    quick(module, "eth_newBlockFilter", |rpc, _| {
        rpc.new_filter(Kind::Blocks)
    });
    quick(module, "eth_newFilter", |rpc, params| {
        let filter: Filter = Arguments::of(params).one("filter")?;
        rpc.new_filter(Kind::Logs(Box::new(filter)))
    });
    quick(module, "eth_uninstallFilter", |rpc, params| {
        let id: U256 = Arguments::of(params).one("id")?;
        let id = u64::try_from(id).unwrap_or(u64::MAX);
        Ok(rpc.filters.lock().live.remove(&id).is_some())
    });
    heavy(module, "eth_getFilterChanges", |rpc, params| {
        rpc.filter_changes(Arguments::of(params).one("id")?)
    });
    heavy(module, "eth_getFilterLogs", |rpc, params| {
        rpc.filter_logs(Arguments::of(params).one("id")?)
    });
}

impl Rpc {
    fn new_filter(&self, kind: Kind) -> RpcResult<U256> {
        let now = self.chain.clock().unix_millis();
        let next = self.chain.shared().store.read().head_number() + 1;
        let mut filters = self.filters.lock();
        filters.live.retain(|_, filter| filter.expires_ms > now);
        if filters.live.len() >= MAX_FILTERS {
            return Err(errors::limit(format!("{MAX_FILTERS} filters are open")));
        }
        filters.last_id += 1;
        let id = filters.last_id;
        filters.live.insert(
            id,
            Polled {
                kind,
                next,
                expires_ms: now + FILTER_TTL_SECS * 1_000,
            },
        );
        Ok(U256::from(id))
    }

    /// Marks the filter as polled and takes the blocks it was not told of, at most as many as a log
    /// query may span; the rest comes with the next poll.
    fn poll(&self, id: U256) -> RpcResult<(Kind, u64, u64)> {
        let now = self.chain.clock().unix_millis();
        let head = self.chain.shared().store.read().head_number();
        let mut filters = self.filters.lock();
        let filter = u64::try_from(id)
            .ok()
            .and_then(|id| filters.live.get_mut(&id))
            .filter(|filter| filter.expires_ms > now)
            .ok_or_else(not_found)?;
        filter.expires_ms = now + FILTER_TTL_SECS * 1_000;
        let from = filter.next;
        let to = head.min(from + MAX_LOG_RANGE_BLOCKS - 1);
        filter.next = filter.next.max(to + 1);
        Ok((filter.kind.clone(), from, to))
    }

    fn filter_changes(&self, id: U256) -> RpcResult<FilterChanges> {
        let (kind, from, to) = self.poll(id)?;
        Ok(match kind {
            Kind::Blocks => FilterChanges::Hashes(
                (from..=to)
                    .filter_map(|number| self.final_block(number.into()))
                    .map(|block| block.executed.hash)
                    .collect(),
            ),
            Kind::Logs(filter) => {
                let mut logs = self.logs_between(&filter, from, to)?;
                logs.retain(|log| filter.matches_block_range(log.block_number.unwrap_or_default()));
                FilterChanges::Logs(logs)
            }
        })
    }

    fn filter_logs(&self, id: U256) -> RpcResult<Vec<Log>> {
        let kind = {
            let filters = self.filters.lock();
            let id = u64::try_from(id).map_err(|_| not_found())?;
            filters
                .live
                .get(&id)
                .map(|filter| filter.kind.clone())
                .ok_or_else(not_found)?
        };
        match kind {
            Kind::Logs(filter) => self.matching_logs(&filter),
            Kind::Blocks => Err(errors::invalid("id: it is not a filter of logs".into())),
        }
    }
}

fn not_found() -> jsonrpsee::types::ErrorObjectOwned {
    jsonrpsee::types::ErrorObjectOwned::owned(-32000, "filter not found", None::<()>)
}

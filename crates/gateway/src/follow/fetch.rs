//! Blocks and the logs of Carechain's contracts, from any Ethereum node.

use alloy_eips::BlockId;
use alloy_primitives::{Address, BloomInput};
use alloy_provider::Provider;
use carechain_index::{BlockLog, BlockLogs};
use futures::{StreamExt, TryStreamExt};

use super::Follower;
use crate::GatewayError;

/// Blocks that are asked for at the same time.
const CONCURRENT_BLOCKS: usize = 4;

impl Follower {
    /// The blocks `first..=last` in order.
    pub(super) async fn fetch(
        &self,
        first: u64,
        last: u64,
    ) -> Result<Vec<BlockLogs>, GatewayError> {
        futures::stream::iter(first..=last)
            .map(|number| self.block(number))
            .buffered(CONCURRENT_BLOCKS)
            .try_collect()
            .await
    }

    async fn block(&self, number: u64) -> Result<BlockLogs, GatewayError> {
        let block = self.provider.get_block_by_number(number.into()).await?;
        let header = block
            .ok_or(GatewayError::ChainAnswer(
                "no block of a number below its head",
            ))?
            .header;
        let ours = self.ours();
        let bloom = header.inner.logs_bloom;
        let mut logs = Vec::new();
        if ours
            .iter()
            .any(|address| bloom.contains_input(BloomInput::Raw(address.as_slice())))
        {
            let receipts = self
                .provider
                .get_block_receipts(BlockId::hash(header.hash))
                .await?;
            let receipts = receipts.ok_or(GatewayError::ChainAnswer(
                "no receipts of a block below its head",
            ))?;
            for log in receipts.iter().flat_map(|receipt| receipt.inner.logs()) {
                if !ours.contains(&log.inner.address) {
                    continue;
                }
                let index = log.log_index.and_then(|index| u32::try_from(index).ok());
                let index = index.ok_or(GatewayError::ChainAnswer("a log without its index"))?;
                logs.push(BlockLog {
                    index,
                    log: log.inner.clone(),
                });
            }
        }
        Ok(BlockLogs {
            number,
            hash: header.hash,
            parent_hash: header.inner.parent_hash,
            time: header.inner.timestamp,
            logs,
        })
    }

    fn ours(&self) -> [Address; 4] {
        let contracts = &self.contracts;
        [
            contracts.registry,
            contracts.directory,
            contracts.consent,
            contracts.records,
        ]
    }
}

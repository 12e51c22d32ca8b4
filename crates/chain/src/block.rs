//! Blocks as this node holds them: executed, then final with a certificate.

use alloy_consensus::{
    BlockBody, Eip658Value, Header, Receipt as ConsensusReceipt, ReceiptEnvelope, ReceiptWithBloom,
    TxEnvelope,
};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Bloom, Log};
use alloy_rlp::{EMPTY_LIST_CODE, Encodable};
use std::sync::Arc;

use crate::{seal::Certificate, validate::SignedTx};

/// An Ethereum block.
pub type Block = alloy_consensus::Block<TxEnvelope>;

/// What executing one transaction left.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) cumulative_gas: u64,
    pub(crate) logs: Vec<Log>,
    /// Index of the first log within the block.
    pub(crate) first_log: u64,
    pub(crate) bloom: Bloom,
    pub(crate) contract: Option<Address>,
}

impl Receipt {
    /// The receipt that `receipts_root` commits to.
    pub(crate) fn envelope(&self, tx: &TxEnvelope) -> ReceiptEnvelope {
        envelope(tx, self, self.logs.clone())
    }
}

/// A receipt of the transaction's type, with logs in any form.
pub(crate) fn envelope<L>(tx: &TxEnvelope, receipt: &Receipt, logs: Vec<L>) -> ReceiptEnvelope<L> {
    let inner = ReceiptWithBloom {
        receipt: ConsensusReceipt {
            status: Eip658Value::Eip658(receipt.success),
            cumulative_gas_used: receipt.cumulative_gas,
            logs,
        },
        logs_bloom: receipt.bloom,
    };
    match tx {
        TxEnvelope::Legacy(_) => ReceiptEnvelope::Legacy(inner),
        TxEnvelope::Eip2930(_) => ReceiptEnvelope::Eip2930(inner),
        TxEnvelope::Eip1559(_) => ReceiptEnvelope::Eip1559(inner),
        TxEnvelope::Eip4844(_) => ReceiptEnvelope::Eip4844(inner),
        TxEnvelope::Eip7702(_) => ReceiptEnvelope::Eip7702(inner),
    }
}

/// A block with what executing it gave; not final yet.
#[derive(Debug)]
pub(crate) struct ExecutedBlock {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    pub(crate) txs: Vec<Arc<SignedTx>>,
    pub(crate) receipts: Vec<Receipt>,
}

impl ExecutedBlock {
    pub(crate) fn block(&self) -> Block {
        Block {
            header: self.header.clone(),
            body: BlockBody {
                transactions: self.txs.iter().map(|tx| tx.tx.clone()).collect(),
                ommers: Vec::new(),
                withdrawals: Some(Withdrawals::default()),
            },
        }
    }

    /// The block's RLP, as [`Block`] encodes it, without copying its transactions first.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let body: usize = self.txs.iter().map(|tx| tx.size).sum();
        let list = alloy_rlp::Header {
            list: true,
            payload_length: body,
        };
        let payload_length = self.header.length() + list.length() + body + 2;
        let mut out = Vec::with_capacity(payload_length + 9);
        alloy_rlp::Header {
            list: true,
            payload_length,
        }
        .encode(&mut out);
        self.header.encode(&mut out);
        list.encode(&mut out);
        for tx in &self.txs {
            tx.tx.encode(&mut out);
        }
        // No ommers, no withdrawals.
        out.extend_from_slice(&[EMPTY_LIST_CODE, EMPTY_LIST_CODE]);
        out
    }
}

/// A block that is durable and therefore visible.
#[derive(Debug)]
pub(crate) struct FinalBlock {
    pub(crate) executed: Arc<ExecutedBlock>,
    /// None for the genesis block alone.
    pub(crate) certificate: Option<Certificate>,
    /// Length of the block's RLP.
    pub(crate) size: usize,
}

/// The newest final block, or one that was.
#[derive(Clone, Debug)]
pub struct HeadInfo {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its header.
    pub header: Header,
    /// What makes it final; the genesis block alone has none.
    pub certificate: Option<Certificate>,
}

impl From<&FinalBlock> for HeadInfo {
    fn from(block: &FinalBlock) -> Self {
        Self {
            number: block.executed.header.number,
            hash: block.executed.hash,
            header: block.executed.header.clone(),
            certificate: block.certificate.clone(),
        }
    }
}

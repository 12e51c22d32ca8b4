//! From this node's blocks to alloy's RPC types.

use alloy_consensus::Transaction as _;
use alloy_consensus::{Sealed, TxEnvelope, transaction::Recovered};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rpc_types_eth::{
    Block, BlockTransactions, EIP1186AccountProofResponse, EIP1186StorageProof, Header, Log,
    Transaction, TransactionReceipt,
};

use crate::{
    block::{FinalBlock, envelope},
    state::{Account, World},
};

/// A receipt of a final block.
pub(crate) fn receipt(block: &FinalBlock, index: usize) -> TransactionReceipt {
    let executed = &block.executed;
    let (tx, receipt) = (&executed.txs[index], &executed.receipts[index]);
    TransactionReceipt {
        inner: envelope(&tx.tx, receipt, logs_of(block, index).collect()),
        transaction_hash: *tx.hash(),
        transaction_index: Some(index as u64),
        block_hash: Some(executed.hash),
        block_number: Some(executed.header.number),
        gas_used: receipt.gas_used,
        effective_gas_price: 0,
        blob_gas_used: None,
        blob_gas_price: None,
        from: tx.sender,
        to: tx.tx.to(),
        contract_address: receipt.contract,
    }
}

/// The logs of a final block.
pub(crate) fn logs(block: &FinalBlock) -> impl Iterator<Item = Log> + '_ {
    (0..block.executed.receipts.len()).flat_map(move |index| logs_of(block, index))
}

fn logs_of(block: &FinalBlock, index: usize) -> impl Iterator<Item = Log> + '_ {
    let executed = &block.executed;
    let receipt = &executed.receipts[index];
    let hash = *executed.txs[index].hash();
    receipt.logs.iter().enumerate().map(move |(at, log)| Log {
        inner: log.clone(),
        block_hash: Some(executed.hash),
        block_number: Some(executed.header.number),
        block_timestamp: Some(executed.header.timestamp),
        transaction_hash: Some(hash),
        transaction_index: Some(index as u64),
        log_index: Some(receipt.first_log + at as u64),
        removed: false,
    })
}

/// A transaction of a final block.
pub(crate) fn transaction(block: &FinalBlock, index: usize) -> Transaction<TxEnvelope> {
    let executed = &block.executed;
    let tx = &executed.txs[index];
    Transaction {
        inner: Recovered::new_unchecked(tx.tx.clone(), tx.sender),
        block_hash: Some(executed.hash),
        block_number: Some(executed.header.number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(0),
        block_timestamp: Some(executed.header.timestamp),
    }
}

/// A final block, with whole transactions or their hashes.
pub(crate) fn block(block: &FinalBlock, full: bool) -> Block {
    let executed = &block.executed;
    let sealed = Sealed::new_unchecked(executed.header.clone(), executed.hash);
    let header = Header::from_consensus(sealed, None, Some(U256::from(block.size)));
    let transactions = if full {
        BlockTransactions::Full(
            (0..executed.txs.len())
                .map(|i| transaction(block, i))
                .collect(),
        )
    } else {
        BlockTransactions::Hashes(executed.txs.iter().map(|tx| *tx.hash()).collect())
    };
    Block::new(header, transactions).with_withdrawals(Some(Withdrawals::default()))
}

/// An account and some of its slots with their proofs.
pub(crate) fn proof(
    world: &World,
    address: Address,
    slots: &[B256],
) -> EIP1186AccountProofResponse {
    let account = world
        .account(address)
        .cloned()
        .unwrap_or_else(Account::default);
    let storage_proof = slots
        .iter()
        .map(|slot| EIP1186StorageProof {
            key: (*slot).into(),
            value: world.slot(address, *slot),
            proof: account.storage.proof(&keccak256(slot)),
        })
        .collect();
    EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage.root(),
        account_proof: world.account_proof(address),
        storage_proof,
    }
}

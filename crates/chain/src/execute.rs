//! The second phase: transactions on a parent's state make a block.
//!
//! Osaka rules on revm. The parent's hash goes into the EIP-2935 contract first, by a system call;
//! then each transaction runs and commits to the state snapshot. Building and verifying take the
//! same path, and a block is right exactly when the header assembled here has its hash.
//!
//! Fees are a chain rule, not an outcome: the base fee is 0 and a tip is never charged, so the gas
//! price that contracts see is 0 and an account without a balance can send. A value that is sent
//! must be there.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, Transaction, TxEnvelope};
use alloy_eips::{
    eip2718::Encodable2718, eip2935::HISTORY_STORAGE_ADDRESS, eip7685::EMPTY_REQUESTS_HASH,
    eip7840::BlobParams,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, logs_bloom};
use alloy_trie::{EMPTY_ROOT_HASH, root::ordered_trie_root_encoded};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext, SystemCallCommitEvm,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::result::{EVMError, ExecutionResult, InvalidTransaction},
    primitives::hardfork::SpecId,
};
use std::sync::Arc;

use crate::{
    block::{ExecutedBlock, Receipt},
    genesis::extra_data,
    state::{StateError, World},
    validate::{SignedTx, TxError},
};

/// What a block's header is given rather than computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockTerms<'a> {
    pub(crate) parent: &'a Header,
    pub(crate) parent_hash: B256,
    pub(crate) timestamp: u64,
    pub(crate) proposer: Address,
    pub(crate) epoch: u64,
    pub(crate) gas_limit: u64,
    pub(crate) chain_id: u64,
}

/// An executed block with the state after it, and what became of transactions that are not in it.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) block: ExecutedBlock,
    pub(crate) world: World,
    /// Invalid for good.
    pub(crate) dropped: Vec<(Arc<SignedTx>, TxError)>,
    /// Valid later: an earlier nonce is missing.
    pub(crate) early: Vec<Arc<SignedTx>>,
    /// Valid, but this block has no room.
    pub(crate) left: Vec<Arc<SignedTx>>,
}

/// The rules every block and call of this chain runs under.
pub(crate) fn rules(chain_id: u64) -> CfgEnv {
    CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(chain_id)
}

/// The EVM's view of a block with this header.
pub(crate) fn block_env(
    number: u64,
    timestamp: u64,
    proposer: Address,
    gas_limit: u64,
) -> BlockEnv {
    let mut env = BlockEnv {
        number: U256::from(number),
        beneficiary: proposer,
        timestamp: U256::from(timestamp),
        gas_limit,
        basefee: 0,
        prevrandao: Some(B256::ZERO),
        ..BlockEnv::default()
    };
    let fraction = u64::try_from(BlobParams::osaka().update_fraction).unwrap_or(u64::MAX);
    env.set_blob_excess_gas_and_price(0, fraction);
    env
}

/// The EVM's view of a transaction: everything but its fees.
pub(crate) fn tx_env(tx: &TxEnvelope, sender: Address) -> TxEnv {
    TxEnv {
        tx_type: tx.tx_type() as u8,
        caller: sender,
        gas_limit: tx.gas_limit(),
        gas_price: 0,
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.is_eip1559().then_some(0),
        ..TxEnv::default()
    }
}

/// Runs `txs` on `world`, the state after the parent, and assembles the block.
pub(crate) fn execute(
    terms: &BlockTerms<'_>,
    mut world: World,
    txs: Vec<Arc<SignedTx>>,
) -> Result<Execution, StateError> {
    let mut included = Vec::with_capacity(txs.len());
    let mut receipts: Vec<Receipt> = Vec::with_capacity(txs.len());
    let (mut dropped, mut early, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let (mut gas_used, mut log_count) = (0u64, 0u64);
    let number = terms.parent.number + 1;
    {
        let mut evm = Context::mainnet()
            .with_db(&mut world)
            .with_cfg(rules(terms.chain_id))
            .with_block(block_env(
                number,
                terms.timestamp,
                terms.proposer,
                terms.gas_limit,
            ))
            .build_mainnet();
        evm.system_call_commit(HISTORY_STORAGE_ADDRESS, Bytes::from(terms.parent_hash.0))
            .map_err(state_error)?;
        for tx in txs {
            if !left.is_empty() || tx.tx.gas_limit() > terms.gas_limit - gas_used {
                left.push(tx);
                continue;
            }
            match evm.transact_commit(tx_env(&tx.tx, tx.sender)) {
                Ok(result) => {
                    gas_used += result.tx_gas_used();
                    let receipt = receipt(result, gas_used, log_count);
                    log_count += receipt.logs.len() as u64;
                    receipts.push(receipt);
                    included.push(tx);
                }
                Err(EVMError::Transaction(InvalidTransaction::NonceTooHigh { .. })) => {
                    early.push(tx);
                }
                Err(EVMError::Transaction(reason)) => {
                    let reason = refusal(reason);
                    dropped.push((tx, reason));
                }
                Err(other) => return Err(state_error(other)),
            }
        }
    }
    let header = assemble(terms, world.root(), &included, &receipts, gas_used);
    let block = ExecutedBlock {
        hash: header.hash_slow(),
        header,
        txs: included,
        receipts,
    };
    Ok(Execution {
        block,
        world,
        dropped,
        early,
        left,
    })
}

/// Only the database can fail here; the other kinds cannot arise without custom handlers.
fn state_error(error: EVMError<StateError>) -> StateError {
    match &error {
        EVMError::Database(error) => error.clone(),
        EVMError::Transaction(_)
        | EVMError::Header(_)
        | EVMError::Custom(_)
        | EVMError::CustomAny(_) => StateError::Evm(error.to_string()),
    }
}

fn refusal(reason: InvalidTransaction) -> TxError {
    if let InvalidTransaction::NonceTooLow { tx, state } = reason {
        return TxError::NonceTooLow {
            next: state,
            nonce: tx,
        };
    }
    if matches!(reason, InvalidTransaction::LackOfFundForMaxFee { .. }) {
        return TxError::InsufficientFunds;
    }
    if matches!(reason, InvalidTransaction::RejectCallerWithCode) {
        return TxError::SenderHasCode;
    }
    TxError::Refused(reason.to_string())
}

fn receipt(result: ExecutionResult, cumulative_gas: u64, first_log: u64) -> Receipt {
    let success = result.is_success();
    let contract = result.created_address();
    let gas_used = result.tx_gas_used();
    // A transaction that failed leaves no logs.
    let logs = if success {
        result.into_logs()
    } else {
        Vec::new()
    };
    let bloom = logs_bloom(&logs);
    Receipt {
        success,
        gas_used,
        cumulative_gas,
        logs,
        first_log,
        bloom,
        contract,
    }
}

fn assemble(
    terms: &BlockTerms<'_>,
    state_root: B256,
    txs: &[Arc<SignedTx>],
    receipts: &[Receipt],
    gas_used: u64,
) -> Header {
    let raw: Vec<_> = txs.iter().map(|tx| tx.tx.encoded_2718()).collect();
    let encoded: Vec<_> = txs
        .iter()
        .zip(receipts)
        .map(|(tx, r)| r.envelope(&tx.tx).encoded_2718())
        .collect();
    let bloom = receipts
        .iter()
        .fold(Bloom::ZERO, |all, receipt| all | receipt.bloom);
    Header {
        parent_hash: terms.parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: terms.proposer,
        state_root,
        transactions_root: ordered_trie_root_encoded(&raw),
        receipts_root: ordered_trie_root_encoded(&encoded),
        logs_bloom: bloom,
        number: terms.parent.number + 1,
        gas_limit: terms.gas_limit,
        gas_used,
        timestamp: terms.timestamp,
        extra_data: extra_data(terms.epoch),
        base_fee_per_gas: Some(0),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

/// The first field in which an offered header differs from the one that execution gives.
pub(crate) fn first_difference(offered: &Header, expected: &Header) -> &'static str {
    let fields = [
        ("parent_hash", offered.parent_hash == expected.parent_hash),
        ("number", offered.number == expected.number),
        ("timestamp", offered.timestamp == expected.timestamp),
        ("beneficiary", offered.beneficiary == expected.beneficiary),
        ("extra_data", offered.extra_data == expected.extra_data),
        ("gas_limit", offered.gas_limit == expected.gas_limit),
        (
            "transactions_root",
            offered.transactions_root == expected.transactions_root,
        ),
        ("gas_used", offered.gas_used == expected.gas_used),
        (
            "receipts_root",
            offered.receipts_root == expected.receipts_root,
        ),
        ("logs_bloom", offered.logs_bloom == expected.logs_bloom),
        ("state_root", offered.state_root == expected.state_root),
        (
            "base_fee_per_gas",
            offered.base_fee_per_gas == expected.base_fee_per_gas,
        ),
    ];
    fields
        .iter()
        .find(|(_, same)| !same)
        .map_or("a fixed field", |(name, _)| name)
}

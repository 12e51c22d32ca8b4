//! The first phase: what makes a raw transaction valid by itself.
//!
//! Runs on the caller's thread: size, type, chain id, gas cap, intrinsic gas, init code size, then
//! the signature, which is by far the dearest step and is recovered with the C secp256k1 library.
//!
//! It refuses blob and EIP-7702 transactions, transactions without a chain id, a signature with a
//! high `s`, and anything above its named limits. Fees are not looked at: the chain charges none.

use alloy_consensus::{Transaction, TxEnvelope, transaction::SignableTransaction};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Signature, keccak256};
use revm::{context_interface::cfg::GasParams, primitives::hardfork::SpecId};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use std::sync::LazyLock;

/// Largest raw transaction.
pub const MAX_TX_BYTES: usize = 128 * 1024;
/// Largest gas limit of a transaction (EIP-7825).
pub const MAX_TX_GAS: u64 = 16_777_216;
/// Largest init code (EIP-3860).
pub const MAX_INIT_CODE_BYTES: usize = 49_152;

/// The gas table of the rules this chain keeps.
static GAS_PARAMS: LazyLock<GasParams> = LazyLock::new(|| GasParams::new_spec(SpecId::OSAKA));

/// Why a transaction was turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// Longer than [`MAX_TX_BYTES`].
    #[error("oversized data: transaction has {size} bytes, the limit is {MAX_TX_BYTES}")]
    Oversized {
        /// Its size.
        size: usize,
    },
    /// Not an encoded transaction, or bytes follow it.
    #[error("transaction cannot be decoded: {0}")]
    Malformed(String),
    /// EIP-4844.
    #[error("transaction type not supported: blob transactions are refused")]
    BlobNotSupported,
    /// EIP-7702.
    #[error("transaction type not supported: EIP-7702 transactions are refused")]
    SetCodeNotSupported,
    /// A legacy transaction without EIP-155.
    #[error("only replay-protected (EIP-155) transactions allowed")]
    Unprotected,
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    WrongChain {
        /// The transaction's.
        have: u64,
        /// This chain's.
        want: u64,
    },
    /// Above [`MAX_TX_GAS`].
    #[error("transaction gas limit too high: {gas} is above the cap of {MAX_TX_GAS}")]
    GasAboveCap {
        /// Its gas limit.
        gas: u64,
    },
    /// Below what the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// Its gas limit.
        gas: u64,
        /// The least possible.
        needed: u64,
    },
    /// Above [`MAX_INIT_CODE_BYTES`].
    #[error("max initcode size exceeded: {size} bytes, the limit is {MAX_INIT_CODE_BYTES}")]
    InitCodeTooLarge {
        /// Its size.
        size: usize,
    },
    /// No account signed this.
    #[error("invalid transaction signature")]
    BadSignature,
    /// The tip is above the fee cap.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The account's next nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// Too far ahead to be kept.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce}, at most {limit} ahead are kept")]
    NonceTooFar {
        /// The account's next nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
        /// How far ahead is kept.
        limit: u64,
    },
    /// The last nonce cannot be used.
    #[error("nonce has max value")]
    NonceMax,
    /// Another transaction of the account already waits with this nonce.
    #[error("replacement transaction refused: nonce {nonce} already waits")]
    NonceTaken {
        /// The nonce.
        nonce: u64,
    },
    /// This very transaction waits or is in a block.
    #[error("already known")]
    AlreadyKnown,
    /// The account cannot pay the value it sends.
    #[error("insufficient funds for transfer: the value is above the balance")]
    InsufficientFunds,
    /// The sender has code.
    #[error("sender not an eoa")]
    SenderHasCode,
    /// The account has too many waiting.
    #[error("account limit reached: {limit} transactions of this account wait")]
    AccountFull {
        /// The bound.
        limit: usize,
    },
    /// Too many wait altogether.
    #[error("txpool is full: {limit} transactions wait")]
    PoolFull {
        /// The bound.
        limit: usize,
    },
    /// What waits is too large altogether.
    #[error("txpool is full: {limit} bytes of transactions wait")]
    PoolBytes {
        /// The bound.
        limit: usize,
    },
    /// It waited too long for an earlier nonce.
    #[error("transaction expired while an earlier nonce was missing")]
    Expired,
    /// The block it was built into refused it.
    #[error("transaction refused on execution: {0}")]
    Refused(String),
}

/// A valid transaction with its sender.
#[derive(Clone, Debug)]
pub(crate) struct SignedTx {
    pub(crate) tx: TxEnvelope,
    pub(crate) sender: Address,
    /// Its size in a block's body.
    pub(crate) size: usize,
}

impl SignedTx {
    pub(crate) fn new(tx: TxEnvelope, sender: Address) -> Self {
        let size = alloy_rlp::Encodable::length(&tx);
        Self { tx, sender, size }
    }

    pub(crate) fn hash(&self) -> &B256 {
        self.tx.tx_hash()
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.tx.nonce()
    }
}

/// Decodes and checks a raw transaction and recovers its sender.
pub(crate) fn validate(raw: &[u8], chain_id: u64) -> Result<SignedTx, TxError> {
    if raw.len() > MAX_TX_BYTES {
        return Err(TxError::Oversized { size: raw.len() });
    }
    let mut rest = raw;
    let tx = TxEnvelope::decode_2718(&mut rest).map_err(|e| TxError::Malformed(e.to_string()))?;
    if !rest.is_empty() {
        return Err(TxError::Malformed(format!(
            "{} bytes follow it",
            rest.len()
        )));
    }
    check(&tx, chain_id)?;
    let sender = recover(&tx)?;
    Ok(SignedTx::new(tx, sender))
}

/// The rules that need no signature; a block's transactions must keep them too.
pub(crate) fn check(tx: &TxEnvelope, chain_id: u64) -> Result<(), TxError> {
    match tx {
        TxEnvelope::Legacy(_) | TxEnvelope::Eip2930(_) | TxEnvelope::Eip1559(_) => {}
        TxEnvelope::Eip4844(_) => return Err(TxError::BlobNotSupported),
        TxEnvelope::Eip7702(_) => return Err(TxError::SetCodeNotSupported),
    }
    let size = tx.encode_2718_len();
    if size > MAX_TX_BYTES {
        return Err(TxError::Oversized { size });
    }
    match tx.chain_id() {
        None => return Err(TxError::Unprotected),
        Some(have) if have != chain_id => {
            return Err(TxError::WrongChain {
                have,
                want: chain_id,
            });
        }
        Some(_) => {}
    }
    if tx.nonce() == u64::MAX {
        return Err(TxError::NonceMax);
    }
    let gas = tx.gas_limit();
    if gas > MAX_TX_GAS {
        return Err(TxError::GasAboveCap { gas });
    }
    if tx
        .max_priority_fee_per_gas()
        .is_some_and(|tip| tip > tx.max_fee_per_gas())
    {
        return Err(TxError::TipAboveFeeCap);
    }
    if tx.is_create() && tx.input().len() > MAX_INIT_CODE_BYTES {
        return Err(TxError::InitCodeTooLarge {
            size: tx.input().len(),
        });
    }
    let needed = intrinsic_gas(tx);
    if gas < needed {
        return Err(TxError::IntrinsicGas { gas, needed });
    }
    Ok(())
}

fn intrinsic_gas(tx: &TxEnvelope) -> u64 {
    let (accounts, slots) = tx.access_list().map_or((0, 0), |list| {
        let slots: usize = list.iter().map(|item| item.storage_keys.len()).sum();
        (list.len() as u64, slots as u64)
    });
    let gas = GAS_PARAMS.initial_tx_gas(tx.input(), tx.is_create(), accounts, slots, 0, None);
    gas.initial_total_gas().max(gas.floor_gas())
}

/// The account that signed `tx`.
pub(crate) fn recover(tx: &TxEnvelope) -> Result<Address, TxError> {
    let (signature, digest) = match tx {
        TxEnvelope::Legacy(signed) => (signed.signature(), signed.tx().signature_hash()),
        TxEnvelope::Eip2930(signed) => (signed.signature(), signed.tx().signature_hash()),
        TxEnvelope::Eip1559(signed) => (signed.signature(), signed.tx().signature_hash()),
        TxEnvelope::Eip4844(_) => return Err(TxError::BlobNotSupported),
        TxEnvelope::Eip7702(_) => return Err(TxError::SetCodeNotSupported),
    };
    // EIP-2: of the two equivalent signatures only the one with the low s is valid.
    if signature.normalize_s().is_some() {
        return Err(TxError::BadSignature);
    }
    recover_digest(signature, digest).ok_or(TxError::BadSignature)
}

/// The account whose key made `signature` over `digest`.
pub(crate) fn recover_digest(signature: &Signature, digest: B256) -> Option<Address> {
    let bytes = signature.as_bytes();
    let parity = RecoveryId::try_from(i32::from(signature.v())).ok()?;
    let signature = RecoverableSignature::from_compact(&bytes[..64], parity).ok()?;
    let key = SECP256K1
        .recover_ecdsa(&Message::from_digest(digest.0), &signature)
        .ok()?;
    Some(address_of(&key))
}

/// The account of a public key.
pub(crate) fn address_of(key: &secp256k1::PublicKey) -> Address {
    // The first byte only says that the point is not compressed.
    Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..])
}

#[cfg(test)]
mod tests;

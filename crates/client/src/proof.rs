//! Checks signed heads and `eth_getProof` answers. Pure: what comes from the node goes in, what is true comes out.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof as verify_path};
use carechain_api::{ProofAccount, ProofRequest, ProvenAccount, SignedHead, StateProof};
use carechain_crypto::{KeysetChain, head_digest, recover};

use crate::error::Lie;

/// Seconds that the node's signature over its head may lie away from this device's clock.
pub(crate) const MAX_HEAD_AGE_SECS: u64 = 120;
/// Most nodes on the path of one proof: a key has 64 digits.
const MAX_PROOF_NODES: usize = 65;

/// A block of the chain, as the node's signature vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Root of the state after it.
    pub state_root: B256,
    /// Its own time.
    pub block_time: u64,
    /// When the node signed it.
    pub signed_at: u64,
}

/// Checks the node's signature and the distance of the clocks.
pub fn verify_head(pins: &KeysetChain, signed: &SignedHead, now: u64) -> Result<Head, Lie> {
    let forged = |what| Lie::ForgedHead { what };
    let mut bytes = signed.header.as_ref();
    let header = Header::decode(&mut bytes).map_err(|_| forged("the header cannot be read"))?;
    if !bytes.is_empty() {
        return Err(forged("something follows the header"));
    }
    let hash = keccak256(&signed.header);
    let digest = head_digest(pins.id, &pins.genesis, header.number, &hash, signed.time);
    let signer = recover(&digest, signed.signature.as_ref())
        .map_err(|_| forged("the signature cannot be read"))?;
    if signer != pins.node_key {
        return Err(forged("another key signed it"));
    }
    if header.number == 0 && hash != pins.genesis {
        return Err(forged("its genesis is another"));
    }
    let age_secs = now.abs_diff(signed.time);
    if age_secs > MAX_HEAD_AGE_SECS {
        return Err(Lie::StaleHead {
            age_secs,
            limit_secs: MAX_HEAD_AGE_SECS,
        });
    }
    Ok(Head {
        number: header.number,
        hash,
        state_root: header.state_root,
        block_time: header.timestamp,
        signed_at: signed.time,
    })
}

/// Values of storage slots, by contract and slot.
pub type Values = BTreeMap<(Address, B256), U256>;

/// Checks a head and everything that its proof says, without regard to heads seen before.
///
/// # Errors
/// Names what cannot be true.
pub fn verify_proof(
    pins: &KeysetChain,
    request: &ProofRequest,
    answer: &StateProof,
    now: u64,
) -> Result<(Head, Values), Lie> {
    let head = verify_head(pins, &answer.head, now)?;
    let mut values = Values::new();
    verify_state(head.state_root, &request.accounts, answer, &mut values)?;
    Ok((head, values))
}

/// Checks that the answer proves exactly what was asked for, against the state root.
pub(crate) fn verify_state(
    state_root: B256,
    asked: &[ProofAccount],
    answer: &StateProof,
    out: &mut Values,
) -> Result<(), Lie> {
    if asked.len() != answer.accounts.len() {
        let contract = asked.first().map_or(Address::ZERO, |a| a.address);
        return Err(Lie::BadProof {
            contract,
            what: "another number of accounts than asked for",
        });
    }
    for (ask, account) in asked.iter().zip(&answer.accounts) {
        verify_account(state_root, ask, account, out)?;
    }
    Ok(())
}

fn verify_account(
    state_root: B256,
    ask: &ProofAccount,
    account: &ProvenAccount,
    out: &mut Values,
) -> Result<(), Lie> {
    let bad = |what| Lie::BadProof {
        contract: ask.address,
        what,
    };
    if account.address != ask.address {
        return Err(bad("another account than asked for"));
    }
    if account.slots.len() != ask.slots.len() {
        return Err(bad("another number of slots than asked for"));
    }
    let leaf = TrieAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: account.storage_root,
        code_hash: account.code_hash,
    };
    if account.proof.len() > MAX_PROOF_NODES {
        return Err(bad("too many nodes"));
    }
    let key = Nibbles::unpack(keccak256(account.address));
    verify_path(
        state_root,
        key,
        Some(alloy_rlp::encode(leaf)),
        &account.proof,
    )
    .map_err(|_| bad("the account does not lead to the state root"))?;
    for (slot, proven) in ask.slots.iter().zip(&account.slots) {
        if proven.slot != *slot {
            return Err(bad("another slot than asked for"));
        }
        if proven.proof.len() > MAX_PROOF_NODES {
            return Err(bad("too many nodes"));
        }
        let value = (!proven.value.is_zero()).then(|| alloy_rlp::encode(proven.value));
        let key = Nibbles::unpack(keccak256(slot));
        verify_path(account.storage_root, key, value, &proven.proof)
            .map_err(|_| bad("a slot does not lead to the storage root"))?;
        out.insert((ask.address, *slot), proven.value);
    }
    Ok(())
}

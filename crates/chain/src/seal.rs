//! Sealing: who turns pending transactions into final blocks, and the certificate that says so.
//!
//! A [`Sealer`] drives the [`Engine`]. The [`LoneSealer`] is the fast path of a chain with one
//! validator: whatever waits becomes a block at once, the next block is built while the log thread
//! makes the last one durable, and under load blocks grow instead of queueing. A sealer for several
//! validators drives the same four calls (build, execute, commit, block) and needs no new genesis.
//!
//! A certificate lies beside its block, never under the block's hash. Scheme 1 is one secp256k1
//! signature by the epoch's only validator over
//! `keccak256(namespace || chain_id u64 BE || genesis_hash || number u64 BE || block_hash)`.

use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use std::fmt;

use crate::{engine::Engine, error::ChainError, genesis::Genesis, validate};

/// The scheme of a certificate by one validator: `0x01 || r || s || v`, with v 27 or 28.
pub const SCHEME_LONE_SECP256K1: u8 = 1;
const LONE_BYTES: usize = 66;

/// What makes a block final: a scheme byte and what the scheme needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Bytes);

impl Certificate {
    /// Signs a block alone.
    pub fn sign(
        key: &ValidatorKey,
        genesis: &Genesis,
        genesis_hash: B256,
        number: u64,
        block_hash: B256,
    ) -> Self {
        let digest = certificate_digest(
            &genesis.namespace,
            genesis.chain_id,
            genesis_hash,
            number,
            block_hash,
        );
        let mut bytes = vec![SCHEME_LONE_SECP256K1];
        bytes.extend_from_slice(&key.sign(digest).as_bytes());
        Self(bytes.into())
    }

    /// Takes the bytes of a certificate as they are stored and sent; they are not checked yet.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes as they are stored and sent.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The 65-byte signature of scheme 1, `r || s || v`.
    pub fn signature(&self) -> Option<&[u8]> {
        (self.0.len() == LONE_BYTES && self.0[0] == SCHEME_LONE_SECP256K1).then(|| &self.0[1..])
    }

    /// Checks that the validators of the block's epoch made this certificate.
    pub fn verify(
        &self,
        genesis: &Genesis,
        genesis_hash: B256,
        number: u64,
        block_hash: B256,
    ) -> Result<(), ChainError> {
        let fail = |reason: &str| ChainError::BadCertificate {
            number,
            reason: reason.into(),
        };
        let bytes = self
            .signature()
            .ok_or_else(|| fail("its scheme is unknown"))?;
        let signature =
            Signature::from_raw(bytes).map_err(|_| fail("its signature is malformed"))?;
        if signature.normalize_s().is_some() {
            return Err(fail("its signature has a high s"));
        }
        let digest = certificate_digest(
            &genesis.namespace,
            genesis.chain_id,
            genesis_hash,
            number,
            block_hash,
        );
        let signer = validate::recover_digest(&signature, digest)
            .ok_or_else(|| fail("its signature is by no key"))?;
        let set = genesis.validators_at(number);
        if set.validators != [signer] {
            return Err(fail("its signer is not the only validator of the epoch"));
        }
        Ok(())
    }
}

/// What a validator signs for a block.
pub fn certificate_digest(
    namespace: &str,
    chain_id: u64,
    genesis_hash: B256,
    number: u64,
    block_hash: B256,
) -> B256 {
    let mut bytes = Vec::with_capacity(namespace.len() + 80);
    bytes.extend_from_slice(namespace.as_bytes());
    bytes.extend_from_slice(&chain_id.to_be_bytes());
    bytes.extend_from_slice(genesis_hash.as_slice());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(block_hash.as_slice());
    keccak256(bytes)
}

/// The key of a validator. Its secret is never shown.
#[derive(Clone)]
pub struct ValidatorKey {
    secret: SecretKey,
    address: Address,
}

impl ValidatorKey {
    /// The key with this secret; refused if it is not a valid secp256k1 secret.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, ChainError> {
        let secret = SecretKey::from_byte_array(secret).map_err(|_| {
            ChainError::InvalidRequest("validator key: not a secp256k1 secret".into())
        })?;
        let address = validate::address_of(&PublicKey::from_secret_key(SECP256K1, &secret));
        Ok(Self { secret, address })
    }

    /// The validator's account.
    pub fn address(&self) -> Address {
        self.address
    }

    fn sign(&self, digest: B256) -> Signature {
        let signature =
            SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(digest.0), &self.secret);
        let (parity, bytes) = signature.serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(parity) == 1)
    }
}

impl fmt::Debug for ValidatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidatorKey")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Drives the chain. Runs on a thread of its own until the engine stops.
pub trait Sealer: Send + 'static {
    /// The account that proposes this sealer's blocks, for their `beneficiary`.
    fn proposer(&self) -> Address;

    /// Drives `engine` until it stops or something fails for good.
    fn run(&mut self, engine: &Engine) -> Result<(), ChainError>;
}

/// The only validator of its epoch: seals at once, alone.
#[derive(Debug)]
pub struct LoneSealer {
    key: ValidatorKey,
}

impl LoneSealer {
    /// A sealer with this key.
    pub fn new(key: ValidatorKey) -> Self {
        Self { key }
    }
}

impl Sealer for LoneSealer {
    fn proposer(&self) -> Address {
        self.key.address()
    }

    fn run(&mut self, engine: &Engine) -> Result<(), ChainError> {
        while engine.wait_for_transactions() {
            let tip = engine.tip();
            let set = engine.genesis().validators_at(tip.number + 1);
            if set.validators != [self.key.address()] {
                return Err(ChainError::NotValidator {
                    have: self.key.address(),
                    epoch: set.epoch,
                });
            }
            let Some(proposal) = engine.build(tip.hash)? else {
                continue;
            };
            let certificate = Certificate::sign(
                &self.key,
                engine.genesis(),
                engine.genesis_hash(),
                proposal.number,
                proposal.hash,
            );
            // Not durable yet: the log thread publishes it once it is.
            engine.submit(proposal.hash, certificate)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_certificate_holds_for_one_block_of_one_chain() {
        let key = ValidatorKey::from_bytes(&[7; 32]).unwrap();
        let genesis = Genesis::new(9, "test", 1, key.address());
        let hash = genesis.hash();
        let block = B256::repeat_byte(3);
        let certificate = Certificate::sign(&key, &genesis, hash, 5, block);
        certificate.verify(&genesis, hash, 5, block).unwrap();
        assert_eq!(certificate.signature().unwrap().len(), 65);

        assert!(certificate.verify(&genesis, hash, 6, block).is_err());
        assert!(certificate.verify(&genesis, hash, 5, B256::ZERO).is_err());
        assert!(certificate.verify(&genesis, B256::ZERO, 5, block).is_err());
        let mut other = genesis.clone();
        other.namespace = "else".into();
        assert!(certificate.verify(&other, hash, 5, block).is_err());
        let stranger = ValidatorKey::from_bytes(&[8; 32]).unwrap();
        let forged = Certificate::sign(&stranger, &genesis, hash, 5, block);
        assert!(forged.verify(&genesis, hash, 5, block).is_err());
        for bytes in [vec![], vec![2; 66], vec![1; 65], vec![1; 66]] {
            let broken = Certificate::from_bytes(bytes.into());
            assert!(broken.verify(&genesis, hash, 5, block).is_err());
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let key = ValidatorKey::from_bytes(&[0xab; 32]).unwrap();
        assert!(!format!("{key:?}").contains("abababab"));
        assert!(ValidatorKey::from_bytes(&[0; 32]).is_err());
    }
}

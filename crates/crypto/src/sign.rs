//! secp256k1 signatures as Ethereum has them: r ‖ s ‖ v over a 32-byte digest.
//!
//! Signing is deterministic (RFC 6979). Recovering refuses the malleable form of a signature and
//! any v but 27 and 28, so that one statement has one signature. With the feature `native` it goes
//! through libsecp256k1; the results are the same.

use core::fmt;

use alloy_primitives::{Address, B256};
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::CryptoError;

/// Length of a signature.
pub const SIGNATURE_BYTES: usize = 65;

/// r (32), s (32), v (27 or 28).
pub type Signature = [u8; SIGNATURE_BYTES];

/// A private signing key; wiped when dropped.
#[derive(Clone)]
pub struct SigningKey(k256::ecdsa::SigningKey);

impl SigningKey {
    /// A new random key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        loop {
            rng.fill_bytes(bytes.as_mut_slice());
            if let Ok(key) = Self::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// Takes 32 bytes.
    ///
    /// # Errors
    /// Zero, or a number that is not below the order of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, CryptoError> {
        k256::ecdsa::SigningKey::from_slice(bytes)
            .map(Self)
            .map_err(|_| CryptoError::PrivateKey)
    }

    /// The 32 bytes, for sealing them.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The Ethereum address of the key.
    #[must_use]
    pub fn address(&self) -> Address {
        address_of(self.0.verifying_key())
    }

    /// Signs a digest.
    #[must_use]
    pub fn sign_digest(&self, digest: &B256) -> Signature {
        let (signature, id) = self.0.sign_prehash_recoverable(digest.as_slice());
        let mut out = [0u8; SIGNATURE_BYTES];
        out[..64].copy_from_slice(&signature.to_bytes());
        out[64] = 27 + u8::from(id.is_y_odd());
        out
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.address())
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for SigningKey {}

fn address_of(key: &VerifyingKey) -> Address {
    Address::from_raw_public_key(&key.to_sec1_point(false).as_bytes()[1..])
}

/// The address whose key made the signature over the digest.
///
/// # Errors
/// Another length than 65, another v than 27 or 28, a high s, numbers out of range.
pub fn recover(digest: &B256, signature: &[u8]) -> Result<Address, CryptoError> {
    #[cfg(feature = "native")]
    return recover_native(digest, signature);
    #[cfg(not(feature = "native"))]
    recover_portable(digest, signature)
}

/// Splits a signature into r ‖ s and the parity of y.
fn split(signature: &[u8]) -> Result<(&[u8; 64], bool), CryptoError> {
    let signature = <&Signature>::try_from(signature).map_err(|_| CryptoError::Length {
        what: "a signature",
        expected: SIGNATURE_BYTES,
        found: signature.len(),
    })?;
    let (rs, v) = signature
        .split_first_chunk::<64>()
        .expect("65 bytes hold 64");
    match v[0] {
        27 => Ok((rs, false)),
        28 => Ok((rs, true)),
        found => Err(CryptoError::SignatureV { found }),
    }
}

#[cfg_attr(all(feature = "native", not(test)), allow(dead_code))]
fn recover_portable(digest: &B256, signature: &[u8]) -> Result<Address, CryptoError> {
    let (rs, odd) = split(signature)?;
    let signature = EcdsaSignature::from_slice(rs).map_err(|_| CryptoError::Signature)?;
    if signature.normalize_s() != signature {
        return Err(CryptoError::SignatureHighS);
    }
    VerifyingKey::recover_from_prehash(digest.as_slice(), &signature, RecoveryId::new(odd, false))
        .map(|key| address_of(&key))
        .map_err(|_| CryptoError::Signature)
}

#[cfg(feature = "native")]
fn recover_native(digest: &B256, signature: &[u8]) -> Result<Address, CryptoError> {
    use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
    let (rs, odd) = split(signature)?;
    let id = RecoveryId::try_from(i32::from(odd)).expect("0 and 1 are recovery ids");
    let signature =
        RecoverableSignature::from_compact(rs, id).map_err(|_| CryptoError::Signature)?;
    let mut normal = signature.to_standard();
    normal.normalize_s();
    if normal != signature.to_standard() {
        return Err(CryptoError::SignatureHighS);
    }
    let message = secp256k1::Message::from_digest(digest.0);
    signature
        .recover(&message)
        .map(|key| Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
        .map_err(|_| CryptoError::Signature)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_signature_recovers_its_signer_and_no_other_digest_does() {
        for byte in 1..40 {
            let digest = B256::repeat_byte(byte);
            let signature = key(byte).sign_digest(&digest);
            assert_eq!(recover(&digest, &signature), Ok(key(byte).address()));
            assert_ne!(recover(&B256::ZERO, &signature), Ok(key(byte).address()));
        }
    }

    #[test]
    fn high_s_other_v_and_other_lengths_are_refused() {
        let digest = B256::repeat_byte(7);
        let good = key(7).sign_digest(&digest);
        let mut high = good;
        let s = k256::ecdsa::Signature::from_slice(&good[..64]).unwrap().s();
        high[32..64].copy_from_slice(&(-*s).to_bytes());
        high[64] = 27 + 28 - good[64];
        assert_eq!(recover(&digest, &high), Err(CryptoError::SignatureHighS));
        for v in [0u8, 1, 26, 29, 255] {
            let mut other = good;
            other[64] = v;
            assert_eq!(
                recover(&digest, &other),
                Err(CryptoError::SignatureV { found: v })
            );
        }
        assert!(matches!(
            recover(&digest, &good[..64]),
            Err(CryptoError::Length { .. })
        ));
        let mut zero = good;
        zero[..32].fill(0);
        assert_eq!(recover(&digest, &zero), Err(CryptoError::Signature));
        let mut over = good;
        over[..32].fill(0xFF);
        assert_eq!(recover(&digest, &over), Err(CryptoError::Signature));
    }

    #[test]
    fn private_keys_out_of_range_are_refused() {
        assert_eq!(
            SigningKey::from_bytes(&[0; 32]).unwrap_err(),
            CryptoError::PrivateKey
        );
        assert_eq!(
            SigningKey::from_bytes(&[0xFF; 32]).unwrap_err(),
            CryptoError::PrivateKey
        );
        assert!(format!("{:?}", key(1)).starts_with("SigningKey(of 0x"));
    }

    #[cfg(feature = "native")]
    #[test]
    fn both_libraries_recover_and_refuse_alike() {
        let mut refused = 0;
        for byte in 1..60u8 {
            let digest = B256::repeat_byte(byte.wrapping_mul(37));
            let good = key(byte).sign_digest(&digest);
            for at in 0..SIGNATURE_BYTES {
                let mut changed = good;
                changed[at] ^= 1 << (byte % 8);
                let portable = recover_portable(&digest, &changed);
                refused += usize::from(portable.is_err());
                assert_eq!(portable, recover_native(&digest, &changed), "byte {at}");
            }
            assert_eq!(
                recover_portable(&digest, &good),
                recover_native(&digest, &good)
            );
        }
        assert!(
            refused > 100,
            "some changed signatures are not signatures at all"
        );
    }
}

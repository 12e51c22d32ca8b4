//! X-Wing (ML-KEM-768 with X25519) key pairs and HPKE to them.
//!
//! HPKE of RFC 9180 in base mode: it tells nothing about the sender. Who made a wrap is shown by
//! its signature, who made an inbox slot by the chain's anchor.

use core::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::CryptoError;

/// Length of an X-Wing public key.
pub const KEM_PUBLIC_BYTES: usize = 1216;
/// Length of the encapsulated key before an HPKE ciphertext.
pub const ENCAPSULATED_BYTES: usize = 1120;
/// What HPKE adds to a plaintext.
pub const HPKE_OVERHEAD_BYTES: usize = ENCAPSULATED_BYTES + crate::aead::TAG_BYTES;

/// An X-Wing private key.
#[derive(Clone)]
pub struct KemSecret(<XWing as Kem>::PrivateKey);

impl KemSecret {
    /// From its 32-byte private seed.
    pub(crate) fn from_seed(seed: Zeroizing<[u8; 32]>) -> Self {
        Self(
            <XWing as Kem>::PrivateKey::from_bytes(&*seed).expect("any 32 bytes are a private key"),
        )
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> KemPublic {
        KemPublic(XWing::sk_to_pk(&self.0))
    }

    pub(crate) fn open(
        &self,
        what: &'static str,
        info: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let fault = CryptoError::Unauthentic { what };
        if sealed.len() < HPKE_OVERHEAD_BYTES {
            return Err(fault);
        }
        let (key, ciphertext) = sealed.split_at(ENCAPSULATED_BYTES);
        let key = <XWing as Kem>::EncappedKey::from_bytes(key).map_err(|_| fault.clone())?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.0,
            &key,
            info,
            ciphertext,
            b"",
        )
        .map(Zeroizing::new)
        .map_err(|_| fault)
    }
}

impl PartialEq for KemSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KemSecret {}

impl fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemSecret(redacted)")
    }
}

/// An X-Wing public key, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublic(<XWing as Kem>::PublicKey);

impl KemPublic {
    /// Reads the 1,216 bytes of a key.
    ///
    /// # Errors
    /// Another length, or an ML-KEM part that is not reduced.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        <XWing as Kem>::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| CryptoError::KemPublic)
    }

    /// The 1,216 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    pub(crate) fn seal(&self, info: &[u8], plaintext: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let (key, ciphertext) = hpke::single_shot_seal_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            XWing,
        >(&OpModeS::Base, &self.0, info, plaintext, b"", rng)
        .expect("base mode with a checked key and one message has no way to fail");
        let mut sealed = Vec::with_capacity(ENCAPSULATED_BYTES + ciphertext.len());
        sealed.extend_from_slice(&key.to_bytes());
        sealed.extend_from_slice(&ciphertext);
        sealed
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KemPublic({})", crate::hash::keccak(&[&self.to_bytes()]))
    }
}

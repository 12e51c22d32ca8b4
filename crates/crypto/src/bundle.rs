//! Public documents whose hash is on chain: key bundles and profiles.

use alloy_primitives::B256;

use crate::cbor;
use crate::hash::keccak;
use crate::kem::KEM_PUBLIC_BYTES;
use crate::{CryptoError, EncryptionRoot, KemPublic};

const WHAT: &str = "the key bundle";
/// The longest profile.
pub const PROFILE_MAX_BYTES: usize = 16 << 10;

/// The public key that others seal to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBundle {
    /// Generation of the encryption root behind it.
    pub generation: u16,
    /// The X-Wing key.
    pub public: KemPublic,
}

impl KeyBundle {
    /// The bundle of a root.
    #[must_use]
    pub fn of(root: &EncryptionRoot) -> Self {
        Self {
            generation: root.generation(),
            public: root.kem_secret().public(),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::write(KEM_PUBLIC_BYTES + 16, |e| {
            e.array(3)?
                .u8(1)?
                .u16(self.generation)?
                .bytes(&self.public.to_bytes())?;
            Ok(())
        })
    }

    /// Reads a bundle. The caller compares [`KeyBundle::hash`] with the chain.
    ///
    /// # Errors
    /// Anything but the deterministic encoding of a valid key.
    pub fn decode(bytes: &[u8]) -> Result<Self, CryptoError> {
        cbor::read(
            WHAT,
            bytes,
            |r| {
                r.array_of(3)?;
                r.version()?;
                let generation = r.u16()?;
                Ok(Self {
                    generation,
                    public: KemPublic::from_bytes(r.bytes()?)?,
                })
            },
            Self::encode,
        )
    }

    /// Reads a bundle and compares it with the hash on chain.
    ///
    /// # Errors
    /// As [`KeyBundle::decode`]; another hash.
    pub fn decode_checked(bytes: &[u8], expected: &B256) -> Result<Self, CryptoError> {
        if keccak(&[bytes]) != *expected {
            return Err(CryptoError::Mismatch {
                what: "the hash of the key bundle",
            });
        }
        Self::decode(bytes)
    }

    /// The `keyBundleHash` on chain.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak(&[&self.encode()])
    }
}

/// The `profileHash` on chain.
///
/// # Errors
/// More than [`PROFILE_MAX_BYTES`].
pub fn profile_hash(profile: &[u8]) -> Result<B256, CryptoError> {
    if profile.len() > PROFILE_MAX_BYTES {
        let limit = PROFILE_MAX_BYTES as u64;
        return Err(CryptoError::TooLarge {
            what: "the profile",
            limit,
        });
    }
    Ok(keccak(&[profile]))
}

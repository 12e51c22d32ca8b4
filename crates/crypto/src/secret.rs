//! 32-byte secrets as types: wiped when dropped, compared in constant time, never printed.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::CryptoError;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Takes a slice of exactly 32 bytes.
            ///
            /// # Errors
            /// Another length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
                let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| CryptoError::Length {
                    what: $what,
                    expected: 32,
                    found: bytes.len(),
                })?;
                Ok(Self(bytes))
            }

            /// The bytes, for sealing them; they must not be logged or stored in the clear.
            #[must_use]
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl From<Zeroizing<[u8; 32]>> for $name {
            fn from(bytes: Zeroizing<[u8; 32]>) -> Self {
                Self(*bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}
    };
}

secret!(
    /// Opens one version of one record. Random.
    RecordKey, "a record key"
);
secret!(
    /// Opens the key slots of one lane of one subject during one epoch.
    LaneKey, "a lane key"
);
secret!(
    /// Makes the stable, unguessable names of an author's records.
    UidKey, "a uid key"
);
secret!(
    /// Ties an author's signature to one person; known to the patient and to grantees alone.
    PersonTag, "a person tag"
);
secret!(
    /// The key that a keyset's unlockers seal and that seals a keyset's body.
    MasterKey, "a master key"
);

impl RecordKey {
    /// A new key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        bytes.into()
    }
}

impl MasterKey {
    /// A new key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        bytes.into()
    }
}

//! What the encryption roots give: X-Wing pair, lane keys, uid key, person tag, permutation.
//!
//! New words make a new generation: lane keys and the X-Wing pair change with it, while a person's
//! stable names (uids, person tag, lanes) stay those of generation 0, or importing twice would no
//! longer change nothing and old signatures would no longer fit.

use core::fmt;

use alloy_primitives::B256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::hash::derive;
use crate::{CryptoError, KemSecret, Lane, LaneKey, LanePermutation, PersonTag, UidKey};

/// 32 bytes from which the keys of one generation of one subject are derived.
#[derive(Clone)]
pub struct EncryptionRoot {
    generation: u16,
    key: Zeroizing<[u8; 32]>,
}

impl EncryptionRoot {
    /// A root as a keyset keeps it.
    #[must_use]
    pub const fn new(generation: u16, key: Zeroizing<[u8; 32]>) -> Self {
        Self { generation, key }
    }

    /// Its generation: 0 at registration, one more after each change of words.
    #[must_use]
    pub const fn generation(&self) -> u16 {
        self.generation
    }

    /// The bytes, for sealing them into a keyset.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.key
    }

    /// The X-Wing key that wraps and inbox slots are sealed to.
    #[must_use]
    pub fn kem_secret(&self) -> KemSecret {
        let generation = self.generation.to_be_bytes();
        KemSecret::from_seed(derive::<32>(
            b"",
            &*self.key,
            &[b"carechain/v1/x-wing", &generation],
        ))
    }

    /// The key of the lane's slots in that epoch.
    #[must_use]
    pub fn lane_key(&self, subject: &B256, lane: Lane, epoch: u16) -> LaneKey {
        derive::<32>(
            b"",
            &*self.key,
            &[
                b"carechain/v1/lane-key",
                &self.generation.to_be_bytes(),
                subject.as_slice(),
                &[lane.number()],
                &epoch.to_be_bytes(),
            ],
        )
        .into()
    }
}

impl PartialEq for EncryptionRoot {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation && bool::from(self.key.ct_eq(&*other.key))
    }
}

impl Eq for EncryptionRoot {}

impl fmt::Debug for EncryptionRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionRoot")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// The present root of a subject and its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    current: EncryptionRoot,
    origin: EncryptionRoot,
}

impl Roots {
    /// Of a subject whose words never changed.
    ///
    /// # Errors
    /// A root that is not of generation 0.
    pub fn first(root: EncryptionRoot) -> Result<Self, CryptoError> {
        Self::new(root.clone(), root)
    }

    /// The present root and that of generation 0.
    ///
    /// # Errors
    /// An origin of another generation than 0; two different roots of generation 0.
    pub fn new(current: EncryptionRoot, origin: EncryptionRoot) -> Result<Self, CryptoError> {
        if origin.generation != 0 || (current.generation == 0 && current != origin) {
            return Err(CryptoError::Mismatch {
                what: "the encryption root of generation 0",
            });
        }
        Ok(Self { current, origin })
    }

    /// The present root: lane keys and the X-Wing pair come from it.
    #[must_use]
    pub const fn current(&self) -> &EncryptionRoot {
        &self.current
    }

    /// The root of generation 0.
    #[must_use]
    pub const fn origin(&self) -> &EncryptionRoot {
        &self.origin
    }

    /// The key that names this subject's own records.
    #[must_use]
    pub fn uid_key(&self) -> UidKey {
        derive::<32>(b"", &*self.origin.key, &[b"carechain/v1/uid-key"]).into()
    }

    /// The tag that an author's signature over a record of this subject covers.
    #[must_use]
    pub fn person_tag(&self, subject: &B256) -> PersonTag {
        derive::<32>(
            b"",
            &*self.origin.key,
            &[b"carechain/v1/person-tag", subject.as_slice()],
        )
        .into()
    }

    /// Which category has which lane.
    #[must_use]
    pub fn lanes(&self, subject: &B256) -> LanePermutation {
        LanePermutation::from_bytes(&derive::<128>(
            b"",
            &*self.origin.key,
            &[b"carechain/v1/lanes", subject.as_slice()],
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn root(generation: u16, byte: u8) -> EncryptionRoot {
        EncryptionRoot::new(generation, Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_new_generation_keeps_the_stable_names_and_changes_the_keys() {
        let old = Roots::first(root(0, 1)).unwrap();
        let new = Roots::new(root(1, 2), root(0, 1)).unwrap();
        let subject = B256::repeat_byte(9);
        assert_eq!(old.uid_key(), new.uid_key());
        assert_eq!(old.person_tag(&subject), new.person_tag(&subject));
        assert_eq!(old.lanes(&subject), new.lanes(&subject));
        let lane = Lane::new(3).unwrap();
        let key = |r: &Roots, epoch| r.current().lane_key(&subject, lane, epoch);
        assert_ne!(key(&old, 0), key(&new, 0));
        assert_ne!(key(&old, 0), key(&old, 1));
    }

    #[test]
    fn a_wrong_origin_is_refused() {
        assert!(Roots::first(root(1, 1)).is_err());
        assert!(Roots::new(root(0, 1), root(0, 2)).is_err());
        assert!(Roots::new(root(2, 1), root(1, 1)).is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(
            format!("{:?}", root(4, 0xAB)),
            "EncryptionRoot { generation: 4, .. }"
        );
        assert_eq!(
            format!("{:?}", LaneKey::from_bytes([7; 32])),
            "LaneKey(redacted)"
        );
    }
}

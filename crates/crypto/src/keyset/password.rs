//! The unlocker that a password opens: Argon2id, its costs bounded before they are paid.

use alloy_primitives::B256;
use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::file::Base64;
use crate::aead::{Cipher, NONCE_BYTES, TAG_BYTES};
use crate::{CryptoError, MasterKey};

/// The longest password, in bytes of its normal form.
pub const PASSWORD_MAX_BYTES: usize = 1024;
/// One GiB.
const MEMORY_MAX_KIB: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 4;
/// Memory times passes of all passwords of one keyset together: 4 GiB once over, 21 times the default. Opening tries
/// each, and its file may come from anybody.
pub const PASSWORDS_MAX_KIB_PASSES: u64 = 4 << 20;
const SALT_BYTES: usize = 16;
const SEALED_BYTES: usize = NONCE_BYTES + 32 + TAG_BYTES;

/// What guessing a password costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PasswordCost {
    /// 64 MiB, three passes, one lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 65_536,
        passes: 3,
        lanes: 1,
    };

    /// Other parameters.
    ///
    /// # Errors
    /// Memory over 1 GiB or under 8 KiB a lane; passes not 1 to 16; lanes not 1 to 4; memory times passes over
    /// [`PASSWORDS_MAX_KIB_PASSES`].
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CryptoError> {
        let fault = |parameter| Err(CryptoError::PasswordCost { parameter });
        if !(1..=LANES_MAX).contains(&lanes) {
            return fault("lanes");
        }
        if !(1..=PASSES_MAX).contains(&passes) {
            return fault("passes");
        }
        if !(8 * lanes..=MEMORY_MAX_KIB).contains(&memory_kib) {
            return fault("memory_kib");
        }
        let cost = Self {
            memory_kib,
            passes,
            lanes,
        };
        if cost.kib_passes() > PASSWORDS_MAX_KIB_PASSES {
            return fault("memory_kib");
        }
        Ok(cost)
    }

    fn kib_passes(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The master key under a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "password")]
pub(super) struct PasswordUnlocker {
    salt: Base64,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    sealed: Base64,
}

impl PasswordUnlocker {
    pub(super) fn seal(
        subject: &B256,
        master: &MasterKey,
        password: &str,
        cost: PasswordCost,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CryptoError> {
        let mut salt = [0u8; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let mut nonce = [0u8; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let kek = derive_kek(password, &salt, cost)?;
        let sealed = Cipher::new(&kek).seal(&nonce, &aad(subject), master.expose());
        Ok(Self {
            salt: Base64(salt.to_vec()),
            memory_kib: cost.memory_kib,
            passes: cost.passes,
            lanes: cost.lanes,
            sealed: Base64([&nonce[..], &sealed].concat()),
        })
    }

    /// Lengths and costs, before any work is done.
    pub(super) fn check(&self) -> Result<PasswordCost, CryptoError> {
        let fault = |field, reason| Err(CryptoError::Keyset { field, reason });
        if self.salt.0.len() != SALT_BYTES {
            return fault("unlockers.salt", "not 16 bytes");
        }
        if self.sealed.0.len() != SEALED_BYTES {
            return fault("unlockers.sealed", "not 60 bytes");
        }
        PasswordCost::new(self.memory_kib, self.passes, self.lanes)
    }

    pub(super) fn open(&self, subject: &B256, password: &str) -> Result<MasterKey, CryptoError> {
        let cost = self.check()?;
        let kek = derive_kek(password, &self.salt.0, cost)?;
        let (nonce, sealed) = self
            .sealed
            .0
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(CryptoError::WrongPassword)?;
        let master = Cipher::new(&kek)
            .open(nonce, &aad(subject), sealed)
            .map_err(|_| CryptoError::WrongPassword)?;
        MasterKey::from_slice(&master)
    }
}

/// Checks each password unlocker, and that trying them all costs no more than [`PASSWORDS_MAX_KIB_PASSES`].
pub(super) fn check_all<'a>(
    unlockers: impl Iterator<Item = &'a PasswordUnlocker>,
) -> Result<(), CryptoError> {
    let mut work = 0;
    for unlocker in unlockers {
        work += unlocker.check()?.kib_passes();
    }
    if work > PASSWORDS_MAX_KIB_PASSES {
        return Err(CryptoError::Keyset {
            field: "unlockers",
            reason: "together they cost too much to try",
        });
    }
    Ok(())
}

fn aad(subject: &B256) -> Vec<u8> {
    [
        &b"carechain/unlocker/v1"[..],
        subject.as_slice(),
        b"password",
    ]
    .concat()
}

fn derive_kek(
    password: &str,
    salt: &[u8],
    cost: PasswordCost,
) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    if password.is_empty() || password.len() > PASSWORD_MAX_BYTES {
        return Err(CryptoError::PasswordLength);
    }
    // Composing never makes a text three times as long, so that nothing is copied by growing.
    let mut normal = Zeroizing::new(String::with_capacity(3 * PASSWORD_MAX_BYTES));
    normal.extend(password.nfc());
    if normal.len() > PASSWORD_MAX_BYTES {
        return Err(CryptoError::PasswordLength);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| {
        CryptoError::PasswordCost {
            parameter: "memory_kib",
        }
    })?;
    let mut kek = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(normal.as_bytes(), salt, kek.as_mut_slice())
        .map_err(|_| CryptoError::Memory {
            memory_kib: cost.memory_kib,
        })?;
    Ok(kek)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn costing(memory_kib: u32, passes: u32) -> PasswordUnlocker {
        PasswordUnlocker {
            salt: Base64(vec![0; SALT_BYTES]),
            memory_kib,
            passes,
            lanes: 1,
            sealed: Base64(vec![0; SEALED_BYTES]),
        }
    }

    #[test]
    fn all_passwords_together_cost_no_more_than_the_bound() {
        let gib = 1 << 20;
        PasswordCost::new(gib, 4, 1).unwrap();
        let parameter = "memory_kib";
        assert_eq!(
            PasswordCost::new(gib, 5, 1),
            Err(CryptoError::PasswordCost { parameter })
        );
        let default = PasswordCost::DEFAULT;
        let usual = vec![costing(default.memory_kib, default.passes); crate::UNLOCKERS_MAX];
        check_all(usual.iter()).unwrap();
        let mut hostile = vec![costing(gib, 1); 4];
        check_all(hostile.iter()).unwrap();
        hostile.push(costing(8, 1));
        let field = "unlockers";
        assert!(
            matches!(check_all(hostile.iter()), Err(CryptoError::Keyset { field: f, .. }) if f == field)
        );
        hostile.pop();
        hostile[0].passes = 17;
        assert!(matches!(
            check_all(hostile.iter()),
            Err(CryptoError::PasswordCost { .. })
        ));
    }
}

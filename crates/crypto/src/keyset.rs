//! The keyset file: a device's secrets under a random master key, sealed once per unlocker.
//!
//! Everything that the file says in the clear is authenticated with the body, so that nobody can
//! point a keyset at another chain, node, contract or subject. Costs of a password are bounded
//! before any memory is spent on them. Reading and writing the file is the caller's.

mod body;
mod file;
mod password;

use core::fmt;

use alloy_primitives::{Address, B256};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

pub use body::KeysetSecrets;
pub use file::KEYSET_MAX_BYTES;
pub use password::{PASSWORD_MAX_BYTES, PASSWORDS_MAX_KIB_PASSES, PasswordCost};

use crate::aead::{Cipher, NONCE_BYTES};
use crate::hash::derive;
use crate::{CryptoError, MasterKey};
use file::Unlocker;
use password::{PasswordUnlocker, check_all};

/// How many unlockers a keyset has at most.
pub const UNLOCKERS_MAX: usize = 8;

/// Addresses of the contracts that a keyset trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetContracts {
    /// Registry.
    pub registry: Address,
    /// Directory.
    pub directory: Address,
    /// Consent.
    pub consent: Address,
    /// Records.
    pub records: Address,
}

/// The chain and node that a keyset was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetChain {
    /// The chain's id.
    pub id: u64,
    /// Hash of its genesis block.
    pub genesis: B256,
    /// Address of the key by which the node signs heads.
    pub node_key: Address,
    /// The contracts.
    pub contracts: KeysetContracts,
}

/// What kind of subject a keyset belongs to; numbered as the Directory numbers kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum KeysetKind {
    /// A patient.
    Patient = 1,
    /// A doctor.
    Doctor = 2,
    /// A pharmacy.
    Pharmacy = 3,
    /// An organisation.
    Organisation = 4,
    /// An administrator.
    Administrator = 5,
}

/// What a keyset file says in the clear, all of it authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetHeader {
    /// Chain and node.
    pub chain: KeysetChain,
    /// The subject's id.
    pub subject: B256,
    /// Its kind.
    pub kind: KeysetKind,
    /// Its index among the subjects of the same words.
    pub index: u32,
    /// Address of the device's signing key.
    pub address: Address,
}

impl KeysetHeader {
    fn aad(&self) -> Vec<u8> {
        let contracts = &self.chain.contracts;
        [
            &b"carechain/keyset/v1"[..],
            &self.chain.id.to_be_bytes(),
            self.chain.genesis.as_slice(),
            self.chain.node_key.as_slice(),
            contracts.registry.as_slice(),
            contracts.directory.as_slice(),
            contracts.consent.as_slice(),
            contracts.records.as_slice(),
            self.subject.as_slice(),
            &[self.kind as u8],
            &self.index.to_be_bytes(),
            self.address.as_slice(),
        ]
        .concat()
    }
}

/// A keyset file, locked.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyset {
    header: KeysetHeader,
    unlockers: Vec<Unlocker>,
    sealed: Vec<u8>,
}

impl Keyset {
    /// Makes a keyset that a password opens.
    ///
    /// # Errors
    /// A header whose address is not the device's; a password or cost out of bounds; no memory.
    pub fn create(
        header: KeysetHeader,
        secrets: KeysetSecrets,
        password: &str,
        cost: PasswordCost,
        rng: &mut impl CryptoRng,
    ) -> Result<OpenKeyset, CryptoError> {
        let master = MasterKey::random(rng);
        let unlocker = PasswordUnlocker::seal(&header.subject, &master, password, cost, rng)?;
        let sealed = seal_body(&header, &secrets, &master, rng)?;
        let unlockers = vec![Unlocker::Password(unlocker)];
        Ok(OpenKeyset {
            keyset: Self {
                header,
                unlockers,
                sealed,
            },
            master,
            secrets,
            opened_by: 0,
        })
    }

    /// Reads a file. Nothing in it is authenticated before it is opened.
    ///
    /// # Errors
    /// Names the field that is wrong; more than [`KEYSET_MAX_BYTES`].
    pub fn parse(json: &[u8]) -> Result<Self, CryptoError> {
        file::parse(json)
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        file::to_json(self)
    }

    /// What the file says in the clear.
    #[must_use]
    pub const fn header(&self) -> &KeysetHeader {
        &self.header
    }

    /// Opens the keyset with a password, trying each password unlocker.
    ///
    /// # Errors
    /// A wrong password; a file without one; a body or header that was changed; no memory.
    pub fn open(&self, password: &str) -> Result<OpenKeyset, CryptoError> {
        let mut tried = false;
        for (index, unlocker) in self.unlockers.iter().enumerate() {
            let Unlocker::Password(unlocker) = unlocker else {
                continue;
            };
            tried = true;
            match unlocker.open(&self.header.subject, password) {
                Ok(master) => return self.open_with(master, index),
                Err(CryptoError::WrongPassword) => {}
                Err(other) => return Err(other),
            }
        }
        Err(if tried {
            CryptoError::WrongPassword
        } else {
            CryptoError::NoPasswordUnlocker
        })
    }

    fn open_with(&self, master: MasterKey, opened_by: usize) -> Result<OpenKeyset, CryptoError> {
        let fault = CryptoError::Unauthentic {
            what: "the body of the keyset file",
        };
        let (nonce, sealed) = self
            .sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(fault.clone())?;
        let body = body_cipher(&master)
            .open(nonce, &self.header.aad(), sealed)
            .map_err(|_| fault)?;
        let secrets = KeysetSecrets::decode(&body)?;
        check_device(&self.header, &secrets)?;
        Ok(OpenKeyset {
            keyset: self.clone(),
            master,
            secrets,
            opened_by,
        })
    }
}

/// Shows what is in the clear alone: unlockers would let a reader of logs guess passwords.
impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyset")
            .field("header", &self.header)
            .field("unlockers", &self.unlockers.len())
            .finish_non_exhaustive()
    }
}

/// A keyset that was opened: its secrets, and the means to seal it again.
#[derive(Clone, Debug)]
pub struct OpenKeyset {
    keyset: Keyset,
    master: MasterKey,
    secrets: KeysetSecrets,
    opened_by: usize,
}

impl OpenKeyset {
    /// The secrets.
    #[must_use]
    pub const fn secrets(&self) -> &KeysetSecrets {
        &self.secrets
    }

    /// What the file says in the clear, now authenticated.
    #[must_use]
    pub const fn header(&self) -> &KeysetHeader {
        &self.keyset.header
    }

    /// The file, to be written again after a change.
    #[must_use]
    pub const fn keyset(&self) -> &Keyset {
        &self.keyset
    }

    /// Replaces header and secrets, as when the root key is dropped after registration.
    ///
    /// # Errors
    /// A header of another subject (its unlockers are bound to the first), or whose address is not
    /// the device's.
    pub fn replace(
        &mut self,
        header: KeysetHeader,
        secrets: KeysetSecrets,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CryptoError> {
        if header.subject != self.keyset.header.subject {
            return Err(CryptoError::Mismatch {
                what: "the subject of the keyset file",
            });
        }
        self.keyset.sealed = seal_body(&header, &secrets, &self.master, rng)?;
        self.keyset.header = header;
        self.secrets = secrets;
        Ok(())
    }

    /// Drops the root key, once the first device is on chain.
    ///
    /// # Errors
    /// As [`OpenKeyset::replace`].
    pub fn drop_root_key(&mut self, rng: &mut impl CryptoRng) -> Result<(), CryptoError> {
        let secrets = KeysetSecrets {
            root: None,
            ..self.secrets.clone()
        };
        self.replace(self.keyset.header.clone(), secrets, rng)
    }

    /// Adds another password that opens the keyset.
    ///
    /// # Errors
    /// More than [`UNLOCKERS_MAX`]; a password or cost, or that of all together, out of bounds; no memory.
    pub fn add_password(
        &mut self,
        password: &str,
        cost: PasswordCost,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CryptoError> {
        if self.keyset.unlockers.len() >= UNLOCKERS_MAX {
            let limit = UNLOCKERS_MAX as u64;
            return Err(CryptoError::TooLarge {
                what: "the number of unlockers",
                limit,
            });
        }
        let unlocker = self.password_unlocker(password, cost, rng)?;
        let unlockers = [&self.keyset.unlockers[..], &[Unlocker::Password(unlocker)]].concat();
        check_all(file::passwords(&unlockers))?;
        self.keyset.unlockers = unlockers;
        Ok(())
    }

    /// Replaces the password by which this keyset was opened or made; others stay. Copies of the
    /// old file still open with the old password.
    ///
    /// # Errors
    /// A password or cost, or that of all together, out of bounds; no memory.
    pub fn change_password(
        &mut self,
        password: &str,
        cost: PasswordCost,
        rng: &mut impl CryptoRng,
    ) -> Result<(), CryptoError> {
        let unlocker = self.password_unlocker(password, cost, rng)?;
        let mut unlockers = self.keyset.unlockers.clone();
        unlockers[self.opened_by] = Unlocker::Password(unlocker);
        check_all(file::passwords(&unlockers))?;
        self.keyset.unlockers = unlockers;
        Ok(())
    }

    fn password_unlocker(
        &self,
        password: &str,
        cost: PasswordCost,
        rng: &mut impl CryptoRng,
    ) -> Result<PasswordUnlocker, CryptoError> {
        PasswordUnlocker::seal(
            &self.keyset.header.subject,
            &self.master,
            password,
            cost,
            rng,
        )
    }
}

fn body_cipher(master: &MasterKey) -> Cipher {
    Cipher::new(&derive::<32>(
        b"",
        master.expose(),
        &[b"carechain/v1/keyset-body"],
    ))
}

fn seal_body(
    header: &KeysetHeader,
    secrets: &KeysetSecrets,
    master: &MasterKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    check_device(header, secrets)?;
    let mut nonce = [0u8; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let sealed = body_cipher(master).seal(&nonce, &header.aad(), &secrets.encode());
    Ok([&nonce[..], &sealed].concat())
}

fn check_device(header: &KeysetHeader, secrets: &KeysetSecrets) -> Result<(), CryptoError> {
    if secrets.device.address() == header.address {
        Ok(())
    } else {
        Err(CryptoError::Mismatch {
            what: "the address of the keyset's device",
        })
    }
}

#[cfg(test)]
mod tests;

//! Record keys for those who may have them: key slots, inbox slots, back-links.

use alloy_primitives::B256;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::aead::{Cipher, NONCE_BYTES};
use crate::hash::derive;
use crate::kem::HPKE_OVERHEAD_BYTES;
use crate::{CryptoError, KemPublic, KemSecret, Lane, LaneKey, RecordKey};

/// Length of a key slot.
pub const KEY_SLOT_BYTES: usize = 64;
/// Length of a back-link.
pub const BACK_LINK_BYTES: usize = 64;
/// Length of an inbox slot.
pub const INBOX_SLOT_BYTES: usize = HPKE_OVERHEAD_BYTES + 32;

const SALT_BYTES: usize = 16;

/// Seals 32 bytes under a lane key: salt (16), ciphertext and tag (48).
fn seal_under(
    key: &LaneKey,
    info: &[&[u8]],
    secret: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> [u8; 64] {
    let mut out = [0u8; 64];
    rng.fill_bytes(&mut out[..SALT_BYTES]);
    let (cipher, nonce) = cipher_of(key, &out[..SALT_BYTES], info);
    out[SALT_BYTES..48].copy_from_slice(secret);
    let tag = cipher.seal_in_place(&nonce, b"", &mut out[SALT_BYTES..48]);
    out[48..].copy_from_slice(&tag);
    out
}

fn open_under(
    what: &'static str,
    key: &LaneKey,
    info: &[&[u8]],
    sealed: &[u8],
) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let sealed = <&[u8; 64]>::try_from(sealed).map_err(|_| CryptoError::Length {
        what,
        expected: 64,
        found: sealed.len(),
    })?;
    let (cipher, nonce) = cipher_of(key, &sealed[..SALT_BYTES], info);
    let (body, tag) = sealed.split_last_chunk::<16>().expect("64 bytes hold 16");
    let mut secret = Zeroizing::new([0u8; 32]);
    secret.copy_from_slice(&body[SALT_BYTES..]);
    cipher
        .open_in_place(&nonce, b"", secret.as_mut_slice(), tag)
        .map_err(|_| CryptoError::Unauthentic { what })?;
    Ok(secret)
}

fn cipher_of(key: &LaneKey, salt: &[u8], info: &[&[u8]]) -> (Cipher, [u8; NONCE_BYTES]) {
    let expanded = derive::<44>(salt, key.expose(), info);
    let (key, nonce) = expanded
        .split_first_chunk::<32>()
        .expect("44 bytes hold 32");
    (Cipher::new(key), nonce.try_into().expect("12 bytes remain"))
}

/// Whose record's key a slot holds, and in which lane and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySlot {
    /// The patient.
    pub subject: B256,
    /// The record.
    pub record: B256,
    /// Its version.
    pub version: u32,
    /// Its lane.
    pub lane: Lane,
    /// The lane's epoch.
    pub epoch: u16,
}

impl KeySlot {
    /// Seals a record key for everybody who has the lane's key of this epoch.
    pub fn seal(
        &self,
        lane_key: &LaneKey,
        record_key: &RecordKey,
        rng: &mut impl CryptoRng,
    ) -> [u8; KEY_SLOT_BYTES] {
        self.with_info(|info| seal_under(lane_key, info, record_key.expose(), rng))
    }

    /// Opens a slot.
    ///
    /// # Errors
    /// Another length than 64; a slot of another record, version, lane, epoch or key.
    pub fn open(&self, lane_key: &LaneKey, slot: &[u8]) -> Result<RecordKey, CryptoError> {
        self.with_info(|info| open_under("the key slot", lane_key, info, slot))
            .map(Into::into)
    }

    fn with_info<T>(&self, f: impl FnOnce(&[&[u8]]) -> T) -> T {
        f(&[
            b"carechain/slot/v1",
            self.subject.as_slice(),
            self.record.as_slice(),
            &self.version.to_be_bytes(),
            &[self.lane.number()],
            &self.epoch.to_be_bytes(),
        ])
    }
}

/// Whose record's key an inbox slot holds. Anybody can make one; the chain's anchor tells who did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxSlot {
    /// The patient.
    pub subject: B256,
    /// Version of the patient's key bundle.
    pub key_version: u16,
    /// The record.
    pub record: B256,
    /// Its version.
    pub version: u32,
}

impl InboxSlot {
    /// Seals a record key to the patient alone.
    pub fn seal(
        &self,
        patient: &KemPublic,
        record_key: &RecordKey,
        rng: &mut impl CryptoRng,
    ) -> [u8; INBOX_SLOT_BYTES] {
        patient
            .seal(&self.info(), record_key.expose(), rng)
            .try_into()
            .expect("32 bytes and what HPKE adds are an inbox slot")
    }

    /// Opens an inbox slot.
    ///
    /// # Errors
    /// Another length than 1,168; a slot of another record, version, key version or patient.
    pub fn open(&self, patient: &KemSecret, slot: &[u8]) -> Result<RecordKey, CryptoError> {
        const WHAT: &str = "the inbox slot";
        if slot.len() != INBOX_SLOT_BYTES {
            return Err(CryptoError::Length {
                what: WHAT,
                expected: INBOX_SLOT_BYTES,
                found: slot.len(),
            });
        }
        RecordKey::from_slice(&patient.open(WHAT, &self.info(), slot)?)
    }

    fn info(&self) -> Vec<u8> {
        [
            &b"carechain/inbox/v1"[..],
            self.subject.as_slice(),
            &self.key_version.to_be_bytes(),
            self.record.as_slice(),
            &self.version.to_be_bytes(),
        ]
        .concat()
    }
}

/// The lane key of one epoch under that of the next, so that a new grantee reads what is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackLink {
    /// The patient.
    pub subject: B256,
    /// The lane.
    pub lane: Lane,
    /// The older epoch; the newer is one more.
    pub epoch: u16,
}

impl BackLink {
    /// Seals the key of `epoch` under that of the next.
    ///
    /// # Errors
    /// There is no epoch after the last.
    pub fn seal(
        &self,
        newer: &LaneKey,
        older: &LaneKey,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; BACK_LINK_BYTES], CryptoError> {
        self.with_info(|info| seal_under(newer, info, older.expose(), rng))
    }

    /// Opens the key of `epoch` with that of the next.
    ///
    /// # Errors
    /// Another length than 64; a link of another subject, lane, epoch or key.
    pub fn open(&self, newer: &LaneKey, link: &[u8]) -> Result<LaneKey, CryptoError> {
        self.with_info(|info| open_under("the back-link", newer, info, link))?
            .map(Into::into)
    }

    fn with_info<T>(&self, f: impl FnOnce(&[&[u8]]) -> T) -> Result<T, CryptoError> {
        let next = self.epoch.checked_add(1).ok_or(CryptoError::TooLarge {
            what: "an epoch",
            limit: u64::from(u16::MAX),
        })?;
        Ok(f(&[
            b"carechain/back-link/v1",
            self.subject.as_slice(),
            &[self.lane.number()],
            &self.epoch.to_be_bytes(),
            &next.to_be_bytes(),
        ]))
    }
}

//! Mail: what one subject tells another, such as what a request asks for.

use alloy_primitives::B256;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::hash::keccak;
use crate::kem::HPKE_OVERHEAD_BYTES;
use crate::{CryptoError, KemPublic, KemSecret};

/// The longest plaintext of a mail.
pub const MAIL_MAX_BYTES: usize = 64 << 10;

/// Who writes to whom about what; bound into the ciphertext. HPKE's base mode does not prove the
/// sender: a request's hash on chain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailInfo {
    /// The recipient's subject.
    pub recipient: B256,
    /// Version of the recipient's key bundle.
    pub recipient_key_version: u16,
    /// The sender's subject.
    pub sender: B256,
    /// What it is about, such as a request's id.
    pub topic: B256,
}

impl MailInfo {
    /// Seals a mail.
    ///
    /// # Errors
    /// More than [`MAIL_MAX_BYTES`].
    pub fn seal(
        &self,
        recipient: &KemPublic,
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, CryptoError> {
        check_len(plaintext.len())?;
        Ok(recipient.seal(&self.info(), plaintext, rng))
    }

    /// Opens a mail.
    ///
    /// # Errors
    /// Too long; changed, or of another sender, recipient, key version or topic.
    pub fn open(
        &self,
        recipient: &KemSecret,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        check_len(sealed.len().saturating_sub(HPKE_OVERHEAD_BYTES))?;
        recipient.open("the mail", &self.info(), sealed)
    }

    fn info(&self) -> Vec<u8> {
        [
            &b"carechain/mail/v1"[..],
            self.recipient.as_slice(),
            &self.recipient_key_version.to_be_bytes(),
            self.sender.as_slice(),
            self.topic.as_slice(),
        ]
        .concat()
    }
}

fn check_len(len: usize) -> Result<(), CryptoError> {
    if len > MAIL_MAX_BYTES {
        return Err(CryptoError::TooLarge {
            what: "the mail",
            limit: MAIL_MAX_BYTES as u64,
        });
    }
    Ok(())
}

/// The hash of a sealed mail that a request puts on chain.
#[must_use]
pub fn sealed_hash(sealed: &[u8]) -> B256 {
    keccak(&[sealed])
}

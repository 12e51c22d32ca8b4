//! Mail: what one subject tells another, such as what a request asks for.

use alloy_primitives::B256;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::hash::keccak;
use crate::kem::HPKE_OVERHEAD_BYTES;
use crate::{CryptoError, KemPublic, KemSecret};

/// The longest plaintext of a mail.
pub const MAIL_MAX_BYTES: usize = 64 << 10;
/// The longest sealed mail.
pub const MAIL_MAX_SEALED_BYTES: usize = MAIL_MAX_BYTES + HPKE_OVERHEAD_BYTES;

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
        if sealed.len() > MAIL_MAX_SEALED_BYTES {
            return Err(too_large());
        }
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
        return Err(too_large());
    }
    Ok(())
}

const fn too_large() -> CryptoError {
    CryptoError::TooLarge {
        what: "the mail",
        limit: MAIL_MAX_BYTES as u64,
    }
}

/// The hash of a sealed mail that a request puts on chain.
#[must_use]
pub fn sealed_hash(sealed: &[u8]) -> B256 {
    keccak(&[sealed])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::TestRng;

    #[test]
    fn the_longest_plaintext_makes_the_longest_sealed_mail() {
        let mut rng = TestRng::new(6);
        let roots = crate::Words::from_entropy(&[6; 32]).seed().roots(0);
        let key = roots.current().kem_secret();
        let info = MailInfo {
            recipient: B256::repeat_byte(1),
            recipient_key_version: 1,
            sender: B256::repeat_byte(2),
            topic: B256::repeat_byte(3),
        };
        let longest = vec![7; MAIL_MAX_BYTES];
        let mut sealed = info.seal(&key.public(), &longest, &mut rng).unwrap();
        assert_eq!(sealed.len(), MAIL_MAX_SEALED_BYTES);
        assert_eq!(info.open(&key, &sealed).unwrap()[..], longest[..]);
        let too_long = vec![7; MAIL_MAX_BYTES + 1];
        assert_eq!(
            info.seal(&key.public(), &too_long, &mut rng).unwrap_err(),
            too_large()
        );
        sealed.push(0);
        assert_eq!(info.open(&key, &sealed).unwrap_err(), too_large());
    }
}

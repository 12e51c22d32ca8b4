//! ChaCha20-Poly1305 (RFC 8439) under keys that are used once or with a fresh nonce.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use zeroize::Zeroizing;

/// Length of the authentication tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Length of a nonce.
pub(crate) const NONCE_BYTES: usize = 12;

/// A key ready for use.
pub(crate) struct Cipher(ChaCha20Poly1305);

/// The ciphertext does not authenticate.
#[derive(Debug)]
pub(crate) struct Unauthentic;

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        self.0
            .encrypt_inout_detached(&Nonce::from(*nonce), aad, buffer.into())
            .expect("buffers are far below the cipher's 256 GiB")
            .into()
    }

    /// Decrypts in place; the buffer is unchanged or wiped when the tag does not match.
    pub(crate) fn open_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), Unauthentic> {
        self.0
            .decrypt_inout_detached(&Nonce::from(*nonce), aad, buffer.into(), &(*tag).into())
            .map_err(|_| Unauthentic)
    }

    /// Ciphertext with its tag after it.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        out.extend_from_slice(plaintext);
        let tag = self.seal_in_place(nonce, aad, &mut out);
        out.extend_from_slice(&tag);
        out
    }

    /// Plaintext of a ciphertext with its tag after it.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unauthentic> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Unauthentic)?;
        let mut out = Zeroizing::new(ciphertext.to_vec());
        self.open_in_place(nonce, aad, &mut out, tag)?;
        Ok(out)
    }
}

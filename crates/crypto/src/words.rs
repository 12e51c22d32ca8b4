//! The 24 words that are a person's root, and the seed they give.
//!
//! Words are never printed by `Debug` and never repeated in an error: whoever has them has
//! everything. [`Words::reveal`] is the one way to see them.

use core::fmt;

use alloy_primitives::B256;
use bip39::{Language, Mnemonic};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hash::{derive, keccak};
use crate::keys::{EncryptionRoot, Roots};
use crate::{CryptoError, SigningKey};

/// How many words there are: 256 bits and a checksum of 8.
pub const WORD_COUNT: usize = 24;
/// No word of the list is longer; a longer text is refused before anything is copied.
const TEXT_MAX_BYTES: usize = 1024;

/// 24 English words of BIP-39.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Words(Mnemonic);

impl Words {
    /// New words from 256 random bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut entropy = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(entropy.as_mut_slice());
        Self::from_entropy(&entropy)
    }

    /// The words of 32 given bytes.
    #[must_use]
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self(
            Mnemonic::from_entropy_in(Language::English, entropy)
                .expect("32 bytes of entropy are 24 words"),
        )
    }

    /// Reads words separated by any white space, in any case.
    ///
    /// # Errors
    /// Names the position of the first word that is not in the list, another count than 24, or a
    /// checksum that does not match.
    pub fn parse(text: &str) -> Result<Self, CryptoError> {
        if text.len() > TEXT_MAX_BYTES {
            return Err(CryptoError::TooLarge {
                what: "the text of the words",
                limit: TEXT_MAX_BYTES as u64,
            });
        }
        let lower = Zeroizing::new(text.to_lowercase());
        let mut clean = Zeroizing::new(String::with_capacity(TEXT_MAX_BYTES));
        let mut found = 0;
        for word in lower.split_whitespace() {
            if found > 0 {
                clean.push(' ');
            }
            clean.push_str(word);
            found += 1;
        }
        if found != WORD_COUNT {
            return Err(CryptoError::WordCount { found });
        }
        Mnemonic::parse_in_normalized(Language::English, &clean)
            .map(Self)
            .map_err(|e| match e {
                bip39::Error::UnknownWord(index) => CryptoError::UnknownWord {
                    position: index + 1,
                },
                bip39::Error::BadWordCount(found) => CryptoError::WordCount { found },
                bip39::Error::InvalidChecksum
                | bip39::Error::BadEntropyBitCount(_)
                | bip39::Error::AmbiguousLanguages(_) => CryptoError::WordChecksum,
            })
    }

    /// The words in order, separated by single spaces, to be shown to their owner once.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_MAX_BYTES));
        for (i, word) in self.0.words().enumerate() {
            if i > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The 64-byte seed, without a passphrase.
    #[must_use]
    pub fn seed(&self) -> Seed {
        Seed(self.0.to_seed_normalized(""))
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(redacted)")
    }
}

/// The 64 bytes from which everything of a person is derived.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 64]);

impl Seed {
    /// The root signing key of the subject with this index, BIP-32 `m/44'/60'/index'/0/0`.
    ///
    /// # Errors
    /// An index of 2^31 or more; or a derivation that BIP-32 declares void, which never happens.
    pub fn root_key(&self, index: u32) -> Result<SigningKey, CryptoError> {
        let failed = |_| CryptoError::Derivation { index };
        let path = [
            (44, true),
            (60, true),
            (index, true),
            (0, false),
            (0, false),
        ];
        let mut key = bip32::XPrv::new(&self.0).map_err(failed)?;
        for (number, hardened) in path {
            let child = bip32::ChildNumber::new(number, hardened).map_err(failed)?;
            key = key.derive_child(child).map_err(failed)?;
        }
        let bytes = Zeroizing::new(<[u8; 32]>::from(key.private_key().to_bytes()));
        SigningKey::from_bytes(&bytes)
    }

    /// The salt of the subject's id, as `Directory.register` takes it.
    #[must_use]
    pub fn subject_salt(&self, index: u32) -> B256 {
        B256::from(*derive::<32>(
            b"",
            &self.0,
            &[SUBJECT_SALT, &index.to_be_bytes()],
        ))
    }

    /// The subject's id: keccak of its root address and salt.
    ///
    /// # Errors
    /// As [`Seed::root_key`].
    pub fn subject(&self, index: u32) -> Result<B256, CryptoError> {
        let root = self.root_key(index)?.address();
        Ok(keccak(&[
            &[0; 12],
            root.as_slice(),
            self.subject_salt(index).as_slice(),
        ]))
    }

    /// The encryption root that these words give; new words are a new generation.
    #[must_use]
    pub fn encryption_root(&self, index: u32, generation: u16) -> EncryptionRoot {
        EncryptionRoot::new(
            generation,
            derive::<32>(b"", &self.0, &[ENCRYPTION_ROOT, &index.to_be_bytes()]),
        )
    }

    /// The roots of a person whose words never changed.
    #[must_use]
    pub fn roots(&self, index: u32) -> Roots {
        Roots::first(self.encryption_root(index, 0)).expect("the generation is 0")
    }
}

const SUBJECT_SALT: &[u8] = b"carechain/v1/subject-salt";
const ENCRYPTION_ROOT: &[u8] = b"carechain/v1/encryption-root";

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(redacted)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ABANDON: &str = "abandon abandon abandon abandon abandon abandon abandon abandon \
        abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
        abandon abandon abandon abandon art";

    #[test]
    fn the_published_vector_gives_the_published_seed_and_address() {
        let words = Words::parse(ABANDON).unwrap();
        assert_eq!(
            hex::encode(words.seed().0),
            "408b285c123836004f4b8842c89324c1f01382450c0d439af345ba7fc49acf70\
             5489c6fc77dbd4e3dc1dd8cc6bc9f043db8ada1e243c4a0eafb290d399480840"
        );
        assert_eq!(
            words.seed().root_key(0).unwrap().address().to_string(),
            "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"
        );
        assert_eq!(
            words.reveal().as_str(),
            Words::from_entropy(&[0; 32]).reveal().as_str()
        );
    }

    #[test]
    fn faults_are_named_without_repeating_a_word() {
        let parse = |text: &str| Words::parse(text).unwrap_err();
        assert_eq!(parse("abandon art"), CryptoError::WordCount { found: 2 });
        assert_eq!(parse(""), CryptoError::WordCount { found: 0 });
        let unknown = ABANDON.replacen("abandon", "zebr", 1);
        assert_eq!(parse(&unknown), CryptoError::UnknownWord { position: 1 });
        assert!(!parse(&unknown).to_string().contains("zebr"));
        assert_eq!(
            parse(&ABANDON.replace("art", "zoo")),
            CryptoError::WordChecksum
        );
        assert!(matches!(
            parse(&"x".repeat(2000)),
            CryptoError::TooLarge { .. }
        ));
        assert!(Words::parse(&ABANDON.to_uppercase().replace(' ', "\n\t ")).is_ok());
    }

    #[test]
    fn nothing_prints_a_word_or_a_seed() {
        let words = Words::parse(ABANDON).unwrap();
        assert_eq!(
            format!("{words:?} {:?}", words.seed()),
            "Words(redacted) Seed(redacted)"
        );
    }

    #[test]
    fn an_index_beyond_bip_32_is_refused() {
        let seed = Words::parse(ABANDON).unwrap().seed();
        let index = 1 << 31;
        assert_eq!(
            seed.root_key(index).unwrap_err(),
            CryptoError::Derivation { index }
        );
    }
}

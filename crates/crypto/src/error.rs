//! Everything that can be refused, named without a secret.
//!
//! A message says which part failed and never what was in it: no word, key, password or plaintext
//! reaches an error, so that errors may be logged.

use thiserror::Error;

/// Why something was not opened, parsed or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CryptoError {
    /// Another number of words than 24.
    #[error("{found} words were given; there are 24")]
    WordCount {
        /// How many words were found.
        found: usize,
    },
    /// A word that is not in the list; the word itself is not repeated.
    #[error("word {position} is not in the English BIP-39 list")]
    UnknownWord {
        /// Position of the word, counted from 1.
        position: usize,
    },
    /// All words exist, but at least one is wrong or two are swapped.
    #[error("the words' checksum does not match: a word is wrong or in the wrong place")]
    WordChecksum,
    /// BIP-32 has no key at this index (probability 2^-127).
    #[error("no signing key can be derived for index {index}")]
    Derivation {
        /// Index of the subject.
        index: u32,
    },
    /// Zero, or not below the order of the curve.
    #[error("the private signing key is out of range")]
    PrivateKey,
    /// r or s out of range, or no key fits.
    #[error("the signature is not valid")]
    Signature,
    /// The other, malleable form of a signature.
    #[error("the signature's s is high")]
    SignatureHighS,
    /// v is neither 27 nor 28.
    #[error("the signature's v is {found}; it is 27 or 28")]
    SignatureV {
        /// The byte found.
        found: u8,
    },
    /// A lane above 15.
    #[error("lane {found} does not exist; lanes are 0 to 15")]
    Lane {
        /// The number found.
        found: u8,
    },
    /// A category above 15.
    #[error("category {found} does not exist; categories are 0 to 15")]
    Category {
        /// The number found.
        found: u8,
    },
    /// Bytes that are no X-Wing public key.
    #[error("the X-Wing public key is not valid")]
    KemPublic,
    /// A field of fixed length has another.
    #[error("{what} has {found} bytes; it has {expected}")]
    Length {
        /// The thing of that length.
        what: &'static str,
        /// Its length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// More than the bound named in docs/records.md.
    #[error("{what} is over its limit of {limit}")]
    TooLarge {
        /// The thing that is too large.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// An authenticated ciphertext that was changed, or is opened with another key or context.
    #[error("{what} does not authenticate")]
    Unauthentic {
        /// The thing that was to be opened.
        what: &'static str,
    },
    /// Two things that must be equal are not.
    #[error("{what} does not match")]
    Mismatch {
        /// The thing that was compared.
        what: &'static str,
    },
    /// CBOR that is not what the format says.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// The document.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not an envelope.
    #[error("the envelope does not begin with CCR1")]
    EnvelopeMagic,
    /// A cipher that this version does not know.
    #[error("the envelope's suite {found} is not known")]
    EnvelopeSuite {
        /// The suite's number.
        found: u8,
    },
    /// A segment size outside 2^12 to 2^24.
    #[error("the envelope's segment size 2^{found} is out of range")]
    EnvelopeSegmentSize {
        /// The logarithm found.
        found: u8,
    },
    /// Reserved bytes of the header that are not zero.
    #[error("the envelope's reserved bytes are not zero")]
    EnvelopeReserved,
    /// The envelope was made for another key, uid or version, or its header was changed.
    #[error("key commitment does not match")]
    KeyCommitment,
    /// A changed, swapped or cut segment.
    #[error("segment {index} does not authenticate")]
    Segment {
        /// Which segment, counted from 0.
        index: u32,
    },
    /// A segment that is empty, too long, or not where the lengths say that it is.
    #[error("segment {index} does not have the length it must have")]
    SegmentLength {
        /// Which segment, counted from 0.
        index: u32,
    },
    /// More than 2^32 segments.
    #[error("the envelope has more segments than can be counted")]
    SegmentCount,
    /// Lengths of metadata and content that leave the plaintext.
    #[error("the envelope's lengths do not fit its plaintext")]
    EnvelopeLengths,
    /// Padding that is not zero, or not as long as padme says.
    #[error("the envelope's padding is not zeros of the padme length")]
    EnvelopePadding,
    /// A streaming sealer got more or less content than announced.
    #[error("{given} bytes of content were given; {announced} were announced")]
    ContentLength {
        /// Announced to the sealer.
        announced: u64,
        /// Given to it.
        given: u64,
    },
    /// A keyset file with a missing, unknown or wrong field; the reason never holds a value.
    #[error("the keyset file is malformed: {field}: {reason}")]
    Keyset {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// JSON that does not parse as a keyset file.
    #[error("the keyset file is not valid JSON of the right shape (line {line}, column {column})")]
    KeysetJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// No password unlocker opens with this password.
    #[error("the password is wrong, or the keyset file was changed")]
    WrongPassword,
    /// The file has no unlocker of the kind asked for.
    #[error("the keyset file has no password unlocker")]
    NoPasswordUnlocker,
    /// A password that is empty or longer than 1,024 bytes.
    #[error("a password has 1 to 1024 bytes")]
    PasswordLength,
    /// Argon2 parameters outside the bounds.
    #[error("the password parameter {parameter} is out of bounds")]
    PasswordCost {
        /// Which parameter.
        parameter: &'static str,
    },
    /// Argon2's memory was not to be had.
    #[error("not enough memory for the password's {memory_kib} KiB")]
    Memory {
        /// KiB asked for.
        memory_kib: u32,
    },
}

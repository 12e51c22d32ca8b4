//! A doctor's application: credentials that only administrators open, committed to on chain.

use core::fmt;

use alloy_primitives::B256;
use rand_core::CryptoRng;

use crate::cbor::{self, Reader};
use crate::hash::{keccak, sha256};
use crate::kem::HPKE_OVERHEAD_BYTES;
use crate::{CryptoError, KemPublic, KemSecret, RecordKey, open_envelope, seal_envelope};

const WHAT: &str = "the application";
/// An application is one version of its envelope.
const VERSION: u32 = 1;
/// How many documents an application has at most.
pub const APPLICATION_DOCUMENTS_MAX: usize = 32;
/// The longest package.
pub const APPLICATION_MAX_BYTES: usize = 32 << 20;
/// Length of an application's key sealed to one administrator.
pub const APPLICATION_KEY_BYTES: usize = HPKE_OVERHEAD_BYTES + 32;

/// A document of an application.
#[derive(Clone, PartialEq, Eq)]
pub struct ApplicationDocument {
    /// File name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for ApplicationDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApplicationDocument(redacted)")
    }
}

/// What an applicant hands in.
#[derive(Clone, PartialEq, Eq)]
pub struct Application {
    blind: [u8; 32],
    documents: Vec<ApplicationDocument>,
}

impl Application {
    /// A new application with a random part, so that its hash tells nothing.
    pub fn new(documents: Vec<ApplicationDocument>, rng: &mut impl CryptoRng) -> Self {
        let mut blind = [0u8; 32];
        rng.fill_bytes(&mut blind);
        Self { blind, documents }
    }

    /// Its documents.
    #[must_use]
    pub fn documents(&self) -> &[ApplicationDocument] {
        &self.documents
    }

    /// The package's bytes, to which the credential hash commits.
    ///
    /// # Errors
    /// More documents or bytes than the bounds.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        check_count(self.documents.len() as u64)?;
        let bytes = self.write();
        check_len(bytes.len())?;
        Ok(bytes)
    }

    /// Reads a package.
    ///
    /// # Errors
    /// Anything but the deterministic encoding within the bounds.
    pub fn decode(package: &[u8]) -> Result<Self, CryptoError> {
        check_len(package.len())?;
        cbor::read(WHAT, package, Self::read, Self::write)
    }

    fn write(&self) -> Vec<u8> {
        let total: usize = self
            .documents
            .iter()
            .map(|d| d.name.len() + d.media_type.len() + d.bytes.len() + 16)
            .sum();
        cbor::write(total + 64, |e| {
            e.array(3)?
                .u8(1)?
                .bytes(&self.blind)?
                .array(self.documents.len() as u64)?;
            for document in &self.documents {
                e.array(3)?.str(&document.name)?.str(&document.media_type)?;
                e.bytes(&document.bytes)?;
            }
            Ok(())
        })
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CryptoError> {
        r.array_of(3)?;
        r.version()?;
        let blind = r.bytes_of::<32>()?;
        let count = r.array()?;
        check_count(count)?;
        let mut documents = Vec::with_capacity(APPLICATION_DOCUMENTS_MAX);
        for _ in 0..count {
            r.array_of(3)?;
            documents.push(ApplicationDocument {
                name: r.text()?.to_owned(),
                media_type: r.text()?.to_owned(),
                bytes: r.bytes()?.to_vec(),
            });
        }
        Ok(Self { blind, documents })
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Application(redacted)")
    }
}

fn check_count(count: u64) -> Result<(), CryptoError> {
    let limit = APPLICATION_DOCUMENTS_MAX as u64;
    if count > limit {
        return Err(CryptoError::TooLarge {
            what: "the number of documents",
            limit,
        });
    }
    Ok(())
}

fn check_len(len: usize) -> Result<(), CryptoError> {
    if len > APPLICATION_MAX_BYTES {
        return Err(CryptoError::TooLarge {
            what: WHAT,
            limit: APPLICATION_MAX_BYTES as u64,
        });
    }
    Ok(())
}

/// What `Directory.submitApplication` takes.
#[must_use]
pub fn credential_hash(package: &[u8]) -> B256 {
    keccak(&[b"carechain/credential/v1", package])
}

/// The uid of an application's envelope.
#[must_use]
pub fn application_uid(applicant: &B256) -> B256 {
    sha256(&[b"carechain/application/v1", applicant.as_slice()])
}

/// Seals a package as an envelope without metadata.
///
/// # Errors
/// A package over [`APPLICATION_MAX_BYTES`].
pub fn seal_application(
    applicant: &B256,
    key: &RecordKey,
    package: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, CryptoError> {
    check_len(package.len())?;
    seal_envelope(key, &application_uid(applicant), VERSION, b"", package, rng)
}

/// Opens an application's envelope and compares it with the hash on chain.
///
/// # Errors
/// As [`open_envelope`]; metadata that is not empty; another hash; a malformed package.
pub fn open_application(
    applicant: &B256,
    key: &RecordKey,
    blob: &[u8],
    expected: &B256,
) -> Result<Application, CryptoError> {
    let opened = open_envelope(key, &application_uid(applicant), VERSION, blob)?;
    if !opened.meta().is_empty() {
        return Err(CryptoError::Malformed {
            what: WHAT,
            reason: "its metadata is not empty",
        });
    }
    if credential_hash(opened.content()) != *expected {
        return Err(CryptoError::Mismatch {
            what: "the credential hash",
        });
    }
    Application::decode(opened.content())
}

/// An application's key sealed to one administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplicationKeySlot {
    /// The applicant's subject.
    pub applicant: B256,
    /// The administrator's subject.
    pub administrator: B256,
    /// Version of the administrator's key bundle.
    pub key_version: u16,
    /// The hash on chain.
    pub credential_hash: B256,
}

impl ApplicationKeySlot {
    /// Seals the key.
    pub fn seal(
        &self,
        administrator: &KemPublic,
        key: &RecordKey,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        administrator.seal(&self.info(), key.expose(), rng)
    }

    /// Opens the key.
    ///
    /// # Errors
    /// Changed, or sealed for another application or administrator.
    pub fn open(&self, administrator: &KemSecret, sealed: &[u8]) -> Result<RecordKey, CryptoError> {
        let what = "the application's key";
        if sealed.len() != APPLICATION_KEY_BYTES {
            let expected = APPLICATION_KEY_BYTES;
            return Err(CryptoError::Length {
                what,
                expected,
                found: sealed.len(),
            });
        }
        RecordKey::from_slice(&administrator.open(what, &self.info(), sealed)?)
    }

    fn info(&self) -> Vec<u8> {
        [
            &b"carechain/application-key/v1"[..],
            self.applicant.as_slice(),
            self.administrator.as_slice(),
            &self.key_version.to_be_bytes(),
            self.credential_hash.as_slice(),
        ]
        .concat()
    }
}

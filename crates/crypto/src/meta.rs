//! What an envelope says about its content, and the author's signature over it.
//!
//! The statement tells media type, category, dates and origin; it is health data, so its `Debug`
//! shows nothing. The signature covers uid, version and the person tag, so that a record can be
//! moved neither to another place nor to another patient.

use core::fmt;

use alloy_primitives::{Address, B256};

use crate::cbor::{self, Reader};
use crate::hash::{keccak, sha256};
use crate::lanes::LANES;
use crate::{CryptoError, PersonTag, SIGNATURE_BYTES, Signature, SigningKey, recover};

const WHAT: &str = "the statement";
const WHAT_META: &str = "the metadata";
/// Numbers, hashes and CBOR heads of a statement together are shorter.
const STATEMENT_FIXED_BYTES: usize = 256;

/// What an author says about one version of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    /// Media type of the content; `application/fhir+json` for resources.
    pub media_type: String,
    /// Category, 0 to 15.
    pub category: u8,
    /// FHIR resource type; none for an attachment.
    pub resource_type: Option<String>,
    /// Clinically relevant date, as FHIR writes dates.
    pub date: Option<String>,
    /// The Bundle entry's fullUrl.
    pub full_url: Option<String>,
    /// Where it came from; part of the uid.
    pub source: Option<String>,
    /// The resource's id; part of the uid.
    pub resource_id: Option<String>,
    /// The author's subject.
    pub author: B256,
    /// SHA-256 of the content.
    pub content_sha256: B256,
    /// The record that this one amends.
    pub amends: Option<B256>,
    /// Unix seconds.
    pub signed_at: u64,
    /// OperationOutcome of a resource stored although it is faulty.
    pub outcome: Option<Vec<u8>>,
    /// Title of an attachment.
    pub title: Option<String>,
}

impl Statement {
    /// The SHA-256 that `content_sha256` must be.
    #[must_use]
    pub fn hash_content(content: &[u8]) -> B256 {
        sha256(&[content])
    }

    /// The deterministic CBOR.
    ///
    /// # Errors
    /// A category above 15; a text or byte string that is present and empty.
    pub fn encode(&self) -> Result<Vec<u8>, CryptoError> {
        self.check()?;
        Ok(self.write())
    }

    /// Reads the deterministic CBOR and nothing else.
    ///
    /// # Errors
    /// Names what is wrong; unknown keys are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, CryptoError> {
        let statement = cbor::read(WHAT, bytes, Self::read, Self::write)?;
        statement.check()?;
        Ok(statement)
    }

    fn texts(&self) -> [(u8, Option<&str>); 7] {
        [
            (1, Some(&self.media_type)),
            (3, self.resource_type.as_deref()),
            (4, self.date.as_deref()),
            (5, self.full_url.as_deref()),
            (6, self.source.as_deref()),
            (7, self.resource_id.as_deref()),
            (13, self.title.as_deref()),
        ]
    }

    fn check(&self) -> Result<(), CryptoError> {
        if usize::from(self.category) >= LANES {
            return Err(CryptoError::Category {
                found: self.category,
            });
        }
        let empty_text = self.texts().iter().any(|(_, text)| *text == Some(""));
        if empty_text || self.outcome.as_ref().is_some_and(Vec::is_empty) {
            return Err(CryptoError::Malformed {
                what: WHAT,
                reason: "a field is empty",
            });
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let texts = self.texts();
        let text_len: usize = texts.iter().filter_map(|(_, t)| t.map(str::len)).sum();
        let outcome_len = self.outcome.as_ref().map_or(0, Vec::len);
        let present = texts.iter().filter(|(_, text)| text.is_some()).count() as u64;
        let optional = u64::from(self.amends.is_some()) + u64::from(self.outcome.is_some());
        cbor::write(STATEMENT_FIXED_BYTES + text_len + outcome_len, |e| {
            // Version, category, author, content's hash and time are always there.
            e.map(5 + present + optional)?.u8(0)?.u8(1)?;
            let [media_type, resource @ .., title] = &texts;
            for (key, text) in [media_type].into_iter().chain(resource).chain([title]) {
                if *key == 3 {
                    e.u8(2)?.u8(self.category)?;
                }
                if *key == 13 {
                    e.u8(8)?.bytes(self.author.as_slice())?;
                    e.u8(9)?.bytes(self.content_sha256.as_slice())?;
                    if let Some(amends) = &self.amends {
                        e.u8(10)?.bytes(amends.as_slice())?;
                    }
                    e.u8(11)?.u64(self.signed_at)?;
                    if let Some(outcome) = &self.outcome {
                        e.u8(12)?.bytes(outcome)?;
                    }
                }
                if let Some(text) = text {
                    e.u8(*key)?.str(text)?;
                }
            }
            Ok(())
        })
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CryptoError> {
        let mut entries = r.map()?;
        let mut next = Keys {
            reader: r,
            left: &mut entries,
            key: None,
        };
        next.need(0)?.version()?;
        let media_type = next.need(1)?.text()?.to_owned();
        let category = next.need(2)?.u8()?;
        let resource_type = next.text(3)?;
        let date = next.text(4)?;
        let full_url = next.text(5)?;
        let source = next.text(6)?;
        let resource_id = next.text(7)?;
        let author = next.need(8)?.b256()?;
        let content_sha256 = next.need(9)?.b256()?;
        let amends = if next.has(10)? {
            Some(next.reader.b256()?)
        } else {
            None
        };
        let signed_at = next.need(11)?.u64()?;
        let outcome = if next.has(12)? {
            Some(next.reader.bytes()?.to_vec())
        } else {
            None
        };
        let title = next.text(13)?;
        next.end()?;
        Ok(Self {
            media_type,
            category,
            resource_type,
            date,
            full_url,
            source,
            resource_id,
            author,
            content_sha256,
            amends,
            signed_at,
            outcome,
            title,
        })
    }
}

/// Walks the keys of the map in rising order.
struct Keys<'r, 'b> {
    reader: &'r mut Reader<'b>,
    left: &'r mut u64,
    key: Option<u8>,
}

impl<'b> Keys<'_, 'b> {
    /// Whether the next key is this one; then its value is next.
    fn has(&mut self, key: u8) -> Result<bool, CryptoError> {
        if self.key.is_none() && *self.left > 0 {
            *self.left -= 1;
            self.key = Some(self.reader.u8()?);
        }
        let found = self.key == Some(key);
        if found {
            self.key = None;
        }
        Ok(found)
    }

    fn need(&mut self, key: u8) -> Result<&mut Reader<'b>, CryptoError> {
        if self.has(key)? {
            Ok(self.reader)
        } else {
            Err(self
                .reader
                .fault("a key is missing, unknown or out of order"))
        }
    }

    fn text(&mut self, key: u8) -> Result<Option<String>, CryptoError> {
        if self.has(key)? {
            Ok(Some(self.reader.text()?.to_owned()))
        } else {
            Ok(None)
        }
    }

    fn end(&mut self) -> Result<(), CryptoError> {
        if *self.left == 0 && self.key.is_none() {
            Ok(())
        } else {
            Err(self
                .reader
                .fault("a key is missing, unknown or out of order"))
        }
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statement(redacted)")
    }
}

/// The digest that an author's device signs.
#[must_use]
pub fn author_digest(uid: &B256, version: u32, tag: &PersonTag, statement: &[u8]) -> B256 {
    keccak(&[
        b"carechain/author/v1",
        uid.as_slice(),
        &version.to_be_bytes(),
        tag.expose(),
        sha256(&[statement]).as_slice(),
    ])
}

/// A statement as its author signed it: the metadata of an envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    statement: Statement,
    bytes: Vec<u8>,
    signature: Signature,
}

impl Meta {
    /// Signs a statement for one version of one record of one person.
    ///
    /// # Errors
    /// As [`Statement::encode`].
    pub fn sign(
        statement: Statement,
        uid: &B256,
        version: u32,
        tag: &PersonTag,
        device: &SigningKey,
    ) -> Result<Self, CryptoError> {
        let bytes = statement.encode()?;
        let signature = device.sign_digest(&author_digest(uid, version, tag, &bytes));
        Ok(Self {
            statement,
            bytes,
            signature,
        })
    }

    /// The bytes that go into the envelope.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Self::write(&self.bytes, &self.signature)
    }

    fn write(bytes: &[u8], signature: &Signature) -> Vec<u8> {
        cbor::write(bytes.len() + SIGNATURE_BYTES + 16, |e| {
            e.array(2)?.bytes(bytes)?.bytes(signature)?;
            Ok(())
        })
    }

    /// Reads the metadata of an envelope. The signature is not checked yet.
    ///
    /// # Errors
    /// Anything but the deterministic encoding; see [`Statement::decode`].
    pub fn decode(meta: &[u8]) -> Result<Self, CryptoError> {
        let (bytes, signature) = cbor::read(
            WHAT_META,
            meta,
            |r| {
                r.array_of(2)?;
                Ok((r.bytes()?.to_vec(), r.bytes_of::<SIGNATURE_BYTES>()?))
            },
            |(bytes, signature)| Self::write(bytes, signature),
        )?;
        Ok(Self {
            statement: Statement::decode(&bytes)?,
            bytes,
            signature,
        })
    }

    /// What the author says.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Compares the content with the hash in the statement.
    ///
    /// # Errors
    /// They differ.
    pub fn check_content(&self, content: &[u8]) -> Result<(), CryptoError> {
        if Statement::hash_content(content) == self.statement.content_sha256 {
            Ok(())
        } else {
            Err(CryptoError::Mismatch {
                what: "the SHA-256 of the content",
            })
        }
    }

    /// The device that signed. The caller asks the chain whether it was a device of the author.
    ///
    /// # Errors
    /// A signature that is none.
    pub fn signer(
        &self,
        uid: &B256,
        version: u32,
        tag: &PersonTag,
    ) -> Result<Address, CryptoError> {
        recover(
            &author_digest(uid, version, tag, &self.bytes),
            &self.signature,
        )
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meta(redacted)")
    }
}

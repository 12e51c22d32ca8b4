//! Names of records, on chain and off, and the commitment that ties a blob to them.

use alloy_primitives::B256;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::hash::{derive, keccak, sha256, word_of};
use crate::{CryptoError, Lane, RecordKey, UidKey};

/// Length of a binary CIDv1 of SHA-256.
pub const CID_BYTES: usize = 36;

/// The stable name of a record among one author's records about one subject.
///
/// `source` is the fullUrl's base or what the import was told, else empty; `kind` the resource type
/// or media type; `id` the resource's id, else [`content_id`].
///
/// # Errors
/// A text of 2^32 bytes or more.
pub fn uid(
    key: &UidKey,
    subject: &B256,
    source: &str,
    kind: &str,
    id: &str,
) -> Result<B256, CryptoError> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose())
        .expect("HMAC takes a key of any length");
    mac.update(subject.as_slice());
    for text in [source, kind, id] {
        let length = u32::try_from(text.len()).map_err(|_| CryptoError::TooLarge {
            what: "a part of a record's name",
            limit: u64::from(u32::MAX),
        })?;
        mac.update(&length.to_be_bytes());
        mac.update(text.as_bytes());
    }
    Ok(B256::from(<[u8; 32]>::from(mac.finalize().into_bytes())))
}

/// The id of a resource that has none: lower-case hex of its SHA-256.
#[must_use]
pub fn content_id(content: &[u8]) -> String {
    alloy_primitives::hex::encode(sha256(&[content]))
}

/// The blinded uid that the chain sees.
#[must_use]
pub fn tag(uid: &B256, subject: &B256) -> B256 {
    keccak(&[b"carechain/tag/v1", uid.as_slice(), subject.as_slice()])
}

/// The record's id on chain, as `Records.recordId` computes it.
#[must_use]
pub fn record_id(subject: &B256, author: &B256, tag: &B256) -> B256 {
    keccak(&[subject.as_slice(), author.as_slice(), tag.as_slice()])
}

/// The one word that the chain keeps per record.
#[must_use]
pub fn word(version: u32, author: &B256, lane: Lane, commitment: &B256) -> B256 {
    keccak(&[
        &word_of(u64::from(version)),
        author.as_slice(),
        &word_of(u64::from(lane.number())),
        commitment.as_slice(),
    ])
}

/// The lane's rolling hash after one more anchor; it starts at zero.
#[must_use]
pub fn fold(rolling: &B256, record: &B256, word: &B256) -> B256 {
    keccak(&[rolling.as_slice(), record.as_slice(), word.as_slice()])
}

/// What a commitment covers beside the record's key.
#[derive(Clone, Copy, Debug)]
pub struct Committed<'a> {
    /// The chain's id.
    pub chain_id: u64,
    /// The patient.
    pub subject: &'a B256,
    /// The record's id.
    pub record: &'a B256,
    /// The record's version, from 1.
    pub version: u32,
    /// Its lane.
    pub lane: Lane,
    /// The commitment of the version before, zero at first.
    pub previous: &'a B256,
    /// The binary CID of the envelope.
    pub cid: &'a [u8; CID_BYTES],
}

/// The commitment on chain. Whoever has the record's key can check it; without it nobody can.
#[must_use]
pub fn commitment(key: &RecordKey, of: &Committed<'_>) -> B256 {
    let salt = derive::<32>(
        b"",
        key.expose(),
        &[b"carechain/v1/commitment-salt", of.subject.as_slice()],
    );
    keccak(&[
        b"carechain/commitment/v1",
        &of.chain_id.to_be_bytes(),
        of.subject.as_slice(),
        of.record.as_slice(),
        &of.version.to_be_bytes(),
        &[of.lane.number()],
        of.previous.as_slice(),
        of.cid,
        &*salt,
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_boundary_between_the_parts_of_a_name_matters() {
        let key = UidKey::from_bytes([1; 32]);
        let subject = B256::repeat_byte(2);
        let name = |a, b, c| uid(&key, &subject, a, b, c).unwrap();
        assert_eq!(name("s", "Observation", "1"), name("s", "Observation", "1"));
        assert_ne!(name("s", "Observation", "1"), name("", "sObservation", "1"));
        assert_ne!(name("s", "Observation", "1"), name("sO", "bservation", "1"));
        assert_ne!(name("", "a", ""), name("", "", "a"));
    }

    #[test]
    fn every_field_moves_the_commitment() {
        let (a, b) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let (cid, other) = ([3; CID_BYTES], [4; CID_BYTES]);
        let (lane, lane2) = (Lane::new(1).unwrap(), Lane::new(2).unwrap());
        let base = Committed {
            chain_id: 1,
            subject: &a,
            record: &a,
            version: 1,
            lane,
            previous: &a,
            cid: &cid,
        };
        let key = RecordKey::from_bytes([5; 32]);
        let all = [
            commitment(&key, &base),
            commitment(&RecordKey::from_bytes([6; 32]), &base),
            commitment(
                &key,
                &Committed {
                    chain_id: 2,
                    ..base
                },
            ),
            commitment(
                &key,
                &Committed {
                    subject: &b,
                    ..base
                },
            ),
            commitment(&key, &Committed { record: &b, ..base }),
            commitment(&key, &Committed { version: 2, ..base }),
            commitment(
                &key,
                &Committed {
                    lane: lane2,
                    ..base
                },
            ),
            commitment(
                &key,
                &Committed {
                    previous: &b,
                    ..base
                },
            ),
            commitment(
                &key,
                &Committed {
                    cid: &other,
                    ..base
                },
            ),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}

//! The statement that a reader signs for every release of keys, and the receipts it leaves.

use alloy_primitives::{Address, B256};
use alloy_sol_types::{Eip712Domain, SolStruct};

use crate::hash::sha256;
use crate::{CryptoError, Signature};

mod typed {
    #![allow(missing_docs, unreachable_pub)]
    alloy_sol_types::sol! {
        struct Release {
            string origin;
            bytes32 subject;
            bytes32 reader;
            uint16 lanes;
            bytes32 root;
            uint32 count;
            uint16 purpose;
            bytes32 nonce;
            uint64 expiry;
        }
    }
}

/// What a reader asks for, as EIP-712 struct `Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The gateway's public origin, such as `https://node.example`.
    pub origin: String,
    /// The patient.
    pub subject: B256,
    /// The reader's subject.
    pub reader: B256,
    /// Lanes of a listing; 0 for records.
    pub lanes: u16,
    /// [`release_root`] of the records asked for; zero for a listing.
    pub root: B256,
    /// How many records; 0 for a listing.
    pub count: u32,
    /// Purpose, as grants number it.
    pub purpose: u16,
    /// Random; used once.
    pub nonce: B256,
    /// Unix seconds; at most 60 ahead.
    pub expiry: u64,
}

/// The two kinds of release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseShape {
    /// What is in some lanes.
    Listing,
    /// The keys of some records.
    Records,
}

impl Release {
    /// The EIP-712 digest that a device of the reader signs.
    #[must_use]
    pub fn digest(&self, chain_id: u64, records_contract: Address) -> B256 {
        let domain: Eip712Domain = alloy_sol_types::eip712_domain! {
            name: "Carechain Release",
            version: "1",
            chain_id: chain_id,
            verifying_contract: records_contract,
        };
        typed::Release {
            origin: self.origin.clone(),
            subject: self.subject,
            reader: self.reader,
            lanes: self.lanes,
            root: self.root,
            count: self.count,
            purpose: self.purpose,
            nonce: self.nonce,
            expiry: self.expiry,
        }
        .eip712_signing_hash(&domain)
    }

    /// Whether it asks for a listing or for records.
    ///
    /// # Errors
    /// Neither, or both.
    pub fn shape(&self) -> Result<ReleaseShape, CryptoError> {
        match (self.lanes, self.count, self.root.is_zero()) {
            (1.., 0, true) => Ok(ReleaseShape::Listing),
            (0, 1.., false) => Ok(ReleaseShape::Records),
            _ => Err(CryptoError::Malformed {
                what: "the release",
                reason: "neither a listing (lanes, no root, no count) nor records",
            }),
        }
    }
}

/// The RFC 6962 Merkle tree hash, with SHA-256, over record ‖ version of each, in order. Zero for
/// none, as a listing has it.
#[must_use]
pub fn release_root(records: &[(B256, u32)]) -> B256 {
    match records {
        [] => B256::ZERO,
        [(record, version)] => sha256(&[&[0], record.as_slice(), &version.to_be_bytes()]),
        more => {
            // The largest power of two below the length.
            let split = 1 << (more.len() - 1).ilog2();
            let (left, right) = more.split_at(split);
            sha256(&[
                &[1],
                release_root(left).as_slice(),
                release_root(right).as_slice(),
            ])
        }
    }
}

/// The hash of a receipt, which the next one names; zero before the first.
#[must_use]
pub fn receipt_hash(previous: &B256, digest: &B256, signature: &Signature, at: u64) -> B256 {
    sha256(&[
        b"carechain/receipt/v1",
        previous.as_slice(),
        digest.as_slice(),
        signature,
        &at.to_be_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 6962's definition again, by levels: an odd node goes up as it is.
    fn by_levels(records: &[(B256, u32)]) -> B256 {
        let leaf = |(r, v): &(B256, u32)| sha256(&[&[0], r.as_slice(), &v.to_be_bytes()]);
        let mut level: Vec<B256> = records.iter().map(leaf).collect();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [l, r] => sha256(&[&[1], l.as_slice(), r.as_slice()]),
                    alone => alone[0],
                })
                .collect();
        }
        level[0]
    }

    #[test]
    fn both_ways_to_the_root_agree_for_every_count() {
        let records: Vec<_> = (0..70u8)
            .map(|i| (B256::repeat_byte(i), u32::from(i)))
            .collect();
        for count in 1..=records.len() {
            assert_eq!(
                release_root(&records[..count]),
                by_levels(&records[..count]),
                "{count}"
            );
        }
        assert_eq!(release_root(&[]), B256::ZERO);
    }

    #[test]
    fn a_release_is_a_listing_or_records_and_never_both() {
        let listing = Release {
            origin: "http://localhost:8080".into(),
            subject: B256::repeat_byte(1),
            reader: B256::repeat_byte(2),
            lanes: 5,
            root: B256::ZERO,
            count: 0,
            purpose: 1,
            nonce: B256::repeat_byte(3),
            expiry: 60,
        };
        assert_eq!(listing.shape(), Ok(ReleaseShape::Listing));
        let root = B256::repeat_byte(9);
        let records = Release {
            lanes: 0,
            root,
            count: 2,
            ..listing.clone()
        };
        assert_eq!(records.shape(), Ok(ReleaseShape::Records));
        assert!(
            Release {
                lanes: 1,
                ..records.clone()
            }
            .shape()
            .is_err()
        );
        assert!(
            Release {
                count: 0,
                ..records.clone()
            }
            .shape()
            .is_err()
        );
        assert!(
            Release {
                count: 1,
                ..listing.clone()
            }
            .shape()
            .is_err()
        );
        assert!(
            Release {
                lanes: 0,
                ..listing.clone()
            }
            .shape()
            .is_err()
        );
        let contract = Address::repeat_byte(4);
        assert_ne!(listing.digest(1, contract), listing.digest(2, contract));
        assert_ne!(
            listing.digest(1, contract),
            listing.digest(1, Address::ZERO)
        );
        assert_ne!(listing.digest(1, contract), records.digest(1, contract));
    }
}

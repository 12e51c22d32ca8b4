//! Grant wraps: the lane keys of a grant under the grantee's public key, signed by the patient.
//!
//! The signature is over the info and the ciphertext, so that a server can neither forge a wrap nor
//! serve one of another grant or epoch. Whether the signer is a live device of the subject, and
//! whether epochs and lanes are the chain's, is for the caller to compare.

use core::fmt;

use alloy_primitives::{Address, B256, U256};
use rand_core::CryptoRng;

use crate::cbor::{self, Reader};
use crate::hash::{keccak, sha256};
use crate::lanes::LANES;
use crate::{
    CryptoError, KemPublic, KemSecret, Lane, LaneKey, PersonTag, Roots, Signature, SigningKey,
    recover,
};

const WHAT: &str = "the wrap";
/// The longest name that a wrap carries.
pub const WRAP_NAME_MAX_BYTES: usize = 512;
/// No wrap is longer, sealed.
pub const WRAP_MAX_BYTES: usize = 4096;
/// Body without its name: 16 lanes of 37 bytes each, 16 of 3, tag, CBOR heads.
const BODY_FIXED_BYTES: usize = 1024;

/// What a wrap is for; bound into the ciphertext and the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapInfo {
    /// The chain's id.
    pub chain_id: u64,
    /// The patient.
    pub subject: B256,
    /// Who may open it.
    pub grantee: B256,
    /// Version of the grantee's key bundle.
    pub grantee_key_version: u16,
    /// The grant's id.
    pub grant: B256,
    /// Lanes that may be read, a bit each.
    pub read_lanes: u16,
    /// Lanes that may be written, a bit each.
    pub write_lanes: u16,
    /// The chain's word of sixteen epochs, lane n in bits 16n to 16n+15. Those of lanes that may
    /// not be read do not count.
    pub epochs: U256,
}

impl WrapInfo {
    /// The epoch of a lane.
    #[must_use]
    pub fn epoch(&self, lane: Lane) -> u16 {
        let bytes = self.epochs.to_be_bytes::<32>();
        let at = 30 - 2 * usize::from(lane.number());
        u16::from_be_bytes([bytes[at], bytes[at + 1]])
    }

    /// The bytes that HPKE and the signature bind.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut epochs = self.epochs.to_be_bytes::<32>();
        for lane in Lane::of_mask(!self.read_lanes) {
            let at = 30 - 2 * usize::from(lane.number());
            epochs[at..at + 2].fill(0);
        }
        [
            &b"carechain/wrap/v1"[..],
            &self.chain_id.to_be_bytes(),
            self.subject.as_slice(),
            self.grantee.as_slice(),
            &self.grantee_key_version.to_be_bytes(),
            self.grant.as_slice(),
            &self.read_lanes.to_be_bytes(),
            &self.write_lanes.to_be_bytes(),
            &epochs,
        ]
        .concat()
    }

    /// The digest that the granting device signs.
    #[must_use]
    pub fn signature_digest(&self, signed_at: u64, sealed: &[u8]) -> B256 {
        keccak(&[
            b"carechain/wrap-signature/v1",
            sha256(&[&self.to_bytes()]).as_slice(),
            &signed_at.to_be_bytes(),
            sha256(&[sealed]).as_slice(),
        ])
    }
}

/// A lane that the grantee may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadLane {
    /// Its number on chain.
    pub lane: Lane,
    /// What it means.
    pub category: u8,
    /// Its key of the epoch in the info.
    pub key: LaneKey,
}

/// A lane that the grantee may write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriteLane {
    /// Its number on chain.
    pub lane: Lane,
    /// What it means.
    pub category: u8,
}

/// What a grantee learns from a wrap.
#[derive(Clone, PartialEq, Eq)]
pub struct WrapBody {
    /// Lanes that may be read, in rising order.
    pub read: Vec<ReadLane>,
    /// Lanes that may be written, in rising order.
    pub write: Vec<WriteLane>,
    /// What the author's signatures of this person's records cover.
    pub person_tag: PersonTag,
    /// The patient's name, if the patient tells it.
    pub name: Option<String>,
}

impl WrapBody {
    /// The body that a patient's own keys give for a grant.
    #[must_use]
    pub fn of_grant(roots: &Roots, info: &WrapInfo, name: Option<String>) -> Self {
        let lanes = roots.lanes(&info.subject);
        let read = Lane::of_mask(info.read_lanes)
            .map(|lane| ReadLane {
                lane,
                category: lanes.category(lane),
                key: roots
                    .current()
                    .lane_key(&info.subject, lane, info.epoch(lane)),
            })
            .collect();
        let write = Lane::of_mask(info.write_lanes)
            .map(|lane| WriteLane {
                lane,
                category: lanes.category(lane),
            })
            .collect();
        Self {
            read,
            write,
            person_tag: roots.person_tag(&info.subject),
            name,
        }
    }

    /// Lanes, categories and name must be those that the info and the format allow.
    fn check(&self, info: &WrapInfo) -> Result<(), CryptoError> {
        let fault = |reason| Err(CryptoError::Malformed { what: WHAT, reason });
        if !self
            .read
            .iter()
            .map(|l| l.lane)
            .eq(Lane::of_mask(info.read_lanes))
        {
            return fault("lanes to read are not the grant's");
        }
        if !self
            .write
            .iter()
            .map(|l| l.lane)
            .eq(Lane::of_mask(info.write_lanes))
        {
            return fault("lanes to write are not the grant's");
        }
        let mut category_of = [None; LANES];
        let pairs = self.read.iter().map(|l| (l.lane, l.category));
        for (lane, category) in pairs.chain(self.write.iter().map(|l| (l.lane, l.category))) {
            if usize::from(category) >= LANES {
                return Err(CryptoError::Category { found: category });
            }
            let known = &mut category_of[usize::from(lane.number())];
            if known.is_some_and(|c| c != category) {
                return fault("a lane has two categories");
            }
            *known = Some(category);
        }
        let mut seen = [false; LANES];
        for category in category_of.into_iter().flatten() {
            if core::mem::replace(&mut seen[usize::from(category)], true) {
                return fault("a category has two lanes");
            }
        }
        if self
            .name
            .as_ref()
            .is_some_and(|n| n.is_empty() || n.len() > WRAP_NAME_MAX_BYTES)
        {
            return fault("the name is empty or too long");
        }
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        cbor::write(
            BODY_FIXED_BYTES + self.name.as_ref().map_or(0, String::len),
            |e| {
                e.array(5)?.u8(1)?.array(self.read.len() as u64)?;
                for lane in &self.read {
                    e.array(3)?
                        .u8(lane.lane.number())?
                        .u8(lane.category)?
                        .bytes(lane.key.expose())?;
                }
                e.array(self.write.len() as u64)?;
                for lane in &self.write {
                    e.array(2)?.u8(lane.lane.number())?.u8(lane.category)?;
                }
                e.bytes(self.person_tag.expose())?;
                match &self.name {
                    Some(name) => e.str(name)?,
                    None => e.null()?,
                };
                Ok(())
            },
        )
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CryptoError> {
        r.array_of(5)?;
        r.version()?;
        let mut read = Vec::with_capacity(LANES);
        for _ in 0..lane_count(r)? {
            r.array_of(3)?;
            let (lane, category) = (Lane::new(r.u8()?)?, r.u8()?);
            read.push(ReadLane {
                lane,
                category,
                key: LaneKey::from_slice(r.bytes()?)?,
            });
        }
        let mut write = Vec::with_capacity(LANES);
        for _ in 0..lane_count(r)? {
            r.array_of(2)?;
            write.push(WriteLane {
                lane: Lane::new(r.u8()?)?,
                category: r.u8()?,
            });
        }
        let person_tag = PersonTag::from_slice(r.bytes()?)?;
        let name = r.text_or_null()?.map(str::to_owned);
        Ok(Self {
            read,
            write,
            person_tag,
            name,
        })
    }
}

fn lane_count(r: &mut Reader<'_>) -> Result<u64, CryptoError> {
    let count = r.array()?;
    if count > LANES as u64 {
        Err(r.fault("more than 16 lanes"))
    } else {
        Ok(count)
    }
}

impl fmt::Debug for WrapBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrapBody(redacted)")
    }
}

/// A wrap as the vault keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedWrap {
    /// The HPKE ciphertext.
    pub sealed: Vec<u8>,
    /// Unix seconds of signing.
    pub signed_at: u64,
    /// By a device of the subject.
    pub signature: Signature,
}

impl SignedWrap {
    /// Seals and signs a wrap.
    ///
    /// # Errors
    /// A body whose lanes are not the info's; a name that is empty or too long.
    pub fn seal(
        info: &WrapInfo,
        body: &WrapBody,
        grantee: &KemPublic,
        signed_at: u64,
        device: &SigningKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CryptoError> {
        body.check(info)?;
        let body = zeroize::Zeroizing::new(body.write());
        let sealed = grantee.seal(&info.to_bytes(), &body, rng);
        let signature = device.sign_digest(&info.signature_digest(signed_at, &sealed));
        Ok(Self {
            sealed,
            signed_at,
            signature,
        })
    }

    /// The device that signed. The caller asks the chain whether it is a live one of the subject.
    ///
    /// # Errors
    /// A signature that is none.
    pub fn signer(&self, info: &WrapInfo) -> Result<Address, CryptoError> {
        recover(
            &info.signature_digest(self.signed_at, &self.sealed),
            &self.signature,
        )
    }

    /// Opens the wrap if `signer` made it.
    ///
    /// # Errors
    /// Another signer; a wrap of another grant, grantee, key version or epoch; a body whose lanes
    /// are not the grant's.
    pub fn open(
        &self,
        info: &WrapInfo,
        signer: Address,
        grantee: &KemSecret,
    ) -> Result<WrapBody, CryptoError> {
        if self.sealed.len() > WRAP_MAX_BYTES {
            return Err(CryptoError::TooLarge {
                what: WHAT,
                limit: WRAP_MAX_BYTES as u64,
            });
        }
        if self.signer(info)? != signer {
            return Err(CryptoError::Mismatch {
                what: "the signer of the wrap",
            });
        }
        let body = grantee.open(WHAT, &info.to_bytes(), &self.sealed)?;
        let body = cbor::read(WHAT, &body, WrapBody::read, WrapBody::write)?;
        body.check(info)?;
        Ok(body)
    }
}

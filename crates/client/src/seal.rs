//! Seals one record version: envelope, slots, commitment. Pure but for randomness.

use alloy_primitives::B256;
use carechain_api::StageRow;
use carechain_bindings::records::IRecords;
use carechain_crypto::{
    Committed, InboxSlot, KemPublic, KeySlot, Meta, RecordKey, SigningKey, Statement, commitment,
    record_id, seal_envelope, tag,
};
use carechain_domain::{Category, Lane, RecordId, SubjectId, Uid};
use carechain_ipfs::dag::{cid_bytes, cid_of};
use rand_core::CryptoRng;

use crate::access::Access;
use crate::device::crypto_lane;
use crate::error::ClientError;
use crate::outbox::PlanRow;

/// Largest content of one record or attachment: its blob must fit into one upload.
pub const MAX_CONTENT_BYTES: usize = 48 << 20;

/// A version before, which the next one names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) version: u32,
    pub(crate) commitment: B256,
}

/// A version to be sealed.
pub(crate) struct Draft<'a> {
    pub(crate) uid: Uid,
    pub(crate) lane: Lane,
    pub(crate) before: Option<Before>,
    pub(crate) statement: Statement,
    pub(crate) content: &'a [u8],
    /// The record that it amends, with its author and tag.
    pub(crate) amends: Option<Amended>,
}

/// A record that another one amends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amended {
    pub(crate) record: RecordId,
    pub(crate) author: SubjectId,
    pub(crate) tag: B256,
}

/// A sealed version.
pub(crate) struct Sealed {
    pub(crate) row: PlanRow,
    pub(crate) blob: Vec<u8>,
}

/// Everything that sealing needs beside the draft.
pub(crate) struct Sealer<'a> {
    pub(crate) chain_id: u64,
    pub(crate) author: SubjectId,
    pub(crate) access: &'a Access,
    pub(crate) device: &'a SigningKey,
    /// Whether key slots may be made now.
    pub(crate) fresh: bool,
    /// The patient's public key and its version: inbox slots for what others write.
    pub(crate) inbox: Option<&'a (KemPublic, u16)>,
}

impl Sealer<'_> {
    pub(crate) fn seal(
        &self,
        draft: Draft<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, ClientError> {
        if draft.content.len() > MAX_CONTENT_BYTES {
            let why = format!("over {MAX_CONTENT_BYTES} bytes");
            return Err(ClientError::field("content", why));
        }
        let failed = || ClientError::crypto("seal a record");
        let subject = self.access.subject;
        let tag = tag(&draft.uid.0, &subject.0);
        let record = record_id(&subject.0, &self.author.0, &tag);
        let version = draft.before.map_or(1, |b| b.version + 1);
        let key = RecordKey::random(rng);
        let tag_of_person = &self.access.person_tag;
        let meta = Meta::sign(
            draft.statement,
            &draft.uid.0,
            version,
            tag_of_person,
            self.device,
        )
        .map_err(failed())?;
        let blob = seal_envelope(
            &key,
            &draft.uid.0,
            version,
            &meta.encode(),
            draft.content,
            rng,
        )
        .map_err(failed())?;
        let cid = cid_of(&blob);
        let previous = draft.before.map(|b| b.commitment).unwrap_or_default();
        let of = Committed {
            chain_id: self.chain_id,
            subject: &subject.0,
            record: &record,
            version,
            lane: crypto_lane(draft.lane),
            previous: &previous,
            cid: &cid_bytes(&cid).expect("this device makes CIDs of version 1 alone"),
        };
        let epoch = self.access.epochs.of(draft.lane);
        let slot = self.slot(record, version, draft.lane, epoch, &key, rng)?;
        let (inbox, inbox_key_version) = self.inbox_slot(record, version, &key, rng);
        let stage = StageRow {
            record: record.into(),
            uid: draft.uid,
            version,
            lane: draft.lane,
            epoch,
            commitment: commitment(&key, &of),
            cid: cid.to_string(),
            size: blob.len() as u64,
            slot: slot.map(Into::into),
            inbox: inbox.map(Into::into),
            inbox_key_version,
        };
        let row = PlanRow {
            stage,
            tag,
            previous,
            previous_version: draft.before.map_or(0, |b| b.version),
            amends_author: draft.amends.map(|a| a.author.0).unwrap_or_default(),
            amends_tag: draft.amends.map(|a| a.tag).unwrap_or_default(),
        };
        Ok(Sealed { row, blob })
    }

    /// A key slot, while the lane is fresh and this device has its key.
    fn slot(
        &self,
        record: B256,
        version: u32,
        lane: Lane,
        epoch: u16,
        key: &RecordKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        if !self.fresh || !self.access.lanes.read.contains(lane) {
            return Ok(None);
        }
        let lane_key = self.access.lane_key(lane, epoch)?;
        let subject = self.access.subject.0;
        let slot = KeySlot {
            subject,
            record,
            version,
            lane: crypto_lane(lane),
            epoch,
        };
        Ok(Some(slot.seal(&lane_key, key, rng).to_vec()))
    }

    fn inbox_slot(
        &self,
        record: B256,
        version: u32,
        key: &RecordKey,
        rng: &mut impl CryptoRng,
    ) -> (Option<Vec<u8>>, u16) {
        let Some((public, key_version)) = self.inbox else {
            return (None, 0);
        };
        let subject = self.access.subject.0;
        let slot = InboxSlot {
            subject,
            key_version: *key_version,
            record,
            version,
        };
        (Some(slot.seal(public, key, rng).to_vec()), *key_version)
    }
}

/// The anchor of a planned row.
pub(crate) fn anchor_of(row: &PlanRow) -> IRecords::Anchor {
    IRecords::Anchor {
        tag: row.tag,
        commitment: row.stage.commitment,
        previous: row.previous,
        version: row.stage.version,
        previousVersion: row.previous_version,
        lane: row.stage.lane.number(),
        epoch: row.stage.epoch,
        inboxOnly: row.stage.slot.is_none(),
        amendsAuthor: row.amends_author,
        amendsTag: row.amends_tag,
    }
}

/// The lane that a category has for this writer.
pub(crate) fn lane_for(access: &Access, category: Category) -> Result<Lane, ClientError> {
    access
        .lane(category)
        .filter(|lane| access.lanes.write.contains(*lane))
        .ok_or(ClientError::CategoryNotGranted { category })
}

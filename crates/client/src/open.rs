//! Opens what a release brought: names, slots, CIDs, commitments, envelopes. Pure, and names what does not fit.
//!
//! In the hot path the proven anchoring author is enough; [`crate::verify`] checks signatures too.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::B256;
use carechain_api::{AnchorRow, ReleaseItem};
use carechain_crypto::{
    Committed, InboxSlot, KeySlot, Meta, Opened, RecordKey, commitment, open_envelope, record_id,
    tag,
};
use carechain_domain::{RecordId, Uid};
use carechain_ipfs::Cid;
use carechain_ipfs::dag::{cid_bytes, parse_cid, verify_file};

use crate::access::Access;
use crate::device::crypto_lane;
use crate::error::Lie;
use crate::http::ReleasedItem;

/// What an item turned out to be.
pub(crate) enum Opening {
    /// Its key is known and right.
    Open(Box<OpenItem>),
    /// Its keys were erased.
    Erased,
    /// No key slot yet, and the inbox slot is not ours.
    Waiting,
    /// The node lied.
    Faulty(Lie),
}

/// An item whose key opens.
pub(crate) struct OpenItem {
    pub(crate) uid: Uid,
    pub(crate) key: RecordKey,
    pub(crate) cid: Cid,
    /// The envelope, where its blob came.
    pub(crate) envelope: Option<(Meta, Opened)>,
    /// It opened by the inbox slot: no key slot was there.
    pub(crate) by_inbox: bool,
}

/// All items of a release, and what links them.
pub(crate) struct Opener<'a> {
    access: &'a Access,
    chain_id: u64,
    items: &'a [ReleasedItem],
    /// Commitment of a record's version, as anchored.
    commitments: HashMap<(RecordId, u32), B256>,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(access: &'a Access, chain_id: u64, items: &'a [ReleasedItem]) -> Self {
        let commitments = items
            .iter()
            .map(|i| {
                (
                    (i.item.anchor.record, i.item.anchor.version),
                    i.item.anchor.commitment,
                )
            })
            .collect();
        Self {
            access,
            chain_id,
            items,
            commitments,
        }
    }

    /// Opens one item.
    pub(crate) fn open(&self, released: &ReleasedItem) -> Opening {
        match self.try_open(&released.item, released.blob.as_deref()) {
            Ok(opening) => opening,
            Err(lie) => Opening::Faulty(lie),
        }
    }

    fn try_open(&self, item: &ReleaseItem, blob: Option<&[u8]>) -> Result<Opening, Lie> {
        let anchor = &item.anchor;
        let (Some(uid), Some(cid_text)) = (item.uid, &item.cid) else {
            return Ok(Opening::Erased);
        };
        self.check_name(anchor, uid)?;
        let Some((key, by_inbox)) = self.record_key(item)? else {
            return Ok(Opening::Waiting);
        };
        let cid = self.check_commitment(anchor, &key, cid_text)?;
        let envelope = match blob {
            None => None,
            Some(blob) => Some(open_blob(anchor, uid, &key, &cid, blob)?),
        };
        Ok(Opening::Open(Box::new(OpenItem {
            uid,
            key,
            cid,
            envelope,
            by_inbox,
        })))
    }

    /// The uid must lead to the record's id.
    fn check_name(&self, anchor: &AnchorRow, uid: Uid) -> Result<(), Lie> {
        let subject = &self.access.subject.0;
        let tag = tag(&uid.0, subject);
        if record_id(subject, &anchor.author.0, &tag) == anchor.record.0 {
            return Ok(());
        }
        let record = anchor.record;
        let other = self.items.iter().map(|i| &i.item.anchor).find(|other| {
            other.record != record && record_id(subject, &other.author.0, &tag) == other.record.0
        });
        Err(match other {
            Some(other) => Lie::RecordsSwapped {
                record,
                other: other.record,
            },
            None => Lie::UidChanged { record },
        })
    }

    /// The record key from the key slot, else from the inbox slot.
    fn record_key(&self, item: &ReleaseItem) -> Result<Option<(RecordKey, bool)>, Lie> {
        let anchor = &item.anchor;
        if let Some(slot) = &item.slot {
            let lane_key = self.access.lane_key(anchor.lane, item.slot_epoch)?;
            return match self
                .slot_of(anchor, item.slot_epoch)
                .open(&lane_key, slot.as_ref())
            {
                Ok(key) => Ok(Some((key, false))),
                Err(_) => Err(self.name_slot(item)),
            };
        }
        let (Some(inbox), Some(kem)) = (&item.inbox, self.access.kem()) else {
            return Ok(None);
        };
        let slot = InboxSlot {
            subject: self.access.subject.0,
            key_version: item.inbox_key_version,
            record: anchor.record.0,
            version: anchor.version,
        };
        let key = slot
            .open(kem, inbox.as_ref())
            .map_err(|_| Lie::KeyChanged {
                record: anchor.record,
            })?;
        Ok(Some((key, true)))
    }

    fn slot_of(&self, anchor: &AnchorRow, epoch: u16) -> KeySlot {
        KeySlot {
            subject: self.access.subject.0,
            record: anchor.record.0,
            version: anchor.version,
            lane: crypto_lane(anchor.lane),
            epoch,
        }
    }

    /// Why a slot does not open: it may be that of another record or version, at any epoch served here.
    fn name_slot(&self, item: &ReleaseItem) -> Lie {
        let record = item.anchor.record;
        let Some(slot) = &item.slot else {
            return Lie::KeyChanged { record };
        };
        for other in self.items {
            let anchor = &other.item.anchor;
            let Ok(key) = self.access.lane_key(anchor.lane, item.slot_epoch) else {
                continue;
            };
            if self
                .slot_of(anchor, item.slot_epoch)
                .open(&key, slot.as_ref())
                .is_ok()
            {
                return misplaced(&item.anchor, anchor);
            }
        }
        Lie::KeyChanged { record }
    }

    /// The CID and the key must lead to the commitment on chain.
    fn check_commitment(
        &self,
        anchor: &AnchorRow,
        key: &RecordKey,
        cid_text: &str,
    ) -> Result<Cid, Lie> {
        let record = anchor.record;
        let wrong = || Lie::CommitmentWrong { record };
        let cid = read_cid(cid_text).ok_or_else(wrong)?;
        let previous = anchor
            .version
            .checked_sub(1)
            .and_then(|before| self.commitments.get(&(record, before)))
            .copied()
            .unwrap_or_default();
        let of = Committed {
            chain_id: self.chain_id,
            subject: &self.access.subject.0,
            record: &record.0,
            version: anchor.version,
            lane: crypto_lane(anchor.lane),
            previous: &previous,
            cid: &cid_bytes(&cid).ok_or_else(wrong)?,
        };
        if commitment(key, &of) == anchor.commitment {
            return Ok(cid);
        }
        let other = self.items.iter().find(|i| {
            let a = &i.item.anchor;
            i.item.cid.as_deref() == Some(cid_text)
                && (a.record, a.version) != (record, anchor.version)
        });
        Err(other.map_or_else(wrong, |o| misplaced(anchor, &o.item.anchor)))
    }
}

/// A CID in the one way that this profile writes it.
fn read_cid(text: &str) -> Option<Cid> {
    parse_cid(text).ok().filter(|cid| cid.to_string() == text)
}

fn misplaced(expected: &AnchorRow, served: &AnchorRow) -> Lie {
    if served.record == expected.record {
        Lie::OlderVersion {
            record: expected.record,
            served: served.version,
            expected: expected.version,
        }
    } else {
        Lie::RecordsSwapped {
            record: expected.record,
            other: served.record,
        }
    }
}

/// Checks a blob against its CID, opens it, and compares statement and content with the anchor.
pub(crate) fn open_blob(
    anchor: &AnchorRow,
    uid: Uid,
    key: &RecordKey,
    expected: &Cid,
    blob: &[u8],
) -> Result<(Meta, Opened), Lie> {
    let record = anchor.record;
    verify_file(expected, blob).map_err(|_| Lie::ByteChanged { record })?;
    let forged = |what| Lie::ForgedAuthor { record, what };
    // The blob is the one committed to: what does not open now was sealed wrongly by its author.
    let opened = open_envelope(key, &uid.0, anchor.version, blob)
        .map_err(|_| forged("its author sealed it wrongly"))?;
    let meta =
        Meta::decode(opened.meta()).map_err(|_| forged("its author's statement cannot be read"))?;
    check_statement(anchor, &meta)?;
    meta.check_content(opened.content())
        .map_err(|_| forged("its content is not the one that its author signed"))?;
    Ok((meta, opened))
}

/// The statement's author and amendment must be the anchor's.
pub(crate) fn check_statement(anchor: &AnchorRow, meta: &Meta) -> Result<(), Lie> {
    let record = anchor.record;
    let statement = meta.statement();
    if statement.author != anchor.author.0 {
        let what = "its statement names another author than the chain";
        return Err(Lie::ForgedAuthor { record, what });
    }
    if statement.amends.unwrap_or_default() != anchor.amends.0 {
        let what = "its statement amends another record than the chain says";
        return Err(Lie::ForgedAuthor { record, what });
    }
    Ok(())
}

/// Latest version of each record among anchors.
pub(crate) fn latest<'a>(anchors: impl Iterator<Item = &'a AnchorRow>) -> BTreeMap<RecordId, u32> {
    let mut latest = BTreeMap::new();
    for anchor in anchors {
        let version = latest.entry(anchor.record).or_insert(0);
        *version = anchor.version.max(*version);
    }
    latest
}

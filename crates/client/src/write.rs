//! The write protocol: plan -> outbox -> blobs durable -> staged -> anchored -> out of the outbox.
//!
//! A batch is up to 128 anchors in one transaction. Every step can be repeated: uploading the same blobs, staging the
//! same rows, and anchoring, which is skipped for rows whose word is on chain already. When epochs moved or the
//! deadline passed, the same sealed records are planned again from the chain.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use carechain_api::{Base64, MAX_ANCHORS, Sent, Stage};
use carechain_crypto::{KemPublic, KeyBundle, KeySlot, word};
use carechain_domain::{RecordId, SubjectId, fresh_at};

use crate::access::Access;
use crate::device::{Device, crypto_lane};
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, Facts};
use crate::outbox::{Entry, Plan, PlanRow, WritePlan, frames_of};
use crate::platform::Platform;
use crate::seal::{Sealed, Sealer, anchor_of};
use crate::tx::Action;
use crate::view::MAX_TRIES;

/// Seconds that a transaction of anchors may wait.
const DEADLINE_SECS: u64 = 600;
/// Bytes of blobs in one batch; one larger blob makes a batch of its own.
const MAX_BATCH_BYTES: usize = 16 << 20;
/// Seconds before `freshUntil` from which no key slots are made any more.
const FRESH_MARGIN_SECS: u64 = 10;

/// What a device needs to write into one record.
pub(crate) struct Writer {
    pub(crate) access: Access,
    pub(crate) fresh: bool,
    inbox: Option<(KemPublic, u16)>,
}

/// Rows and blobs that become one transaction.
#[derive(Default)]
pub(crate) struct Batch {
    rows: Vec<PlanRow>,
    blobs: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batch {
    /// Whether `next` has to go into another batch.
    pub(crate) fn is_full_for(&self, next: usize) -> bool {
        self.rows.len() >= MAX_ANCHORS
            || (!self.rows.is_empty() && self.bytes + next > MAX_BATCH_BYTES)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn push(&mut self, sealed: Sealed) {
        self.bytes += sealed.blob.len();
        self.rows.push(sealed.row);
        self.blobs.push(sealed.blob);
    }
}

impl<P: Platform> Device<P> {
    /// What is needed to write into a record: lanes, keys, freshness, and for others' records the patient's key.
    pub(crate) async fn writer(&self, subject: SubjectId) -> Result<Writer, ClientError> {
        let mut access = self.access(subject).await?;
        if access.is_owner() && !self.is_fresh(&access) {
            self.refresh_epochs().await?;
            access = self.access(subject).await?;
        }
        if access.lanes.write.is_empty() {
            return Err(ClientError::NotGranted {
                subject,
                what: "write anything",
            });
        }
        let fresh = self.is_fresh(&access);
        let inbox = if access.is_owner() && fresh {
            None
        } else {
            Some(self.public_key(subject).await?)
        };
        Ok(Writer {
            access,
            fresh,
            inbox,
        })
    }

    pub(crate) fn is_fresh(&self, access: &Access) -> bool {
        fresh_at(access.freshness.fresh_until, self.now() + FRESH_MARGIN_SECS)
    }

    pub(crate) fn sealer<'a>(&'a self, writer: &'a Writer) -> Sealer<'a> {
        Sealer {
            chain_id: self.pins().id,
            author: self.subject(),
            access: &writer.access,
            device: self.signer(),
            fresh: writer.fresh,
            inbox: writer.inbox.as_ref(),
        }
    }

    /// A subject's public key, compared with the hash on chain, and its version.
    pub(crate) async fn public_key(
        &self,
        subject: SubjectId,
    ) -> Result<(KemPublic, u16), ClientError> {
        let facts = self.prove(Ask::default().subject(subject)).await?;
        let fact = facts.subject(subject).ok_or(ClientError::Unknown {
            what: "subject",
            id: subject.0,
        })?;
        let view = self
            .authed(async || self.http.subject(subject).await)
            .await?;
        let bundle = view.key_bundle.ok_or(Lie::SubstitutedKey { subject })?;
        let bundle = KeyBundle::decode_checked(bundle.as_ref(), &fact.key_bundle_hash)
            .map_err(|_| Lie::SubstitutedKey { subject })?;
        Ok((bundle.public, fact.key_version))
    }

    /// First half: outbox, blobs, staging.
    pub(crate) async fn prepare(
        &self,
        subject: SubjectId,
        batch: Batch,
    ) -> Result<Entry, ClientError> {
        let plan = WritePlan {
            subject,
            author: self.subject(),
            deadline: self.now() + DEADLINE_SECS,
            rows: batch.rows,
        };
        let frames = frames_of(&batch.blobs);
        let entry = self.enqueue(Plan::Write(plan.clone()), frames).await?;
        self.upload_and_stage(&plan, &entry.frames).await?;
        Ok(entry)
    }

    async fn upload_and_stage(&self, plan: &WritePlan, frames: &[u8]) -> Result<(), ClientError> {
        let uploaded = self
            .authed(async || self.http.upload(frames.to_vec()).await)
            .await?;
        let named = plan.rows.iter().map(|row| row.stage.cid.as_str());
        if !uploaded.cids.iter().map(String::as_str).eq(named) {
            return Err(Lie::OtherBlob.into());
        }
        let rows = plan.rows.iter().map(|row| row.stage.clone()).collect();
        let stage = Stage {
            rows,
            deadline: plan.deadline,
        };
        self.authed(async || self.http.stage(plan.subject, &stage).await)
            .await
            .map(drop)
    }

    /// Second half: anchor, and out of the outbox. A race with the chain is planned again.
    pub(crate) async fn anchor(&self, entry: Entry) -> Result<Written, ClientError> {
        let Plan::Write(plan) = &entry.plan else {
            return Err(ClientError::Outbox {
                name: entry.name,
                why: "it is no write",
            });
        };
        let items = plan.rows.iter().map(anchor_of).collect();
        let action = Action::Anchor {
            subject: plan.subject,
            items,
            deadline: plan.deadline,
        };
        match self.act(&action).await {
            Ok(sent) => {
                self.dequeue(&entry.name).await?;
                let written = plan
                    .rows
                    .iter()
                    .map(|r| (r.record(), r.stage.version))
                    .collect();
                Ok(Written {
                    rows: written,
                    conflicts: Vec::new(),
                    sent: Some(sent),
                })
            }
            Err(error) if error.is_race() => self.settle(entry).await,
            Err(ClientError::Reverted { error, .. }) if error.contains("PreviousWrong") => {
                self.settle(entry).await
            }
            Err(error) => Err(error),
        }
    }

    /// Finishes an entry from wherever it stands: what is anchored is left out, the rest is planned again.
    pub(crate) async fn settle(&self, mut entry: Entry) -> Result<Written, ClientError> {
        let mut last = ClientError::Contended {
            what: "add records",
        };
        let mut written = Written::default();
        for _ in 0..MAX_TRIES {
            let Plan::Write(plan) = &mut entry.plan else {
                return Err(ClientError::Outbox {
                    name: entry.name,
                    why: "it is no write",
                });
            };
            let (subject, author) = (plan.subject, plan.author);
            let ask = plan
                .rows
                .iter()
                .fold(Ask::default(), |ask, row| ask.word(row.record()));
            let facts = self.prove(ask).await?;
            let todo = sort_out(author, &plan.rows, &facts, &mut written);
            if todo.is_empty() {
                self.dequeue(&entry.name).await?;
                return Ok(written);
            }
            let mut again = plan.clone();
            self.replan(&mut again).await?;
            self.upload_and_stage(&again, &entry.frames).await?;
            entry.plan = Plan::Write(again.clone());
            self.save_entry(&entry).await?;
            let wanted = again.rows.iter().filter(|r| todo.contains(&key_of(r)));
            let items = wanted.map(anchor_of).collect();
            let action = Action::Anchor {
                subject,
                items,
                deadline: again.deadline,
            };
            match self.act(&action).await {
                Ok(sent) => {
                    written.rows.extend(todo);
                    written.sent = Some(sent);
                    self.dequeue(&entry.name).await?;
                    return Ok(written);
                }
                Err(error) if error.is_race() => last = error,
                Err(ClientError::Reverted { what, error }) if error.contains("PreviousWrong") => {
                    last = ClientError::Reverted { what, error };
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Fits slots and deadline to the chain as it is now.
    async fn replan(&self, plan: &mut WritePlan) -> Result<(), ClientError> {
        let writer = self.writer(plan.subject).await?;
        plan.deadline = self.now() + DEADLINE_SECS;
        let mut random = self.random()?;
        for row in &mut plan.rows {
            let stage = &mut row.stage;
            let epoch = writer.access.epochs.of(stage.lane);
            if stage.slot.is_none() || (stage.epoch == epoch && writer.fresh) {
                continue;
            }
            let old = KeySlot {
                subject: plan.subject.0,
                record: stage.record.0,
                version: stage.version,
                lane: crypto_lane(stage.lane),
                epoch: stage.epoch,
            };
            let old_key = writer.access.lane_key(stage.lane, stage.epoch);
            let sealed = stage.slot.take();
            if !writer.fresh || !writer.access.lanes.read.contains(stage.lane) {
                require_inbox(stage.inbox.is_some(), stage.record)?;
                continue;
            }
            let opened = match (old_key, &sealed) {
                (Ok(key), Some(slot)) => old.open(&key, slot.as_ref()).ok(),
                (Ok(_), None) | (Err(_), _) => None,
            };
            let Some(record_key) = opened else {
                require_inbox(stage.inbox.is_some(), stage.record)?;
                continue;
            };
            let new_key = writer.access.lane_key(stage.lane, epoch)?;
            let slot = KeySlot { epoch, ..old }.seal(&new_key, &record_key, &mut random);
            stage.epoch = epoch;
            stage.slot = Some(Base64(slot.to_vec()));
        }
        random.check()?;
        Ok(())
    }
}

/// Without a key slot somebody must be able to open the inbox slot.
fn require_inbox(has_inbox: bool, record: RecordId) -> Result<(), ClientError> {
    if has_inbox {
        Ok(())
    } else {
        Err(ClientError::Waiting { record })
    }
}

fn key_of(row: &PlanRow) -> (RecordId, u32) {
    (row.record(), row.stage.version)
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Versions that are on chain.
    pub(crate) rows: Vec<(RecordId, u32)>,
    /// Records that another device of the author moved on meanwhile.
    pub(crate) conflicts: Vec<RecordId>,
    /// The last transaction, where one was needed.
    pub(crate) sent: Option<Sent>,
}

/// Which rows are still to be anchored, by the words that the chain has.
fn sort_out(
    author: SubjectId,
    rows: &[PlanRow],
    facts: &Facts,
    written: &mut Written,
) -> Vec<(RecordId, u32)> {
    let mut by_record: BTreeMap<RecordId, Vec<&PlanRow>> = BTreeMap::new();
    for row in rows {
        by_record.entry(row.record()).or_default().push(row);
    }
    let mut todo = Vec::new();
    for (record, rows) in by_record {
        let on_chain = facts.word(record);
        let done = rows
            .iter()
            .rposition(|row| own_word(author, row) == on_chain);
        let next = done.map_or(0, |at| at + 1);
        for row in &rows[..next] {
            if !written.rows.contains(&key_of(row)) {
                written.rows.push(key_of(row));
            }
        }
        let Some(first) = rows.get(next) else {
            continue;
        };
        let expected = if first.previous_version == 0 {
            B256::ZERO
        } else {
            let lane = crypto_lane(first.stage.lane);
            word(first.previous_version, &author.0, lane, &first.previous)
        };
        if on_chain == expected {
            todo.extend(rows[next..].iter().map(|row| key_of(row)));
        } else if !written.conflicts.contains(&record) {
            written.conflicts.push(record);
        }
    }
    todo
}

fn own_word(author: SubjectId, row: &PlanRow) -> B256 {
    word(
        row.stage.version,
        &author.0,
        crypto_lane(row.stage.lane),
        &row.stage.commitment,
    )
}

#[cfg(test)]
mod tests;

//! Staging what a transaction is about to anchor, key slots made anew, and the patient's receipts.
//!
//! A row is staged only by who may write its lane now, under a name that is its own, with a blob that is durable. The
//! index publishes it when the commitment is anchored.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use carechain_api::{MAX_PAGE, MAX_STAGE_ROWS, PutSlots, Receipt, ReceiptsPage, Stage, Staged};
use carechain_crypto::{INBOX_SLOT_BYTES, KEY_SLOT_BYTES, record_id, tag};
use carechain_domain::{Epochs, SubjectId};
use carechain_ipfs::Cid;
use carechain_vault::{SlotRow, StageRow, StoredReceipt};

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::{Asked, Id, Input};
use crate::guard::Caller;
use crate::notices::After;
use crate::state::{App, Shared};

/// How far ahead a transaction's deadline may lie.
const MAX_DEADLINE_SECS: u64 = 86_400;

#[utoipa::path(
    post, path = "/v1/subjects/{subject}/staged", tag = "records", request_body = Stage,
    params(("subject" = String, Path, description = "Whose records")),
    responses(
        (status = 200, body = Staged),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
        (status = 413, body = carechain_api::ErrorBody),
    ),
)]
/// Stages rows that a transaction is about to anchor. Idempotent.
pub(crate) async fn stage(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Input(stage): Input<Stage>,
) -> Result<Json<Staged>, GatewayError> {
    let now = unix_secs();
    check_count(stage.rows.len())?;
    if stage.deadline <= now || stage.deadline > now + MAX_DEADLINE_SECS {
        return Err(GatewayError::field(
            "deadline",
            "it must lie within the next day",
        ));
    }
    let (_, writable) = app.chain.lanes_of(subject, caller.subject, now).await?;
    let epochs = app.chain.epochs(subject).await?;
    let mut rows = Vec::with_capacity(stage.rows.len());
    for (place, row) in stage.rows.into_iter().enumerate() {
        if !writable.contains(row.lane) {
            return Err(GatewayError::LaneNotGranted(row.lane));
        }
        let row = checked(subject, caller.subject, epochs, row)
            .map_err(|(field, why)| GatewayError::field(format!("rows[{place}].{field}"), why))?;
        rows.push(row);
    }
    app.check_blobs(caller.subject, &rows).await?;
    let new = app.vault.stage(subject, &rows, stage.deadline, now).await?;
    Ok(Json(Staged { new }))
}

fn check_count(rows: usize) -> Result<(), GatewayError> {
    if rows == 0 {
        return Err(GatewayError::field("rows", "name at least one"));
    }
    if rows > MAX_STAGE_ROWS {
        return Err(GatewayError::TooLarge {
            what: "rows",
            limit: MAX_STAGE_ROWS as u64,
        });
    }
    Ok(())
}

type Wrong = (&'static str, &'static str);

/// A row whose form is right: names, lengths, and the slots that its author must give. One of an epoch that has not
/// begun is refused: when its keys change hands, slots made for it would not be made anew.
fn checked(
    subject: SubjectId,
    author: SubjectId,
    epochs: Epochs,
    row: carechain_api::StageRow,
) -> Result<StageRow, Wrong> {
    if row.version == 0 {
        return Err(("version", "versions begin at 1"));
    }
    if row.epoch > epochs.of(row.lane) {
        return Err(("epoch", "the lane has not come to this epoch"));
    }
    if row.commitment.is_zero() {
        return Err(("commitment", "it is missing"));
    }
    if record_id(&subject.0, &author.0, &tag(&row.uid.0, &subject.0)) != row.record.0 {
        return Err((
            "record",
            "it is not the record of this subject, author and uid",
        ));
    }
    let (slot, inbox) = (row.slot.map(|slot| slot.0), row.inbox.map(|inbox| inbox.0));
    if slot
        .as_ref()
        .is_some_and(|slot| slot.len() != KEY_SLOT_BYTES)
    {
        return Err(("slot", "a key slot has 64 bytes"));
    }
    if inbox
        .as_ref()
        .is_some_and(|inbox| inbox.len() != INBOX_SLOT_BYTES)
    {
        return Err(("inbox", "an inbox slot has 1168 bytes"));
    }
    if author == subject && slot.is_none() {
        return Err(("slot", "the patient's own record needs a key slot"));
    }
    if author != subject && inbox.is_none() {
        return Err(("inbox", "a record by somebody else needs an inbox slot"));
    }
    if inbox.is_some() && row.inbox_key_version == 0 {
        return Err((
            "inbox_key_version",
            "name the key version that the inbox slot is sealed to",
        ));
    }
    Ok(StageRow {
        record: row.record,
        version: row.version,
        commitment: row.commitment,
        author,
        uid: row.uid,
        lane: row.lane,
        epoch: row.epoch,
        cid: row.cid,
        size: row.size,
        slot,
        inbox,
        inbox_key_version: row.inbox_key_version,
    })
}

/// A CID as it is written in one way only.
pub(crate) fn cid(text: &str) -> Option<Cid> {
    Cid::try_from(text)
        .ok()
        .filter(|cid| cid.to_string() == text)
}

impl App {
    /// Every blob is durable here, of the size named, and noted as the caller's upload.
    async fn check_blobs(&self, caller: SubjectId, rows: &[StageRow]) -> Result<(), GatewayError> {
        let texts: Vec<&str> = rows.iter().map(|row| row.cid.as_str()).collect();
        for (place, row) in rows.iter().enumerate() {
            let wrong = |field: &str, why: &'static str| {
                GatewayError::field(format!("rows[{place}].{field}"), why)
            };
            let cid = cid(&row.cid)
                .ok_or_else(|| wrong("cid", "it is no CID as this store writes them"))?;
            if !self.store.has(&cid) {
                return Err(wrong("cid", "there is no such blob: upload it first"));
            }
            if self.store.size(cid).await? != row.size {
                return Err(wrong("size", "the blob has another size"));
            }
        }
        match self.vault.missing_uploads(caller, &texts).await?.first() {
            None => Ok(()),
            Some(missing) => {
                let place = texts
                    .iter()
                    .position(|text| text == missing)
                    .unwrap_or_default();
                let why = "you have not uploaded this blob, or too long ago: upload it again";
                Err(GatewayError::field(format!("rows[{place}].cid"), why))
            }
        }
    }
}

#[utoipa::path(
    put, path = "/v1/subjects/{subject}/slots", tag = "records", request_body = PutSlots,
    params(("subject" = String, Path, description = "Whose records")),
    responses(
        (status = 204),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
    ),
)]
/// Key slots made anew by the patient, for the present epochs.
pub(crate) async fn put_slots(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Input(put): Input<PutSlots>,
) -> Result<StatusCode, GatewayError> {
    caller.must_be(subject)?;
    check_count(put.rows.len())?;
    let wanted: Vec<_> = put
        .rows
        .iter()
        .map(|row| (row.record, row.version))
        .collect();
    let anchors = app.index.anchors_of(subject, &wanted).await?;
    let epochs = app.chain.epochs(subject).await?;
    let mut rows = Vec::with_capacity(put.rows.len());
    for (place, (row, anchor)) in put.rows.into_iter().zip(anchors).enumerate() {
        let anchor =
            anchor.ok_or_else(|| GatewayError::not_found(format!("record {}", row.record)))?;
        if row.slot.0.len() != KEY_SLOT_BYTES {
            return Err(GatewayError::field(
                format!("rows[{place}].slot"),
                "a key slot has 64 bytes",
            ));
        }
        let present = epochs.of(anchor.lane);
        if row.epoch != present {
            let why = format!(
                "the epoch of lane {} is {present}: make the slot for it",
                anchor.lane
            );
            return Err(GatewayError::conflict(why));
        }
        rows.push(SlotRow {
            record: row.record,
            version: row.version,
            epoch: row.epoch,
            slot: row.slot.0,
        });
    }
    app.vault.put_slots(subject, &rows).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/receipts", tag = "records",
    params(("subject" = String, Path, description = "Whose records"), After),
    responses((status = 200, body = ReceiptsPage), (status = 403, body = carechain_api::ErrorBody)),
)]
/// Who read what: the patient's receipts, in order.
pub(crate) async fn receipts(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Asked(page): Asked<After>,
) -> Result<Json<ReceiptsPage>, GatewayError> {
    caller.must_be(subject)?;
    let stored = app
        .vault
        .receipts_after(subject, page.after, MAX_PAGE)
        .await?;
    let receipts: Result<Vec<_>, _> = stored.into_iter().map(shown).collect();
    Ok(Json(ReceiptsPage {
        receipts: receipts?,
    }))
}

fn shown(row: StoredReceipt) -> Result<Receipt, GatewayError> {
    let statement =
        serde_json::from_str(&row.statement).map_err(|_| GatewayError::Stored("statement"))?;
    Ok(Receipt {
        number: row.number,
        statement,
        records: row.records,
        device: row.device,
        signature: row.signature.into(),
        at: row.at,
        hash: row.hash,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::B256;
    use carechain_domain::{Lane, LaneSet, RecordId, Uid};

    fn id(byte: u8) -> SubjectId {
        SubjectId(B256::repeat_byte(byte))
    }

    /// Lane 3 is in epoch 2, all others in epoch 0.
    fn present() -> Epochs {
        let lane = LaneSet(1 << 3);
        let next = |epochs: Epochs| epochs.moved(lane).unwrap();
        next(next(Epochs::default()))
    }

    fn row(author: SubjectId) -> carechain_api::StageRow {
        let uid = Uid(B256::repeat_byte(7));
        carechain_api::StageRow {
            record: RecordId(record_id(&id(1).0, &author.0, &tag(&uid.0, &id(1).0))),
            uid,
            version: 1,
            lane: Lane::try_from(3).unwrap(),
            epoch: 0,
            commitment: B256::repeat_byte(8),
            cid: "x".into(),
            size: 5,
            slot: Some(vec![0; KEY_SLOT_BYTES].into()),
            inbox: Some(vec![0; INBOX_SLOT_BYTES].into()),
            inbox_key_version: 1,
        }
    }

    fn field(author: SubjectId, change: fn(&mut carechain_api::StageRow)) -> &'static str {
        let mut row = row(author);
        change(&mut row);
        checked(id(1), author, present(), row).unwrap_err().0
    }

    #[test]
    fn a_row_has_its_own_name_and_the_slots_of_its_author() {
        let (patient, doctor) = (id(1), id(2));
        let mut own = row(patient);
        (own.inbox, own.inbox_key_version) = (None, 0);
        checked(patient, patient, present(), own.clone()).unwrap();
        let mut unfresh = row(doctor);
        unfresh.slot = None;
        checked(patient, doctor, present(), unfresh).unwrap();
        assert_eq!(
            checked(patient, doctor, present(), own).unwrap_err().0,
            "record",
            "another author's record"
        );
        assert_eq!(field(patient, |row| row.slot = None), "slot");
        assert_eq!(
            field(patient, |row| row.slot = Some(vec![0; 63].into())),
            "slot"
        );
        assert_eq!(field(patient, |row| row.version = 0), "version");
        assert_eq!(
            field(patient, |row| row.commitment = B256::ZERO),
            "commitment"
        );
        assert_eq!(field(doctor, |row| row.inbox = None), "inbox");
        assert_eq!(
            field(doctor, |row| row.inbox = Some(vec![0; 64].into())),
            "inbox"
        );
        assert_eq!(
            field(doctor, |row| row.inbox_key_version = 0),
            "inbox_key_version"
        );
    }

    #[test]
    fn a_row_of_an_epoch_to_come_is_refused() {
        let author = id(2);
        for epoch in 0..=2 {
            let mut row = row(author);
            row.epoch = epoch;
            checked(id(1), author, present(), row).unwrap();
        }
        assert_eq!(field(author, |row| row.epoch = 3), "epoch");
        assert_eq!(
            field(author, |row| {
                row.lane = Lane::try_from(4).unwrap();
                row.epoch = 1;
            }),
            "epoch",
            "the epoch is that of the row's own lane"
        );
    }

    #[test]
    fn a_cid_is_written_in_one_way() {
        let text = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
        assert_eq!(cid(text).unwrap().to_string(), text);
        assert!(cid(&text.to_uppercase()).is_none());
        assert!(cid("").is_none());
        assert!(cid("../../etc/passwd").is_none());
    }
}

//! The frames of a release, made piece by piece as the reader takes them.

use std::vec::IntoIter;

use bytes::Bytes;
use carechain_api::frame::{self, FrameKind};
use carechain_api::{AnchorRow, MAX_INLINE_BYTES, ReleaseHeader, ReleaseItem};
use carechain_domain::SubjectId;
use carechain_ipfs::Cid;
use carechain_vault::{MAX_RELEASE_ROWS, ReleaseRow};

use crate::GatewayError;
use crate::records::cid;
use crate::state::{App, Shared};

/// Blobs of a piece, in bytes, and items of a piece.
const PIECE_BYTES: u64 = 4 << 20;
const PIECE_ITEMS: usize = 4_096;

impl App {
    /// What the vault holds for the anchors, in their order.
    pub(crate) async fn release_rows(
        &self,
        subject: SubjectId,
        anchors: &[carechain_index::AnchorRow],
        owner: bool,
    ) -> Result<Vec<Option<ReleaseRow>>, GatewayError> {
        let wanted: Vec<_> = anchors
            .iter()
            .map(|anchor| (anchor.record, anchor.version))
            .collect();
        let mut rows = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(MAX_RELEASE_ROWS) {
            rows.extend(self.vault.release_rows(subject, chunk, owner).await?);
        }
        Ok(rows)
    }
}

/// An item and the blob that follows it.
type Part = (ReleaseItem, Option<Cid>);

/// An answer on its way.
pub(crate) struct Answer {
    app: Shared,
    header: Option<ReleaseHeader>,
    parts: std::iter::Peekable<IntoIter<Part>>,
    done: bool,
}

impl Answer {
    pub(crate) fn new(
        app: Shared,
        header: ReleaseHeader,
        anchors: Vec<carechain_index::AnchorRow>,
        rows: Vec<Option<ReleaseRow>>,
        blobs: bool,
    ) -> Result<Self, GatewayError> {
        let parts: Result<Vec<Part>, GatewayError> = anchors
            .into_iter()
            .zip(rows)
            .map(|(anchor, row)| part(&app, anchor, row, blobs))
            .collect();
        let parts = parts?.into_iter().peekable();
        Ok(Self {
            app,
            header: Some(header),
            parts,
            done: false,
        })
    }

    /// Whether the end frame has been given out.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// The next piece: some frames; none after the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, GatewayError> {
        if self.done {
            return Ok(None);
        }
        let mut piece = Vec::new();
        let (mut cids, mut bytes) = (Vec::new(), 0);
        while let Some((item, blob)) = self
            .parts
            .next_if(|_| bytes < PIECE_BYTES && piece.len() < PIECE_ITEMS)
        {
            if let Some(cid) = blob {
                bytes += item.size;
                cids.push(cid);
            }
            piece.push(item);
        }
        let blobs = if cids.is_empty() {
            Vec::new()
        } else {
            self.app.store.get_many(cids).await?
        };
        let mut blobs = blobs.into_iter();
        let mut out =
            Vec::with_capacity(usize::try_from(bytes).unwrap_or(0) + 1_024 * (piece.len() + 1));
        if let Some(header) = self.header.take() {
            put_json(&mut out, FrameKind::Header, &header)?;
        }
        for item in piece {
            put_json(&mut out, FrameKind::Item, &item)?;
            if item.has_blob {
                let blob = blobs
                    .next()
                    .ok_or(GatewayError::Stored("fewer blobs than items"))??;
                frame::put_blob(&mut out, &blob);
            }
        }
        if self.parts.peek().is_none() {
            frame::put(&mut out, FrameKind::End, &[]);
            self.done = true;
        }
        Ok(Some(out.into()))
    }

    /// As [`Answer::next`]; a failure becomes an error frame, the last of the stream.
    pub(crate) async fn next_or_error(&mut self) -> Option<Bytes> {
        match self.next().await {
            Ok(piece) => piece,
            Err(error) => {
                tracing::error!(
                    cause = error.causes(),
                    "a release failed after it had begun"
                );
                self.done = true;
                let mut out = Vec::new();
                put_json(&mut out, FrameKind::Error, &error.body()).ok()?;
                Some(out.into())
            }
        }
    }
}

fn part(
    app: &Shared,
    anchor: carechain_index::AnchorRow,
    row: Option<ReleaseRow>,
    blobs: bool,
) -> Result<Part, GatewayError> {
    let blob = match &row {
        Some(row) if blobs && row.size <= MAX_INLINE_BYTES => {
            let cid = cid(&row.cid).ok_or(GatewayError::Stored("cid"))?;
            app.store.has(&cid).then_some(cid)
        }
        Some(_) | None => None,
    };
    Ok((item(anchor, row, blob.is_some()), blob))
}

fn item(
    anchor: carechain_index::AnchorRow,
    row: Option<ReleaseRow>,
    has_blob: bool,
) -> ReleaseItem {
    let anchor = AnchorRow {
        record: anchor.record,
        author: anchor.author,
        version: anchor.version,
        lane: anchor.lane,
        sequence: anchor.sequence,
        epoch: anchor.epoch,
        inbox_only: anchor.inbox_only,
        commitment: anchor.commitment,
        amends: anchor.amends,
        block: anchor.block,
        time: anchor.time,
    };
    let Some(row) = row else {
        return ReleaseItem {
            anchor,
            uid: None,
            cid: None,
            size: 0,
            slot: None,
            slot_epoch: 0,
            inbox: None,
            inbox_key_version: 0,
            has_blob: false,
        };
    };
    ReleaseItem {
        anchor,
        uid: Some(row.uid),
        cid: Some(row.cid),
        size: row.size,
        slot: row.slot.map(Into::into),
        slot_epoch: row.slot_epoch,
        inbox: row.inbox.map(Into::into),
        inbox_key_version: row.inbox_key_version,
        has_blob,
    }
}

fn put_json(
    out: &mut Vec<u8>,
    kind: FrameKind,
    value: &impl serde::Serialize,
) -> Result<(), GatewayError> {
    let json = serde_json::to_vec(value).map_err(|_| GatewayError::Stored("frame"))?;
    frame::put(out, kind, &json);
    Ok(())
}

//! One row of a chart: an anchored version, and what is known of it.

use carechain_api::AnchorRow;
use carechain_crypto::{Meta, Opened, RecordKey, Statement};
use carechain_domain::{Category, Lane, RecordId, SubjectId, Uid};
use carechain_ipfs::Cid;

use crate::access::Access;
use crate::error::{ClientError, Lie};
use crate::http::ReleasedItem;
use crate::open::{OpenItem, Opening};

/// What is known of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowState {
    /// Opened and right.
    Open,
    /// Its keys were erased.
    Erased,
    /// It waits for the patient's device to make a key slot.
    Waiting,
    /// Something about it was a lie.
    Faulty(Lie),
}

/// One anchored version of a record.
pub struct ChartRow {
    /// Which record.
    pub record: RecordId,
    /// Which version.
    pub version: u32,
    /// Whether no later version is anchored.
    pub latest: bool,
    /// Lane.
    pub lane: Lane,
    /// What the lane means.
    pub category: Option<Category>,
    /// Who anchored it.
    pub author: SubjectId,
    /// The record that it amends.
    pub amends: Option<RecordId>,
    /// Place within its lane, from 1.
    pub sequence: u64,
    /// Block that holds it.
    pub block: u64,
    /// Time of that block, as the node says it.
    pub time: u64,
    /// CID of its blob.
    pub cid: Option<String>,
    /// Bytes of its blob.
    pub size: u64,
    /// What is known of it.
    pub state: RowState,
    /// What its author says of it, where statements were asked for.
    pub meta: Option<Meta>,
    /// Its content, where contents were asked for and came with the list.
    pub content: Option<Vec<u8>>,
    pub(crate) anchor: AnchorRow,
    pub(crate) uid: Option<Uid>,
    pub(crate) key: Option<RecordKey>,
    pub(crate) binary_cid: Option<Cid>,
    /// No key slot at any epoch: it came by the inbox.
    pub(crate) by_inbox: bool,
}

impl core::fmt::Debug for ChartRow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "ChartRow({} version {}, {:?})",
            self.record, self.version, self.state
        )
    }
}

impl ChartRow {
    /// What its author says of it.
    pub fn statement(&self) -> Option<&Statement> {
        self.meta.as_ref().map(Meta::statement)
    }

    /// Its FHIR type, or its media type where it is an attachment.
    pub fn kind(&self) -> Option<&str> {
        let statement = self.statement()?;
        Some(
            statement
                .resource_type
                .as_deref()
                .unwrap_or(&statement.media_type),
        )
    }

    /// The clinically relevant date.
    pub fn date(&self) -> Option<&str> {
        self.statement()?.date.as_deref()
    }

    /// Why it cannot be opened, if so.
    pub fn refuse(&self) -> Result<(), ClientError> {
        match &self.state {
            RowState::Open => Ok(()),
            RowState::Erased => Err(ClientError::Erased {
                record: self.record,
            }),
            RowState::Waiting => Err(ClientError::Waiting {
                record: self.record,
            }),
            RowState::Faulty(lie) => Err(lie.clone().into()),
        }
    }
}

/// The row of an item as it opened.
pub(super) fn row(
    access: &Access,
    released: ReleasedItem,
    opening: Opening,
    latest: bool,
    contents: bool,
) -> ChartRow {
    let item = released.item;
    let anchor = item.anchor;
    let mut row = ChartRow {
        record: anchor.record,
        version: anchor.version,
        latest,
        lane: anchor.lane,
        category: access.category(anchor.lane),
        author: anchor.author,
        amends: (!anchor.amends.is_zero()).then_some(anchor.amends),
        sequence: anchor.sequence,
        block: anchor.block,
        time: anchor.time,
        cid: item.cid,
        size: item.size,
        state: RowState::Open,
        meta: None,
        content: None,
        anchor,
        uid: item.uid,
        key: None,
        binary_cid: None,
        by_inbox: false,
    };
    match opening {
        Opening::Open(open) => fill(&mut row, *open, contents),
        Opening::Erased => row.state = RowState::Erased,
        Opening::Waiting => row.state = RowState::Waiting,
        Opening::Faulty(lie) => row.state = RowState::Faulty(lie),
    }
    row
}

fn fill(row: &mut ChartRow, open: OpenItem, contents: bool) {
    row.uid = Some(open.uid);
    row.cid = Some(open.cid.to_string());
    row.binary_cid = Some(open.cid);
    row.by_inbox = open.by_inbox;
    row.key = Some(open.key);
    if let Some((meta, opened)) = open.envelope {
        row.content = contents.then(|| Opened::content(&opened).to_vec());
        row.meta = Some(meta);
    }
}

//! A chart: everything listed in the lanes that one may read, proven complete and opened.
//!
//! One streamed release brings anchors, keys and blobs; one proof brings the lanes' counts and rolling hashes. There
//! is no round trip and no proof per record.

mod complete;
mod row;

use alloy_primitives::B256;
use carechain_api::{ReleaseRequest, ReleaseStatement};
use carechain_crypto::{Meta, Release, release_root};
use carechain_domain::{Category, LaneSet, RecordId, SubjectId};

use crate::access::Access;
use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::facts::Ask;
use crate::http::Released;
use crate::open::{Opener, Opening, check_statement, latest};
use crate::platform::Platform;
use crate::proof::Head;
use crate::view::MAX_TRIES;
use complete::check_lanes;
use row::row;

pub use row::{ChartRow, RowState};

/// Seconds that a release's signature holds.
const RELEASE_SECS: u64 = 50;
/// Bytes of a large blob that are fetched to read its statement: its first segment.
const FIRST_SEGMENT_BYTES: u64 = 1 << 20;

/// What is wanted of a chart.
#[derive(Clone, Debug)]
pub struct ChartQuery {
    /// Categories; none for all that may be read.
    pub categories: Option<Vec<Category>>,
    /// Whether statements (types, dates, …) are opened; without them only anchors and keys come.
    pub statements: bool,
    /// Whether contents are kept, where they came with the list.
    pub contents: bool,
}

impl Default for ChartQuery {
    fn default() -> Self {
        Self {
            categories: None,
            statements: true,
            contents: false,
        }
    }
}

/// Everything in some lanes of a subject.
#[derive(Debug)]
pub struct Chart {
    /// Whose.
    pub subject: SubjectId,
    /// The patient's name, where a wrap told it.
    pub name: Option<String>,
    /// The block against which the list is proven complete.
    pub head: Head,
    /// Every anchored version, by lane and place.
    pub rows: Vec<ChartRow>,
    /// Lanes whose list is not the chain's; empty unless lies were to be collected.
    pub lane_faults: Vec<Lie>,
}

impl Chart {
    /// The latest version of each record.
    pub fn current(&self) -> impl Iterator<Item = &ChartRow> {
        self.rows.iter().filter(|row| row.latest)
    }

    /// The latest version of one record.
    pub fn find(&self, record: RecordId) -> Option<&ChartRow> {
        self.current().find(|row| row.record == record)
    }

    /// Everything that was a lie.
    pub fn faults(&self) -> impl Iterator<Item = &Lie> {
        let rows = self.rows.iter().filter_map(|row| match &row.state {
            RowState::Faulty(lie) => Some(lie),
            RowState::Open | RowState::Erased | RowState::Waiting => None,
        });
        self.lane_faults.iter().chain(rows)
    }
}

impl<P: Platform> Device<P> {
    /// The chart of a subject: one's own, or one that was granted. A list that is not the chain's is refused.
    pub async fn chart(
        &self,
        subject: SubjectId,
        query: &ChartQuery,
    ) -> Result<Chart, ClientError> {
        let access = self.access(subject).await?;
        self.chart_with(&access, query, true).await
    }

    pub(crate) async fn chart_with(
        &self,
        access: &Access,
        query: &ChartQuery,
        strict: bool,
    ) -> Result<Chart, ClientError> {
        let lanes = self.wanted_lanes(access, query)?;
        for attempt in 1.. {
            let released = self
                .list(access, lanes, query.statements || query.contents)
                .await?;
            let facts = self
                .prove(Ask::default().lanes(access.subject, lanes))
                .await?;
            let faults = check_lanes(access.subject, lanes, &released.items, &facts);
            let moved = released.header.block != facts.head.number;
            if !faults.is_empty() && moved && attempt < MAX_TRIES {
                // Something was anchored between the list and the proof: both again.
                continue;
            }
            if let (true, Some(lie)) = (strict, faults.first()) {
                return Err(lie.clone().into());
            }
            return self
                .open_chart(access, released, facts.head, faults, query)
                .await;
        }
        Err(ClientError::Contended {
            what: "list the record",
        })
    }

    fn wanted_lanes(&self, access: &Access, query: &ChartQuery) -> Result<LaneSet, ClientError> {
        let Some(categories) = &query.categories else {
            if access.lanes.read.is_empty() {
                let what = "read anything";
                return Err(ClientError::NotGranted {
                    subject: access.subject,
                    what,
                });
            }
            return Ok(access.lanes.read);
        };
        let mut lanes = LaneSet::EMPTY;
        for category in categories {
            let lane = access
                .lane(*category)
                .filter(|lane| access.lanes.read.contains(*lane));
            let lane = lane.ok_or(ClientError::NotGranted {
                subject: access.subject,
                what: "read this category",
            })?;
            lanes = lanes.with(lane);
        }
        if lanes.is_empty() {
            return Err(ClientError::field("categories", "none was given"));
        }
        Ok(lanes)
    }

    /// A listing of lanes, signed by this device.
    pub(crate) async fn list(
        &self,
        access: &Access,
        lanes: LaneSet,
        blobs: bool,
    ) -> Result<Released, ClientError> {
        self.release(access, lanes, Vec::new(), blobs).await
    }

    /// A release of records, signed by this device: it leaves a receipt with the patient.
    pub(crate) async fn release(
        &self,
        access: &Access,
        lanes: LaneSet,
        records: Vec<(RecordId, u32)>,
        blobs: bool,
    ) -> Result<Released, ClientError> {
        let pairs: Vec<(B256, u32)> = records.iter().map(|(r, v)| (r.0, *v)).collect();
        let nonce = self.random()?.word()?;
        let statement = ReleaseStatement {
            origin: self.info.public_url.clone(),
            subject: access.subject,
            reader: self.subject(),
            lanes,
            root: release_root(&pairs),
            count: u32::try_from(records.len())
                .map_err(|_| ClientError::field("records", "too many"))?,
            purpose: access.purpose,
            nonce,
            expiry: self.now() + RELEASE_SECS,
        };
        let digest = release_of(&statement).digest(self.pins().id, self.pins().contracts.records);
        let request = ReleaseRequest {
            statement,
            device: self.address(),
            signature: self.signer().sign_digest(&digest).to_vec().into(),
            records,
            blobs,
            after: Vec::new(),
        };
        self.http.release(&request).await
    }

    async fn open_chart(
        &self,
        access: &Access,
        released: Released,
        head: Head,
        lane_faults: Vec<Lie>,
        query: &ChartQuery,
    ) -> Result<Chart, ClientError> {
        let newest = latest(released.items.iter().map(|i| &i.item.anchor));
        let openings: Vec<Opening> = {
            let opener = Opener::new(access, self.pins().id, &released.items);
            released
                .items
                .iter()
                .map(|item| opener.open(item))
                .collect()
        };
        let mut rows = Vec::with_capacity(openings.len());
        for (released, opening) in released.items.into_iter().zip(openings) {
            let latest =
                newest.get(&released.item.anchor.record) == Some(&released.item.anchor.version);
            let mut row = row(access, released, opening, latest, query.contents);
            if query.statements && row.state == RowState::Open && row.meta.is_none() {
                match self.first_segment(&row).await {
                    Ok(meta) => row.meta = Some(meta),
                    Err(ClientError::Lie(lie)) => row.state = RowState::Faulty(lie),
                    Err(other) => return Err(other),
                }
            }
            rows.push(row);
        }
        rows.sort_by_key(|row| (row.lane, row.sequence));
        Ok(Chart {
            subject: access.subject,
            name: access.name.clone(),
            head,
            rows,
            lane_faults,
        })
    }

    /// The statement of a blob too large to come with the list.
    async fn first_segment(&self, row: &ChartRow) -> Result<Meta, ClientError> {
        let (Some(uid), Some(key), Some(cid)) = (row.uid, &row.key, &row.cid) else {
            return Err(ClientError::Erased { record: row.record });
        };
        let whole = row.size <= FIRST_SEGMENT_BYTES;
        let bytes = self
            .authed(async || {
                self.http
                    .blob(cid, (!whole).then_some(FIRST_SEGMENT_BYTES))
                    .await
            })
            .await?;
        let changed = || Lie::ByteChanged { record: row.record };
        let header = carechain_crypto::HEADER_BYTES;
        let opener = carechain_crypto::Opener::new(key, &uid.0, row.version, &bytes)
            .map_err(|_| changed())?;
        let end = bytes.len().min(1 << opener.segment_log2());
        let mut stream = carechain_crypto::StreamOpener::new(opener);
        let first = bytes.get(header..end).ok_or_else(changed)?;
        stream.segment(first).map_err(|_| changed())?;
        let meta = stream.meta().ok_or_else(changed)?;
        let meta = Meta::decode(meta).map_err(|_| changed())?;
        check_statement(&row.anchor, &meta)?;
        Ok(meta)
    }
}

/// The statement in the shape that is signed.
pub(crate) fn release_of(statement: &ReleaseStatement) -> Release {
    Release {
        origin: statement.origin.clone(),
        subject: statement.subject.0,
        reader: statement.reader.0,
        lanes: statement.lanes.0,
        root: statement.root,
        count: statement.count,
        purpose: statement.purpose,
        nonce: statement.nonce,
        expiry: statement.expiry,
    }
}

#[cfg(test)]
mod tests;

//! Getting one record, and verifying everything about records, each fault by its name.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use carechain_crypto::{Meta, Statement};
use carechain_domain::{LaneSet, RecordId, SubjectId};

use crate::access::Access;
use crate::chart::{Chart, ChartQuery, ChartRow, RowState};
use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::facts::{Ask, DeviceFact, Facts};
use crate::open::open_blob;
use crate::platform::Platform;

/// Seconds that an author's clock may differ from the chain's when its device's lifetime is compared.
const CLOCK_SKEW_SECS: u64 = 300;

/// A record's content, checked to its last byte.
pub struct Content {
    /// Which record.
    pub record: RecordId,
    /// Which version.
    pub version: u32,
    /// Who anchored it.
    pub author: SubjectId,
    /// What its author says of it.
    pub statement: Statement,
    /// The original bytes.
    pub bytes: Vec<u8>,
}

impl core::fmt::Debug for Content {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Content({} version {}, {} bytes)",
            self.record,
            self.version,
            self.bytes.len()
        )
    }
}

/// Something about a record, or a list, that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which record; none where it is a lane's list.
    pub record: Option<RecordId>,
    /// Which version.
    pub version: Option<u32>,
    /// What it is.
    pub lie: Lie,
}

/// What verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Versions looked at.
    pub versions: u64,
    /// Of these, opened, with content, author's signature and device checked.
    pub good: u64,
    /// Of these, their keys erased.
    pub erased: u64,
    /// Of these, waiting for the patient's device.
    pub waiting: u64,
    /// Whether the list is proven complete in every lane that may be read.
    pub complete: bool,
    /// Everything that cannot be true.
    pub faults: Vec<Fault>,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.complete && self.faults.is_empty()
    }
}

impl<P: Platform> Device<P> {
    /// The latest version of a record: its original bytes.
    pub async fn get(&self, subject: SubjectId, record: RecordId) -> Result<Content, ClientError> {
        let access = self.access(subject).await?;
        let query = ChartQuery {
            statements: false,
            ..ChartQuery::default()
        };
        let chart = self.chart_with(&access, &query, true).await?;
        let row = chart.find(record).ok_or(ClientError::Unknown {
            what: "record that you may read",
            id: record.0,
        })?;
        row.refuse()?;
        if !access.is_owner() {
            // A grantee signs for each record that it opens; the owner's own reads leave no receipt.
            self.sign_for(&access, row).await?;
        }
        let (meta, bytes) = self.fetch(row).await?;
        Ok(Content {
            record,
            version: row.version,
            author: row.author,
            statement: meta.statement().clone(),
            bytes,
        })
    }

    /// Asks for the release of one record, so that the patient has a receipt of it.
    async fn sign_for(&self, access: &Access, row: &ChartRow) -> Result<(), ClientError> {
        let asked = vec![(row.record, row.version)];
        let released = self.release(access, LaneSet::EMPTY, asked, false).await?;
        match released.items.first() {
            Some(one) if released.items.len() == 1 && one.item.anchor == row.anchor => Ok(()),
            _ => Err(Lie::BadStream {
                what: "another record than asked for",
            }
            .into()),
        }
    }

    /// Fetches a row's blob and opens it.
    pub(crate) async fn fetch(&self, row: &ChartRow) -> Result<(Meta, Vec<u8>), ClientError> {
        let erased = || ClientError::Erased { record: row.record };
        let (Some(uid), Some(key), Some(cid)) = (row.uid, &row.key, &row.cid) else {
            return Err(erased());
        };
        let expected = row.binary_cid.ok_or_else(erased)?;
        let blob = self
            .authed(async || self.http.blob(cid, None).await)
            .await?;
        let (meta, opened) = open_blob(&row.anchor, uid, key, &expected, &blob)?;
        Ok((meta, opened.content().to_vec()))
    }

    /// Verifies one record, or all that may be read: list, names, keys, commitments, bytes, authors and their devices.
    pub async fn verify(
        &self,
        subject: SubjectId,
        record: Option<RecordId>,
    ) -> Result<Verification, ClientError> {
        let access = self.access(subject).await?;
        let query = ChartQuery {
            contents: true,
            ..ChartQuery::default()
        };
        let mut chart = self.chart_with(&access, &query, false).await?;
        if let Some(record) = record {
            chart.rows.retain(|row| row.record == record);
            if chart.rows.is_empty() {
                return Err(ClientError::Unknown {
                    what: "record that you may read",
                    id: record.0,
                });
            }
        }
        self.fetch_missing(&mut chart).await?;
        let signers = signers(&access, &mut chart);
        let devices: BTreeSet<Address> = signers.iter().flatten().copied().collect();
        let ask = devices
            .iter()
            .fold(Ask::default(), |ask, device| ask.device(*device));
        let facts = self.prove(ask).await?;
        Ok(judge(chart, &signers, &facts))
    }

    /// Opens the blobs that were too large to come with the list.
    async fn fetch_missing(&self, chart: &mut Chart) -> Result<(), ClientError> {
        for row in &mut chart.rows {
            if row.state != RowState::Open || row.content.take().is_some() {
                continue;
            }
            match self.fetch(row).await {
                Ok((meta, _)) => row.meta = Some(meta),
                Err(ClientError::Lie(lie)) => row.state = RowState::Faulty(lie),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

/// The device that signed each row; rows whose signature cannot be read become faulty.
fn signers(access: &Access, chart: &mut Chart) -> Vec<Option<Address>> {
    chart
        .rows
        .iter_mut()
        .map(|row| {
            let (RowState::Open, Some(meta), Some(uid)) = (&row.state, &row.meta, row.uid) else {
                return None;
            };
            match meta.signer(&uid.0, row.version, &access.person_tag) {
                Ok(signer) => Some(signer),
                Err(_) => {
                    let what = "its author's signature cannot be read";
                    row.state = RowState::Faulty(Lie::ForgedAuthor {
                        record: row.record,
                        what,
                    });
                    None
                }
            }
        })
        .collect()
}

/// Whether the device could sign for the author at that time.
fn check_signer(row: &ChartRow, device: DeviceFact, signed_at: u64) -> Result<(), Lie> {
    let forged = |what| Lie::ForgedAuthor {
        record: row.record,
        what,
    };
    if device.subject != row.author {
        return Err(forged(
            "no device of its author signed it, or not for this person",
        ));
    }
    if signed_at + CLOCK_SKEW_SECS < device.added_at {
        return Err(forged("it was signed before its author's device was added"));
    }
    if device.removed_at != 0 && signed_at > device.removed_at + CLOCK_SKEW_SECS {
        return Err(forged(
            "it was signed after its author's device was removed",
        ));
    }
    Ok(())
}

fn judge(chart: Chart, signers: &[Option<Address>], facts: &Facts) -> Verification {
    let mut found = Verification {
        complete: chart.lane_faults.is_empty(),
        ..Default::default()
    };
    let of_lanes = |lie| Fault {
        record: None,
        version: None,
        lie,
    };
    found
        .faults
        .extend(chart.lane_faults.into_iter().map(of_lanes));
    for (row, signer) in chart.rows.iter().zip(signers) {
        found.versions += 1;
        let fault = |lie| Fault {
            record: Some(row.record),
            version: Some(row.version),
            lie,
        };
        match (&row.state, signer, row.statement()) {
            (RowState::Erased, ..) => found.erased += 1,
            (RowState::Waiting, ..) => found.waiting += 1,
            (RowState::Faulty(lie), ..) => found.faults.push(fault(lie.clone())),
            (RowState::Open, Some(signer), Some(statement)) => {
                match check_signer(row, facts.device(*signer), statement.signed_at) {
                    Ok(()) => found.good += 1,
                    Err(lie) => found.faults.push(fault(lie)),
                }
            }
            (RowState::Open, ..) => {
                let what = "its author's statement is missing";
                found.faults.push(fault(Lie::ForgedAuthor {
                    record: row.record,
                    what,
                }));
            }
        }
    }
    found
}

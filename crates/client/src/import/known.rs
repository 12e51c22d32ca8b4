//! What a chart holds already of this author: the versions that an import must not write twice.

use std::collections::HashMap;

use alloy_primitives::B256;
use carechain_crypto::{record_id, tag};
use carechain_domain::{Lane, SubjectId, Uid};
use carechain_fhir::{Person, Resource, resource_person};

use crate::chart::{ChartQuery, RowState};
use crate::device::Device;
use crate::error::ClientError;
use crate::facts::Ask;
use crate::platform::Platform;
use crate::write::Writer;

/// The newest version of a record.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) version: u32,
    pub(crate) commitment: B256,
    pub(crate) lane: Lane,
    /// Hash of its content; unknown where its keys were erased or do not open.
    pub(crate) sha256: Option<B256>,
}

impl<P: Platform> Device<P> {
    /// The author's own records in the chart, and the persons that its Patient resources describe.
    pub(super) async fn known(
        &self,
        writer: &Writer,
    ) -> Result<(HashMap<Uid, Known>, Vec<Person>), ClientError> {
        if writer.access.lanes.read.is_empty() {
            return Ok((HashMap::new(), Vec::new()));
        }
        let query = ChartQuery {
            contents: true,
            ..ChartQuery::default()
        };
        let chart = self.chart_with(&writer.access, &query, true).await?;
        let mut known = HashMap::new();
        let mut persons = Vec::new();
        for row in chart.current() {
            if let RowState::Faulty(lie) = &row.state {
                return Err(lie.clone().into());
            }
            let patient = row
                .statement()
                .is_some_and(|s| s.resource_type.as_deref() == Some("Patient"));
            if let (true, Some(content)) = (patient, &row.content) {
                persons.extend(
                    Resource::parse(content)
                        .ok()
                        .and_then(|r| resource_person(&r)),
                );
            }
            let (true, Some(uid)) = (row.author == self.subject(), row.uid) else {
                continue;
            };
            let sha256 = row.statement().map(|s| s.content_sha256);
            let (version, commitment, lane) = (row.version, row.anchor.commitment, row.lane);
            known.insert(
                uid,
                Known {
                    version,
                    commitment,
                    lane,
                    sha256,
                },
            );
        }
        Ok((known, persons))
    }

    /// Whether this author has a record of that uid in the chart, proven.
    pub(crate) async fn is_anchored(
        &self,
        subject: SubjectId,
        uid: Uid,
    ) -> Result<bool, ClientError> {
        let record = record_id(&subject.0, &self.subject().0, &tag(&uid.0, &subject.0)).into();
        let facts = self.prove(Ask::default().word(record)).await?;
        Ok(!facts.word(record).is_zero())
    }
}

//! Adding one record: a resource, an attachment, or an amendment of somebody else's record.

use alloy_primitives::B256;
use carechain_crypto::{Statement, content_id, tag, uid};
use carechain_domain::{Category, Lane, RecordId, SubjectId, Uid};
use carechain_fhir::{Resource, check_resource, classify, when};

use crate::chart::ChartQuery;
use crate::device::Device;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::seal::{Amended, Before, Draft, lane_for};
use crate::write::{Batch, Writer};

/// A record to be added.
#[derive(Clone, Copy)]
pub struct NewRecord<'a> {
    /// Into whose record.
    pub subject: SubjectId,
    /// Media type; `application/fhir+json` for a resource.
    pub media_type: &'a str,
    /// The bytes to be kept as they are.
    pub bytes: &'a [u8],
    /// Category; of a resource the one that it belongs to, where none is given.
    pub category: Option<Category>,
    /// Title of an attachment.
    pub title: Option<&'a str>,
    /// The record that it amends: somebody else's, since one's own gets a new version.
    pub amends: Option<RecordId>,
}

/// A record that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Which.
    pub record: RecordId,
    /// Its version.
    pub version: u32,
    /// The category that it is in.
    pub category: Category,
    /// Block that holds it; none where it was there already, byte for byte.
    pub block: Option<u64>,
}

/// What is said of a record beside its bytes.
struct Said {
    resource_type: Option<String>,
    id: Option<String>,
    date: Option<String>,
    category: Category,
}

impl<P: Platform> Device<P> {
    /// Adds one record, or the next version of one's own.
    pub async fn add(&self, new: &NewRecord<'_>) -> Result<Added, ClientError> {
        let said = describe(new)?;
        let writer = self.writer(new.subject).await?;
        let kind = said.resource_type.as_deref().unwrap_or(new.media_type);
        let id = said.id.clone().unwrap_or_else(|| content_id(new.bytes));
        let key = self.roots().uid_key();
        let name = uid(&key, &new.subject.0, "", kind, &id)
            .map(Uid)
            .map_err(ClientError::crypto("name a record"))?;
        let sha256 = Statement::hash_content(new.bytes);
        let (found, amends) = self.look_up(&writer, name, new.amends).await?;
        if let Some(same) = found.as_ref().filter(|f| f.sha256 == sha256) {
            return Ok(Added {
                record: same.record,
                version: same.before.version,
                category: same.category,
                block: None,
            });
        }
        let lane = self
            .choose_lane(&writer, &said, name, found.as_ref())
            .await?;
        let category = writer.access.category(lane).unwrap_or(said.category);
        let amended = amends.map(|a| a.record.0);
        let statement = self.statement_of(new, said, category, amended);
        let before = found.map(|f| f.before);
        let draft = Draft {
            uid: name,
            lane,
            before,
            statement,
            content: new.bytes,
            amends,
        };
        let mut random = self.random()?;
        let sealed = self.sealer(&writer).seal(draft, &mut random)?;
        random.check()?;
        let (record, version) = (sealed.row.record(), sealed.row.stage.version);
        let mut batch = Batch::default();
        batch.push(sealed);
        let entry = self.prepare(new.subject, batch).await?;
        let written = self.anchor(entry).await?;
        if written.conflicts.contains(&record) {
            return Err(ClientError::Conflict { record });
        }
        Ok(Added {
            record,
            version,
            category,
            block: written.sent.map(|s| s.block),
        })
    }

    /// The lane of a new record: that of its category, or the one that it is in already.
    async fn choose_lane(
        &self,
        writer: &Writer,
        said: &Said,
        name: Uid,
        found: Option<&Found>,
    ) -> Result<Lane, ClientError> {
        let lane = match found {
            Some(found) => found.lane,
            None => lane_for(&writer.access, said.category)?,
        };
        if !writer.access.lanes.write.contains(lane) {
            let category = said.category;
            return Err(ClientError::CategoryNotGranted { category });
        }
        let unseen = found.is_none() && !writer.access.lanes.read.contains(lane);
        if unseen && self.is_anchored(writer.access.subject, name).await? {
            return Err(ClientError::Already(
                "you wrote this record before, in a category that you may not read",
            ));
        }
        Ok(lane)
    }

    fn statement_of(
        &self,
        new: &NewRecord<'_>,
        said: Said,
        category: Category,
        amends: Option<B256>,
    ) -> Statement {
        Statement {
            media_type: new.media_type.to_owned(),
            category: category.number(),
            resource_type: said.resource_type,
            date: said.date,
            full_url: None,
            source: None,
            resource_id: said.id,
            author: self.subject().0,
            content_sha256: Statement::hash_content(new.bytes),
            amends,
            signed_at: self.now(),
            outcome: None,
            title: new.title.filter(|t| !t.is_empty()).map(str::to_owned),
        }
    }

    /// One's own record of that uid, and the record to be amended, in the lanes that may be read.
    async fn look_up(
        &self,
        writer: &Writer,
        name: Uid,
        amends: Option<RecordId>,
    ) -> Result<(Option<Found>, Option<Amended>), ClientError> {
        if writer.access.lanes.read.is_empty() {
            return match amends {
                Some(record) => Err(ClientError::Unknown {
                    what: "record that you may read",
                    id: record.0,
                }),
                None => Ok((None, None)),
            };
        }
        let query = ChartQuery {
            statements: false,
            ..ChartQuery::default()
        };
        let chart = self.chart_with(&writer.access, &query, true).await?;
        let own = chart
            .current()
            .find(|r| r.author == self.subject() && r.uid == Some(name));
        let found = match own {
            None => None,
            Some(row) => {
                row.refuse()?;
                let (meta, _) = self.fetch(row).await?;
                Some(Found {
                    record: row.record,
                    before: Before {
                        version: row.version,
                        commitment: row.anchor.commitment,
                    },
                    lane: row.lane,
                    category: row.category.unwrap_or(Category::Other),
                    sha256: meta.statement().content_sha256,
                })
            }
        };
        let amends = match amends {
            None => None,
            Some(record) => {
                let row = chart.find(record).ok_or(ClientError::Unknown {
                    what: "record that you may read",
                    id: record.0,
                })?;
                let uid = row.uid.ok_or(ClientError::Erased { record })?;
                let tag = tag(&uid.0, &writer.access.subject.0);
                Some(Amended {
                    record,
                    author: row.author,
                    tag,
                })
            }
        };
        Ok((found, amends))
    }
}

/// One's own newest version of a record.
struct Found {
    record: RecordId,
    before: Before,
    lane: Lane,
    category: Category,
    sha256: B256,
}

/// What the bytes say of themselves; a faulty resource is refused.
fn describe(new: &NewRecord<'_>) -> Result<Said, ClientError> {
    if new.media_type != "application/fhir+json" {
        let category = new.category.unwrap_or(Category::Notes);
        return Ok(Said {
            resource_type: None,
            id: None,
            date: None,
            category,
        });
    }
    let resource =
        Resource::parse(new.bytes).map_err(|e| ClientError::field("resource", e.to_string()))?;
    if let Some(issue) = check_resource(&resource)
        .iter()
        .find(|issue| issue.is_error())
    {
        return Err(ClientError::field("resource", issue.to_string()));
    }
    Ok(Said {
        resource_type: Some(resource.resource_type().to_owned()),
        id: resource.id().map(str::to_owned),
        date: when(&resource),
        category: new.category.unwrap_or_else(|| classify(&resource)),
    })
}

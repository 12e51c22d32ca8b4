//! One item of an import: named, compared with what is there, sealed into the batch.

use alloy_primitives::B256;
use carechain_crypto::{Statement, content_id, uid};
use carechain_domain::{Category, Lane, Uid};

use super::{Importer, Item, Known};
use crate::error::ClientError;
use crate::platform::Platform;
use crate::seal::{Before, Draft, MAX_CONTENT_BYTES, lane_for};

impl<P: Platform> Importer<'_, P> {
    /// Seals one item into the batch, unless it is there already.
    pub(super) async fn store(&mut self, mut item: Item<'_>) -> Result<(), ClientError> {
        if item.content.len() > MAX_CONTENT_BYTES {
            self.reject(item.file, &item.path, "it is larger than one upload takes");
            return Ok(());
        }
        let source = source_of(item.full_url).or(self.options.source.as_deref());
        let source = source.unwrap_or_default().to_owned();
        let hash;
        let id = match item.id {
            Some(id) => id,
            None => {
                hash = content_id(item.content);
                &hash
            }
        };
        let device = self.device;
        let subject = self.writer.access.subject;
        let kind = item.resource_type.unwrap_or(item.media_type);
        let key = device.roots().uid_key();
        let name = uid(&key, &subject.0, &source, kind, id)
            .map_err(ClientError::crypto("name a record"))?;
        let name = Uid(name);
        let sha256 = Statement::hash_content(item.content);
        let known = self.known.get(&name).copied();
        if known.is_some_and(|k| k.sha256 == Some(sha256)) {
            self.report.unchanged += 1;
            return Ok(());
        }
        let Some((lane, before)) = self.place(&item, name, known).await? else {
            return Ok(());
        };
        let category = self.writer.access.category(lane).unwrap_or(item.category);
        let statement = self.statement_of(&mut item, category, &source, sha256);
        let draft = Draft {
            uid: name,
            lane,
            before,
            statement,
            content: item.content,
            amends: None,
        };
        let mut random = device.random()?;
        let sealed = device.sealer(&self.writer).seal(draft, &mut random)?;
        random.check()?;
        if self.batch.is_full_for(sealed.blob.len()) {
            self.flush().await?;
        }
        let (record, version) = (sealed.row.record(), sealed.row.stage.version);
        let commitment = sealed.row.stage.commitment;
        self.known.insert(
            name,
            Known {
                version,
                commitment,
                lane,
                sha256: Some(sha256),
            },
        );
        self.origins
            .insert((record, version), (item.file.to_owned(), item.path));
        self.batch.push(sealed);
        Ok(())
    }

    /// The lane of an item and the version before it; `None` where it was rejected.
    async fn place(
        &mut self,
        item: &Item<'_>,
        name: Uid,
        known: Option<Known>,
    ) -> Result<Option<(Lane, Option<Before>)>, ClientError> {
        if let Some(known) = known {
            let before = Before {
                version: known.version,
                commitment: known.commitment,
            };
            if self.writer.access.lanes.write.contains(known.lane) {
                return Ok(Some((known.lane, Some(before))));
            }
            let why = "the record is in a category that you may not write any more";
            self.reject(item.file, &item.path, why);
            return Ok(None);
        }
        let lane = match lane_for(&self.writer.access, item.category) {
            Ok(lane) => lane,
            Err(error @ ClientError::CategoryNotGranted { .. }) => {
                self.reject(item.file, &item.path, &error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !self.writer.access.lanes.read.contains(lane)
            && self
                .device
                .is_anchored(self.writer.access.subject, name)
                .await?
        {
            let why = "you wrote this record before, in a category that you may not read";
            self.reject(item.file, &item.path, why);
            return Ok(None);
        }
        Ok(Some((lane, None)))
    }

    fn statement_of(
        &self,
        item: &mut Item<'_>,
        category: Category,
        source: &str,
        content_sha256: B256,
    ) -> Statement {
        Statement {
            media_type: item.media_type.to_owned(),
            category: category.number(),
            resource_type: item.resource_type.map(str::to_owned),
            date: item.date.take(),
            full_url: item.full_url.filter(|u| !u.is_empty()).map(str::to_owned),
            source: (!source.is_empty()).then(|| source.to_owned()),
            resource_id: item.id.map(str::to_owned),
            author: self.device.subject().0,
            content_sha256,
            amends: None,
            signed_at: self.device.now(),
            outcome: item.outcome.take(),
            title: item.title.map(str::to_owned),
        }
    }
}

/// The base of an absolute fullUrl, such as `https://server/fhir` of `https://server/fhir/Patient/1`.
fn source_of(full_url: Option<&str>) -> Option<&str> {
    let url = full_url?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return None;
    }
    let (rest, _id) = url.rsplit_once('/')?;
    let (base, _kind) = rest.rsplit_once('/')?;
    (base.len() > "https://".len()).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::source_of;

    #[test]
    fn sources_are_bases_of_absolute_urls() {
        let of = |url| source_of(Some(url));
        assert_eq!(
            of("https://a.example/fhir/Patient/1"),
            Some("https://a.example/fhir")
        );
        assert_eq!(of("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"), None);
        assert_eq!(of("http://x"), None);
        assert_eq!(source_of(None), None);
    }
}

//! Importing FHIR documents and attachments into a chart.
//!
//! Original bytes are sealed as they are: of a Bundle's entry its exact source slice. A record's uid makes importing
//! twice change nothing: the same bytes are `unchanged`, other bytes are the next version, the rest is new. Nothing is
//! dropped silently: what is not stored is in the report with its file, path and reason.

mod faults;
mod known;
mod store;

use std::collections::HashMap;

use carechain_domain::{Category, RecordId, SubjectId, Uid};
use carechain_fhir::{
    Bundle, Document, FhirError, Likeness, Person, Resource, bundle_person, check_bundle_frame,
    check_resource, classify, ndjson_lines, operation_outcome, read_document, resource_person,
    unreadable, when,
};

use crate::device::Device;
use crate::error::ClientError;
use crate::outbox::Entry;
use crate::platform::Platform;
use crate::write::{Batch, Writer, Written};
use faults::{above, message_of};
pub(crate) use known::Known;

/// Media type of FHIR resources.
const FHIR_JSON: &str = "application/fhir+json";
/// Rows of a report's `rejected`; more are counted, not listed.
const MAX_REJECTED: usize = 100_000;

/// How to import.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Where the documents come from, where they do not say.
    pub source: Option<String>,
    /// Whether to store what is faulty, together with an OperationOutcome.
    pub lenient: bool,
    /// Whether to take a document about another person than the chart's.
    pub other_person: bool,
}

/// Something that was not stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rejected {
    /// The file, as the caller named it.
    pub file: String,
    /// Where in it.
    pub path: String,
    /// Why.
    pub message: String,
}

/// What became of an import. `resources` = `stored` + `unchanged` + resources rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportReport {
    /// Resources and attachments seen.
    pub resources: u64,
    /// Stored: on chain, durable.
    pub stored: u64,
    /// There already, byte for byte.
    pub unchanged: u64,
    /// Not stored.
    pub rejected: Vec<Rejected>,
}

/// An import under way. Nothing is stored for certain before [`Importer::finish`] returns; what was begun is finished
/// by [`Device::resume`].
pub struct Importer<'d, P: Platform> {
    device: &'d Device<P>,
    writer: Writer,
    options: ImportOptions,
    report: ImportReport,
    known: HashMap<Uid, Known>,
    persons: Vec<Person>,
    batch: Batch,
    staged: Option<Entry>,
    /// File and path of what was sealed and is not yet on chain.
    origins: HashMap<(RecordId, u32), (String, String)>,
}

/// One thing to be stored.
struct Item<'a> {
    file: &'a str,
    path: String,
    media_type: &'a str,
    resource_type: Option<&'a str>,
    id: Option<&'a str>,
    full_url: Option<&'a str>,
    date: Option<String>,
    category: Category,
    title: Option<&'a str>,
    outcome: Option<Vec<u8>>,
    content: &'a [u8],
}

impl<P: Platform> Device<P> {
    /// Begins an import into one's own chart, or with a write grant into a patient's.
    pub async fn importer(
        &self,
        subject: SubjectId,
        options: ImportOptions,
    ) -> Result<Importer<'_, P>, ClientError> {
        self.resume().await?;
        let writer = self.writer(subject).await?;
        let (known, persons) = self.known(&writer).await?;
        Ok(Importer {
            device: self,
            writer,
            options,
            report: ImportReport::default(),
            known,
            persons,
            batch: Batch::default(),
            staged: None,
            origins: HashMap::new(),
        })
    }
}

impl<P: Platform> Importer<'_, P> {
    /// What has become of the import so far; `stored` counts what is on chain.
    pub fn progress(&self) -> &ImportReport {
        &self.report
    }

    /// Takes a JSON document: a resource or a Bundle.
    pub async fn document(&mut self, file: &str, bytes: &[u8]) -> Result<(), ClientError> {
        self.document_at(file, "", bytes).await
    }

    /// Takes NDJSON: one document a line.
    pub async fn ndjson(&mut self, file: &str, bytes: &[u8]) -> Result<(), ClientError> {
        for (line, document) in ndjson_lines(bytes) {
            self.document_at(file, &format!("line {line}"), document)
                .await?;
        }
        Ok(())
    }

    /// Takes any file as it is.
    pub async fn attachment(
        &mut self,
        file: &str,
        media_type: &str,
        title: &str,
        category: Category,
        bytes: &[u8],
    ) -> Result<(), ClientError> {
        self.report.resources += 1;
        let item = Item {
            file,
            path: String::new(),
            media_type,
            resource_type: None,
            id: None,
            full_url: None,
            date: None,
            category,
            title: (!title.is_empty()).then_some(title),
            outcome: None,
            content: bytes,
        };
        self.store(item).await
    }

    async fn document_at(&mut self, file: &str, at: &str, bytes: &[u8]) -> Result<(), ClientError> {
        match read_document(bytes) {
            Ok(Document::Bundle(bundle)) => self.bundle(file, at, &bundle).await,
            Ok(Document::Resource(resource)) => {
                if !self.admits(resource_person(&resource).as_ref()) {
                    self.report.resources += 1;
                    self.reject(file, at, "it describes another person than the chart's");
                    return Ok(());
                }
                self.resource(file, at, "", None, &resource).await
            }
            Err(error) => self.unreadable(file, at, bytes, &error).await,
        }
    }

    async fn bundle(
        &mut self,
        file: &str,
        at: &str,
        bundle: &Bundle<'_>,
    ) -> Result<(), ClientError> {
        let count = bundle
            .entries()
            .iter()
            .filter(|e| e.resource.is_some())
            .count() as u64;
        if let Some(refusal) = self.refuse_person(bundle) {
            self.report.resources += count;
            for entry in bundle.entries().iter().filter(|e| e.resource.is_some()) {
                self.reject(file, &above(at, &entry.path()), &refusal);
            }
            if count == 0 {
                self.reject(file, &above(at, "Bundle"), &refusal);
            }
            return Ok(());
        }
        let frame = check_bundle_frame(bundle);
        let fault = frame.iter().find(|issue| issue.is_error());
        if let (Some(issue), false) = (fault, self.options.lenient) {
            self.report.resources += count;
            let why = format!("the Bundle is faulty at {}: {}", issue.path, issue.message);
            for entry in bundle.entries().iter().filter(|e| e.resource.is_some()) {
                self.reject(file, &above(at, &entry.path()), &why);
            }
            if count == 0 {
                self.reject(file, &above(at, &issue.path), &issue.message);
            }
            return Ok(());
        }
        for entry in bundle.entries() {
            if let Some(resource) = &entry.resource {
                let full_url = entry.full_url.as_deref();
                self.resource(file, at, &entry.path(), full_url, resource)
                    .await?;
            }
        }
        Ok(())
    }

    /// Why a Bundle is not about the chart's person; the first one says who that is.
    fn refuse_person(&mut self, bundle: &Bundle<'_>) -> Option<String> {
        if self.options.other_person {
            return None;
        }
        match bundle_person(bundle) {
            Err(error @ FhirError::SeveralPatients { .. }) => Some(error.to_string()),
            Ok(person) => (!self.admits(person.as_ref())).then(|| {
                "it is about another person than the chart's; allow it explicitly if that is meant"
                    .to_owned()
            }),
            Err(error) => Some(error.to_string()),
        }
    }

    fn admits(&mut self, person: Option<&Person>) -> bool {
        let Some(person) = person.filter(|p| !p.is_nameless()) else {
            return true;
        };
        let likeness: Vec<Likeness> = self.persons.iter().map(|p| p.compare(person)).collect();
        let same = likeness.contains(&Likeness::Same);
        if !same && !self.options.other_person && likeness.contains(&Likeness::Different) {
            return false;
        }
        if !same && !self.options.other_person {
            self.persons.push(person.clone());
        }
        true
    }

    async fn resource(
        &mut self,
        file: &str,
        at: &str,
        path: &str,
        full_url: Option<&str>,
        resource: &Resource<'_>,
    ) -> Result<(), ClientError> {
        self.report.resources += 1;
        let issues = check_resource(resource);
        let faulty = issues.iter().any(carechain_fhir::Issue::is_error);
        if faulty && !self.options.lenient {
            let (place, message) = message_of(resource.resource_type(), path, &issues);
            self.reject(file, &above(at, &place), &message);
            return Ok(());
        }
        let item = Item {
            file,
            path: above(at, path),
            media_type: FHIR_JSON,
            resource_type: Some(resource.resource_type()),
            id: resource.id(),
            full_url,
            date: when(resource),
            category: classify(resource),
            title: None,
            outcome: faulty.then(|| operation_outcome(&issues)),
            content: resource.bytes(),
        };
        self.store(item).await
    }

    /// What cannot be read is rejected, or in lenient mode kept as it is.
    async fn unreadable(
        &mut self,
        file: &str,
        at: &str,
        bytes: &[u8],
        error: &FhirError,
    ) -> Result<(), ClientError> {
        self.report.resources += 1;
        if !self.options.lenient || bytes.is_empty() {
            self.reject(file, at, &error.to_string());
            return Ok(());
        }
        let title = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let item = Item {
            file,
            path: at.to_owned(),
            media_type: FHIR_JSON,
            resource_type: None,
            id: None,
            full_url: None,
            date: None,
            category: Category::Other,
            title: (!title.is_empty()).then_some(title),
            outcome: Some(operation_outcome(&[unreadable(error)])),
            content: bytes,
        };
        self.store(item).await
    }

    fn reject(&mut self, file: &str, path: &str, message: &str) {
        if self.report.rejected.len() < MAX_REJECTED {
            self.report.rejected.push(Rejected {
                file: file.to_owned(),
                path: path.to_owned(),
                message: message.to_owned(),
            });
        }
    }

    /// Anchors the batch before while the next one is uploaded and staged.
    async fn flush(&mut self) -> Result<(), ClientError> {
        let batch = core::mem::take(&mut self.batch);
        let subject = self.writer.access.subject;
        let staged = self.staged.take();
        let anchor = async {
            match staged {
                Some(entry) => self.device.anchor(entry).await.map(Some),
                None => Ok(None),
            }
        };
        let prepare = async {
            if batch.is_empty() {
                return Ok(None);
            }
            self.device.prepare(subject, batch).await.map(Some)
        };
        let (written, prepared) = futures::future::join(anchor, prepare).await;
        if let Some(written) = written? {
            self.count(&written);
        }
        self.staged = prepared?;
        Ok(())
    }

    fn count(&mut self, written: &Written) {
        for key in &written.rows {
            if self.origins.remove(key).is_some() {
                self.report.stored += 1;
            }
        }
        for record in &written.conflicts {
            let lost: Vec<_> = self
                .origins
                .keys()
                .filter(|(r, _)| r == record)
                .copied()
                .collect();
            for key in lost {
                if let Some((file, path)) = self.origins.remove(&key) {
                    let why = ClientError::Conflict { record: *record }.to_string();
                    self.reject(&file, &path, &why);
                }
            }
        }
    }

    /// Finishes: returns once everything is on chain.
    pub async fn finish(mut self) -> Result<ImportReport, ClientError> {
        self.flush().await?;
        self.flush().await?;
        Ok(self.report)
    }
}

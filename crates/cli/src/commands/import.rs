//! `import` and `attach`: from files to records.

mod sources;

use std::path::Path;

use carechain_client::{ImportOptions, Importer, NewRecord, Rejected};
use carechain_domain::{Category, RecordId};
use serde_json::json;

use crate::args::{AttachArgs, ImportArgs};
use crate::commands::records;
use crate::context::Context;
use crate::error::CliError;
use crate::files;
use crate::ids::short;
use crate::output::plain;
use crate::platform::Terminal;
use sources::{Format, Source};

/// Rejected resources that are listed for people; `--json` has all.
const LISTED_REJECTIONS: usize = 50;

pub(super) async fn import(ctx: &Context, args: &ImportArgs) -> Result<(), CliError> {
    let found = sources::find(&args.paths)?;
    if found.skipped > 0 {
        ctx.out.remark(&format!(
            "{} files are no .json or .ndjson and were left alone",
            found.skipped
        ));
    }
    let opened = ctx.device().await?;
    let options = ImportOptions {
        source: args.source.clone(),
        lenient: args.lenient,
        other_person: args.other_person,
    };
    let bar = ctx.out.progress(found.size_bytes(), "importing");
    let mut importer = opened
        .device
        .importer(opened.subject_or_own(args.patient), options)
        .await?;
    let mut unreadable = Vec::new();
    for source in &found.sources {
        if let Some(rejected) = take(&mut importer, source).await? {
            unreadable.push(rejected);
        }
        bar.inc(source.size_bytes);
    }
    let mut report = importer.finish().await?;
    bar.finish_and_clear();
    report.resources += unreadable.len() as u64;
    report.rejected.extend(unreadable);
    ctx.out.result(&report, || {
        let listed = report.rejected.iter().take(LISTED_REJECTIONS);
        let rows = listed.map(|r| {
            format!(
                "rejected {} {}: {}\n",
                plain(&r.file),
                plain(&r.path),
                plain(&r.message)
            )
        });
        let more = report.rejected.len().saturating_sub(LISTED_REJECTIONS);
        let more = if more > 0 {
            format!("and {more} more; --json lists all\n")
        } else {
            String::new()
        };
        format!(
            "{}{more}{} resources: {} stored, {} unchanged, {} rejected",
            rows.collect::<String>(),
            report.resources,
            report.stored,
            report.unchanged,
            report.rejected.len()
        )
    })?;
    if report.rejected.is_empty() {
        Ok(())
    } else {
        Err(CliError::Rejected(report.rejected.len()))
    }
}

/// Gives a file to the importer; a file that cannot be read is rejected, the others go on.
async fn take(
    importer: &mut Importer<'_, Terminal>,
    source: &Source,
) -> Result<Option<Rejected>, CliError> {
    let name = source.path.display().to_string();
    let bytes = match sources::read(source) {
        Ok(bytes) => bytes,
        Err(message) => {
            return Ok(Some(Rejected {
                file: name,
                path: String::new(),
                message,
            }));
        }
    };
    match source.format {
        Format::Json => importer.document(&name, &bytes).await?,
        Format::Ndjson => importer.ndjson(&name, &bytes).await?,
    }
    Ok(None)
}

/// Media type of FHIR resources.
const FHIR_JSON: &str = "application/fhir+json";

pub(super) async fn attach(ctx: &Context, args: &AttachArgs) -> Result<(), CliError> {
    let bytes = files::read_existing(&args.file, carechain_client::MAX_CONTENT_BYTES as u64)?;
    let name = args
        .file
        .file_name()
        .unwrap_or(args.file.as_os_str())
        .to_string_lossy()
        .into_owned();
    let media_type = args
        .media_type
        .clone()
        .unwrap_or_else(|| guess(&name, &bytes).to_owned());
    if media_type != FHIR_JSON && args.category.is_none() {
        let names: Vec<&str> = Category::ALL.iter().map(|c| c.as_str()).collect();
        return Err(CliError::usage(
            "--category",
            format!("say where it belongs: {}", names.join(", ")),
        ));
    }
    let opened = ctx.device().await?;
    let subject = opened.subject_or_own(args.patient);
    let amends = match &args.amends {
        Some(prefix) => Some(records::resolve(&opened, subject, prefix).await?),
        None => None,
    };
    let title = args.title.as_deref().unwrap_or(&name);
    let added = opened
        .device
        .add(&NewRecord {
            subject,
            media_type: &media_type,
            bytes: &bytes,
            category: args.category,
            title: (media_type != FHIR_JSON).then_some(title),
            amends: amends.map(RecordId),
        })
        .await?;
    let object = json!({
        "record": added.record,
        "version": added.version,
        "category": added.category,
        "media_type": media_type,
        "block": added.block,
        "stored": added.block.is_some(),
    });
    ctx.out.result(&object, || {
        let done = if added.block.is_some() {
            "stored"
        } else {
            "there already"
        };
        format!(
            "{done}: {} version {}, {}",
            short(added.record.0),
            added.version,
            added.category
        )
    })
}

fn guess(name: &str, bytes: &[u8]) -> &'static str {
    let media_type = media_type_of(name);
    if media_type == "application/json" && carechain_fhir::Resource::parse(bytes).is_ok() {
        FHIR_JSON
    } else {
        media_type
    }
}

/// The media type that a file's ending stands for.
pub(crate) fn media_type_of(name: &str) -> &'static str {
    const TYPES: [(&str, &str); 18] = [
        ("pdf", "application/pdf"),
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("svg", "image/svg+xml"),
        ("tif", "image/tiff"),
        ("tiff", "image/tiff"),
        ("dcm", "application/dicom"),
        ("txt", "text/plain"),
        ("md", "text/markdown"),
        ("csv", "text/csv"),
        ("xml", "application/xml"),
        ("json", "application/json"),
        ("mp3", "audio/mpeg"),
        ("mp4", "video/mp4"),
        ("zip", "application/zip"),
    ];
    let ending = Path::new(name)
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    TYPES
        .iter()
        .find(|(known, _)| *known == ending)
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_name_media_types_and_resources_are_recognised() {
        assert_eq!(media_type_of("a.PDF"), "application/pdf");
        assert_eq!(media_type_of("noending"), "application/octet-stream");
        assert_eq!(guess("a.json", br#"{"resourceType":"Patient"}"#), FHIR_JSON);
        assert_eq!(guess("a.json", b"[1]"), "application/json");
    }
}

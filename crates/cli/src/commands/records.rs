//! `records`, `get`, `view`, `verify`.

use alloy_primitives::B256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carechain_client::{Chart, ChartQuery, ChartRow, Fault, RowState};
use carechain_domain::{Category, RecordId, SubjectId};
use carechain_fhir::{Document, Resource, read_document};
use serde::Serialize;
use serde_json::json;

use crate::args::{GetArgs, RecordsArgs, VerifyArgs, ViewArgs};
use crate::commands::lie_name;
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::files;
use crate::ids::{IdPrefix, short};
use crate::output::{Table, plain};

/// A row of `records`.
#[derive(Debug, Serialize)]
struct RecordRow<'a> {
    record: RecordId,
    version: u32,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    category: Option<Category>,
    date: Option<&'a str>,
    author: SubjectId,
    cid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amends: Option<RecordId>,
    /// Why it cannot be opened, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// What it is about, for people.
    #[serde(skip)]
    about: String,
}

impl<'a> RecordRow<'a> {
    fn of(row: &'a ChartRow) -> Self {
        RecordRow {
            record: row.record,
            version: row.version,
            kind: row.kind(),
            category: row.category,
            date: row.date(),
            author: row.author,
            cid: row.cid.as_deref(),
            title: row.statement().and_then(|s| s.title.as_deref()),
            amends: row.amends,
            state: match &row.state {
                RowState::Open => None,
                RowState::Erased => Some("erased".to_owned()),
                RowState::Waiting => Some("waiting".to_owned()),
                RowState::Faulty(lie) => Some(lie_name(lie)),
            },
            about: about(row),
        }
    }
}

/// Title and most important fact of a resource, or the title of an attachment.
fn about(row: &ChartRow) -> String {
    let Some(Ok(resource)) = row.content.as_deref().map(Resource::parse) else {
        let title = row.statement().and_then(|s| s.title.as_deref());
        return title.or(row.kind()).unwrap_or_default().to_owned();
    };
    let view = carechain_fhir::view(&resource);
    match view.subtitle {
        Some(subtitle) => format!("{}: {subtitle}", view.title),
        None => view.title,
    }
}

pub(super) async fn list(ctx: &Context, args: &RecordsArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let subject = opened.subject_or_own(args.patient);
    let query = ChartQuery {
        categories: (!args.categories.is_empty()).then(|| args.categories.clone()),
        // A table says what each entry is about; rows for programs do not.
        contents: !ctx.out.is_json(),
        ..ChartQuery::default()
    };
    let chart = opened.device.chart(subject, &query).await?;
    let wanted = |row: &&ChartRow| {
        (args.all_versions || row.latest)
            && args
                .kind
                .as_deref()
                .is_none_or(|kind| row.kind() == Some(kind))
    };
    let mut rows: Vec<RecordRow<'_>> = chart
        .rows
        .iter()
        .filter(wanted)
        .map(RecordRow::of)
        .collect();
    // Newest first; what has no date comes last.
    rows.sort_by(|a, b| b.date.cmp(&a.date));
    let own = opened.device.subject();
    ctx.out
        .rows(&rows, |rows| table(rows, subject, own), "nothing is listed")?;
    if !ctx.out.is_json() {
        let whose = chart
            .name
            .as_ref()
            .map_or_else(String::new, |name| format!(" of {}", plain(name)));
        ctx.out.remark(&format!(
            "{} entries{whose}; the list is proven complete at block {}",
            rows.len(),
            chart.head.number
        ));
    }
    match chart.faults().count() {
        0 => Ok(()),
        1 => Err(CliError::Faults("1 fault".to_owned())),
        n => Err(CliError::Faults(format!("{n} faults"))),
    }
}

/// The day of a FHIR date or moment.
fn day(date: &str) -> &str {
    date.split('T').next().unwrap_or(date)
}

fn table(rows: &[RecordRow<'_>], subject: SubjectId, own: SubjectId) -> Table {
    let heads = ["record", "version", "date", "category", "what", "author"];
    rows.iter().fold(Table::new(heads), |table, row| {
        let author = if row.author == own {
            "you".to_owned()
        } else if row.author == subject {
            "the patient".to_owned()
        } else {
            short(row.author.0)
        };
        let about = row.state.clone().unwrap_or_else(|| row.about.clone());
        table.row([
            short(row.record.0),
            row.version.to_string(),
            row.date.map_or("", day).to_owned(),
            row.category.map_or_else(String::new, |c| c.to_string()),
            about,
            author,
        ])
    })
}

/// The record that a prefix names.
pub(super) async fn resolve(
    opened: &Opened,
    subject: SubjectId,
    prefix: &IdPrefix,
) -> Result<B256, CliError> {
    if let Some(id) = prefix.whole() {
        return Ok(id);
    }
    let query = ChartQuery {
        statements: false,
        ..ChartQuery::default()
    };
    let chart: Chart = opened.device.chart(subject, &query).await?;
    prefix.pick("record", chart.current().map(|row| row.record.0))
}

pub(super) async fn get(ctx: &Context, args: &GetArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let subject = opened.subject_or_own(args.patient);
    let record = RecordId(resolve(&opened, subject, &args.record).await?);
    let content = opened.device.get(subject, record).await?;
    let media_type = &content.statement.media_type;
    if let Some(path) = &args.output {
        files::write_durable(path, &content.bytes).map_err(CliError::file("writing", path))?;
        let object = json!({
            "record": content.record,
            "version": content.version,
            "media_type": media_type,
            "size_bytes": content.bytes.len(),
            "file": path,
        });
        if ctx.out.is_json() {
            return ctx.out.object(&object);
        }
        ctx.out.remark(&format!(
            "{} bytes of {media_type} in {}",
            content.bytes.len(),
            path.display()
        ));
        return Ok(());
    }
    if ctx.out.is_json() {
        return ctx.out.object(&json!({
            "record": content.record,
            "version": content.version,
            "media_type": media_type,
            "base64": STANDARD.encode(&content.bytes),
        }));
    }
    ctx.out.bytes(&content.bytes)
}

pub(super) async fn view(ctx: &Context, args: &ViewArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let subject = opened.subject_or_own(args.patient);
    let record = RecordId(resolve(&opened, subject, &args.record).await?);
    let content = opened.device.get(subject, record).await?;
    let author = content.author;
    let Ok(Document::Resource(resource)) = read_document(&content.bytes) else {
        let (title, media_type) = (
            content.statement.title.as_deref(),
            &content.statement.media_type,
        );
        let object = json!({
            "record": record, "version": content.version, "author": author, "media_type": media_type,
            "title": title, "size_bytes": content.bytes.len(),
        });
        return ctx.out.result(&object, || {
            let title = plain(title.unwrap_or("without a title"));
            format!(
                "{title}\n{} bytes of {media_type}; write them to a file with get -o",
                content.bytes.len()
            )
        });
    };
    let view = carechain_fhir::view(&resource);
    let object =
        json!({ "record": record, "version": content.version, "author": author, "view": view });
    ctx.out.result(&object, || {
        let mut text = plain(&view.title);
        for more in [&view.subtitle, &view.date].into_iter().flatten() {
            text.push_str(&format!("  {}", plain(more)));
        }
        for section in &view.sections {
            if let Some(heading) = &section.heading {
                text.push_str(&format!("\n\n{}", plain(heading)));
            }
            for row in &section.rows {
                let value = row
                    .value
                    .lines()
                    .map(plain)
                    .collect::<Vec<_>>()
                    .join("\n                        ");
                text.push_str(&format!("\n  {:<20}  {value}", plain(&row.label)));
            }
        }
        if let Some(narrative) = &view.narrative {
            text.push_str("\n\n");
            text.push_str(&narrative.lines().map(plain).collect::<Vec<_>>().join("\n"));
        }
        let author = if author == opened.device.subject() {
            "you".to_owned()
        } else {
            author.to_string()
        };
        format!("{text}\n\nversion {}, written by {author}", content.version)
    })
}

/// A fault that `verify` prints.
#[derive(Debug, Serialize)]
struct FaultRow {
    record: Option<RecordId>,
    version: Option<u32>,
    fault: String,
    message: String,
}

impl FaultRow {
    fn of(fault: &Fault) -> Self {
        FaultRow {
            record: fault.record,
            version: fault.version,
            fault: lie_name(&fault.lie),
            message: fault.lie.to_string(),
        }
    }
}

pub(super) async fn verify(ctx: &Context, args: &VerifyArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let subject = opened.subject_or_own(args.patient);
    let record = match &args.record {
        Some(prefix) => Some(RecordId(resolve(&opened, subject, prefix).await?)),
        None => None,
    };
    let found = opened.device.verify(subject, record).await?;
    for fault in &found.faults {
        let row = FaultRow::of(fault);
        ctx.out
            .result(&row, || format!("{}: {}", row.fault, plain(&row.message)))?;
    }
    let object = json!({
        "versions": found.versions,
        "good": found.good,
        "erased": found.erased,
        "waiting": found.waiting,
        "complete": found.complete,
        "faults": found.faults.len(),
    });
    ctx.out.result(&object, || {
        let list = if found.complete {
            "the list is complete"
        } else {
            "the list is NOT complete"
        };
        let mut rest = String::new();
        for (n, what) in [
            (found.erased, "erased"),
            (found.waiting, "waiting for the patient's device"),
        ] {
            if n > 0 {
                rest.push_str(&format!(", {n} {what}"));
            }
        }
        format!(
            "{} versions: {} good{rest}, {} faults; {list}",
            found.versions,
            found.good,
            found.faults.len()
        )
    })?;
    if found.is_clean() {
        return Ok(());
    }
    let n = found.faults.len();
    Err(CliError::Faults(if n == 1 {
        "1 fault".to_owned()
    } else {
        format!("{n} faults")
    }))
}

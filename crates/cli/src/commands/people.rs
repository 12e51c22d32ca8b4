//! `register`, `profile`, `apply`, `directory`.

use std::path::Path;

use alloy_primitives::B256;
use carechain_api::DirectoryQuery;
use carechain_client::{ApplicationDocument, Person, Registration};
use carechain_domain::{Kind, Status, SubjectId};
use serde::Serialize;
use serde_json::json;

use crate::args::{ApplyArgs, DirectoryArgs, ProfileArgs, RegisterArgs};
use crate::commands::media_type_of;
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::files;
use crate::output::{Table, plain};
use crate::profile::Profile;
use crate::secrets;

/// Bytes of one document of an application.
const DOCUMENT_MAX_BYTES: u64 = 16 << 20;

/// A row of the directory.
#[derive(Debug, Serialize)]
pub(super) struct PersonRow {
    subject: SubjectId,
    kind: Kind,
    status: Status,
    name: Option<String>,
    profile: Profile,
}

impl PersonRow {
    pub(super) fn of(person: &Person) -> PersonRow {
        let profile = Profile::read(person.profile.as_deref().unwrap_or_default().as_bytes());
        PersonRow {
            subject: person.subject,
            kind: person.fact.kind,
            status: person.fact.status,
            name: profile.name.clone(),
            profile,
        }
    }

    pub(super) fn table(rows: &[PersonRow]) -> Table {
        let heads = [
            "name",
            "kind",
            "status",
            "speciality",
            "languages",
            "place",
            "subject",
        ];
        rows.iter().fold(Table::new(heads), |table, row| {
            let text = |t: &Option<String>| t.clone().unwrap_or_default();
            table.row([
                text(&row.name),
                row.kind.to_string(),
                row.status.to_string(),
                text(&row.profile.speciality),
                row.profile.languages.join(" "),
                text(&row.profile.place),
                row.subject.to_string(),
            ])
        })
    }
}

pub(super) async fn register(ctx: &Context, args: &RegisterArgs) -> Result<(), CliError> {
    let invitation = args
        .invitation_file
        .as_deref()
        .map(secrets::invitation)
        .transpose()?;
    let profile = Profile::default().with(&args.profile);
    let profile = if profile.is_empty() {
        None
    } else {
        Some(profile.to_bytes()?)
    };
    let how = Registration {
        invitation: invitation.map(|code| code.to_string()),
        claim: None,
        profile,
    };
    register_as(ctx, args.kind, &how).await
}

/// Registers the keys for `kind` and prints who they are.
pub(super) async fn register_as(
    ctx: &Context,
    kind: Kind,
    how: &Registration,
) -> Result<(), CliError> {
    let mut opened = ctx.device_as_it_is().await?;
    enter(ctx, &mut opened, kind, how).await?;
    let device = &opened.device;
    let status = device.standing().await?.fact.status;
    let object = json!({
        "subject": device.subject(),
        "address": device.address(),
        "kind": kind,
        "status": status,
    });
    ctx.out.result(&object, || {
        let next = match (kind, status) {
            (Kind::Patient, _) => "\nNext: carechain import PATH",
            (Kind::Doctor | Kind::Pharmacy | Kind::Organisation, Status::Pending) => {
                "\nNext: carechain apply FILE… with the documents that show what you may do"
            }
            _ => "",
        };
        format!("{kind} {}, {status}{next}", device.subject())
    })
}

/// Registers the keys of an open device and writes the keyset file anew, without the root key.
pub(crate) async fn enter(
    ctx: &Context,
    opened: &mut Opened,
    kind: Kind,
    how: &Registration,
) -> Result<(), CliError> {
    let path = ctx.keyset_path()?;
    let write =
        |bytes: &[u8]| files::write_durable(&path, bytes).map_err(CliError::file("writing", &path));
    if opened.device.is_unregistered() && opened.device.kind() != kind {
        write(&opened.device.set_kind(kind)?)?;
    }
    if opened.device.kind() != kind {
        return Err(CliError::usage(
            "KIND",
            format!("these keys are a {}'s", opened.device.kind()),
        ));
    }
    write(&opened.device.register(how).await?)
}

pub(super) async fn profile(ctx: &Context, args: &ProfileArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let own = opened.device.subject();
    if !args.change.is_empty() {
        if args.subject.is_some_and(|s| s != own) {
            return Err(CliError::usage(
                "SUBJECT",
                "only your own profile can be changed",
            ));
        }
        let before = PersonRow::of(&opened.device.person(own).await?).profile;
        let bytes = before.with(&args.change).to_bytes()?;
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        opened.device.publish_profile(&text).await?;
    }
    let row = PersonRow::of(&opened.device.person(args.subject.unwrap_or(own)).await?);
    ctx.out.result(&row, || {
        let lines = [
            ("subject", Some(row.subject.to_string())),
            ("kind", Some(row.kind.to_string())),
            ("status", Some(row.status.to_string())),
            ("name", row.name.clone()),
            ("speciality", row.profile.speciality.clone()),
            (
                "languages",
                (!row.profile.languages.is_empty()).then(|| row.profile.languages.join(" ")),
            ),
            ("place", row.profile.place.clone()),
            ("about", row.profile.about.clone()),
        ];
        let given = lines
            .iter()
            .filter_map(|(head, text)| Some(format!("{head:<11}{}", plain(text.as_ref()?))));
        given.collect::<Vec<_>>().join("\n")
    })
}

pub(super) async fn apply(ctx: &Context, args: &ApplyArgs) -> Result<(), CliError> {
    let documents = args
        .files
        .iter()
        .map(|path| document(path))
        .collect::<Result<Vec<_>, _>>()?;
    let opened = ctx.device().await?;
    let count = documents.len();
    opened.device.apply(documents).await?;
    let person = opened.device.standing().await?;
    let object = json!({
        "subject": person.subject,
        "status": person.fact.status,
        "credential_hash": person.fact.credential_hash,
        "documents": count,
    });
    ctx.out.result(&object, || {
        format!(
            "{count} documents handed in, sealed to the administrators; {} until they have decided",
            person.fact.status
        )
    })
}

fn document(path: &Path) -> Result<ApplicationDocument, CliError> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let bytes = files::read_existing(path, DOCUMENT_MAX_BYTES)?;
    Ok(ApplicationDocument {
        media_type: media_type_of(&name).to_owned(),
        name,
        bytes,
    })
}

pub(super) async fn directory(ctx: &Context, args: &DirectoryArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let query = DirectoryQuery {
        kind: args.kind,
        text: args.text.clone(),
        speciality: args.speciality.clone(),
        language: args.language.clone(),
        ..DirectoryQuery::default()
    };
    let rows = find(&opened, query).await?;
    ctx.out.rows(&rows, PersonRow::table, "nobody fits")
}

/// Every row of a query.
pub(super) async fn find(
    opened: &Opened,
    mut query: DirectoryQuery,
) -> Result<Vec<PersonRow>, CliError> {
    let mut rows: Vec<PersonRow> = Vec::new();
    loop {
        let page = opened.device.directory(&query).await?;
        rows.extend(page.rows.iter().map(PersonRow::of));
        let last = query.after.map_or(B256::ZERO, |s| s.0);
        match page.next {
            // Pages must move on: a node that repeats itself would keep us here for ever.
            Some(next) if next.0 > last => query.after = Some(next),
            _ => return Ok(rows),
        }
    }
}

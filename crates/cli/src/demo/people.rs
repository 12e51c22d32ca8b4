//! The steps of the demo people, each of which may have been done before.

use std::path::Path;

use carechain_client::{
    ApplicationDocument, ChartQuery, Device, ImportOptions, NewGrant, NewKeys, PasswordCost,
    Registration, create_keys,
};
use carechain_domain::{Category, Decision, Kind, Purpose, Status};
use serde::{Deserialize, Serialize};

use super::{DemoPerson, FILE_MAX_BYTES, PEOPLE_FILE, People, chart};
use crate::args::{Global, ProfileFields};
use crate::commands;
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::files;
use crate::moment::utc_date;
use crate::output::Output;
use crate::platform::Terminal;
use crate::profile::Profile;
use crate::secrets;

/// What the doctor may read.
const READ: [Category; 9] = [
    Category::EmergencySummary,
    Category::Vitals,
    Category::Medications,
    Category::Allergies,
    Category::Conditions,
    Category::Immunizations,
    Category::Laboratory,
    Category::Visits,
    Category::Notes,
];
/// How long the doctor may, in seconds: a year.
const GRANT_SECS: u64 = 365 * 86_400;
/// File with what must not change between two attempts.
const PLAN_FILE: &str = "plan.json";

/// `plan.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    /// The day on which the chart ends.
    date: String,
}

/// Makes the demo people in `dir`: the hidden command that `node --demo` runs.
pub(crate) async fn people(ctx: &Context, dir: &Path) -> Result<(), CliError> {
    let out = ctx.out;
    files::make_dir(dir).map_err(CliError::file("making", dir))?;
    let administrator = join(ctx, dir, Kind::Administrator, &administrator_profile()).await?;
    out.remark("  administrator claimed the node");
    let doctor = join(ctx, dir, Kind::Doctor, &doctor_profile()).await?;
    approve(&doctor.device, &administrator.device).await?;
    out.remark("  doctor applied and was approved");
    let patient = join(ctx, dir, Kind::Patient, &ProfileFields::default()).await?;
    let date = date(dir, &patient)?;
    let name = fill(&patient.device, &date, out).await?;
    grant(&patient, doctor.device.subject(), &name).await?;
    consult(&patient.device, &doctor.device, &date).await?;
    out.remark("  doctor was given access, read, and wrote a note");
    let person = |name: &str, opened: &Opened| DemoPerson {
        name: name.to_owned(),
        subject: opened.device.subject().to_string(),
    };
    let all = People {
        patient: person(&name, &patient),
        doctor: person(&doctor_profile().name.unwrap_or_default(), &doctor),
        administrator: person(
            &administrator_profile().name.unwrap_or_default(),
            &administrator,
        ),
    };
    let path = dir.join(PEOPLE_FILE);
    let bytes = serde_json::to_vec_pretty(&all).expect("names and ids are texts");
    files::write_durable(&path, &bytes).map_err(CliError::file("writing", &path))
}

fn administrator_profile() -> ProfileFields {
    ProfileFields {
        name: Some("Noor Haddad".to_owned()),
        ..ProfileFields::default()
    }
}

fn doctor_profile() -> ProfileFields {
    ProfileFields {
        name: Some("Dr Asha Rao".to_owned()),
        speciality: Some("diabetology".to_owned()),
        languages: vec!["en".to_owned(), "mr".to_owned()],
        place: Some("Pune".to_owned()),
        about: Some("A demo doctor: nobody of this name treats anybody here.".to_owned()),
    }
}

/// Keys that are there and registered, made as far as they are not.
async fn join(
    ctx: &Context,
    dir: &Path,
    kind: Kind,
    profile: &ProfileFields,
) -> Result<Opened, CliError> {
    let path = dir.join(format!("{kind}.keyset"));
    let global = Global {
        keyset: Some(path.clone()),
        ..ctx.global.clone()
    };
    let ctx = Context::new(global, ctx.out);
    if ctx.vacant_keyset_path().is_ok() {
        let password = secrets::password(&ctx.global)?;
        let new = NewKeys {
            kind,
            index: 0,
            words: None,
            password: &password,
            cost: PasswordCost::DEFAULT,
        };
        let keys = create_keys(ctx.terminal(&path)?, new).await?;
        files::write_durable(&path, &keys.keyset).map_err(CliError::file("writing", &path))?;
    }
    let mut opened = ctx.device_as_it_is().await?;
    if opened.device.is_unregistered() {
        let claim = match kind {
            Kind::Administrator => Some(secrets::claim_code(None).map_err(|_| {
                CliError::Demo(
                    "somebody else administers this node; use another --data for a demo".to_owned(),
                )
            })?),
            Kind::Patient | Kind::Doctor | Kind::Pharmacy | Kind::Organisation => None,
        };
        let profile = Profile::default().with(profile);
        let how = Registration {
            invitation: None,
            claim: claim.map(|code| code.to_string()),
            profile: if profile.is_empty() {
                None
            } else {
                Some(profile.to_bytes()?)
            },
        };
        commands::enter(&ctx, &mut opened, kind, &how).await?;
    }
    opened.device.resume().await?;
    Ok(opened)
}

async fn approve(
    doctor: &Device<Terminal>,
    administrator: &Device<Terminal>,
) -> Result<(), CliError> {
    let standing = doctor.standing().await?.fact;
    if standing.status != Status::Pending {
        return Ok(());
    }
    if standing.credential_hash.is_zero() {
        let licence = ApplicationDocument {
            name: "licence.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            bytes: b"Licence of a demo doctor. It licenses nobody to anything.\n".to_vec(),
        };
        doctor.apply(vec![licence]).await?;
    }
    administrator.open_application(doctor.subject()).await?;
    administrator
        .vote(doctor.subject(), Decision::Approve, None)
        .await?;
    Ok(())
}

/// The day on which the chart ends: today at the first attempt, the same ever after.
fn date(dir: &Path, opened: &Opened) -> Result<String, CliError> {
    let path = dir.join(PLAN_FILE);
    if let Some(bytes) = files::read(&path, FILE_MAX_BYTES)?
        && let Ok(plan) = serde_json::from_slice::<Plan>(&bytes)
    {
        return Ok(plan.date);
    }
    let plan = Plan {
        date: utc_date(carechain_client::Platform::now_secs(
            opened.device.platform(),
        )),
    };
    let bytes = serde_json::to_vec(&plan).expect("a date is a text");
    files::write_durable(&path, &bytes).map_err(CliError::file("writing", &path))?;
    Ok(plan.date)
}

/// Imports the generated chart; gives the patient's name.
async fn fill(patient: &Device<Terminal>, date: &str, out: Output) -> Result<String, CliError> {
    let person = chart::patient(date).map_err(|e| CliError::Demo(e.to_string()))?;
    let mut importer = patient
        .importer(patient.subject(), ImportOptions::default())
        .await?;
    importer.document("demo chart", &person.bundle_json).await?;
    let report = importer.finish().await?;
    if let Some(first) = report.rejected.first() {
        return Err(CliError::Demo(format!(
            "the chart was rejected at {}: {}",
            first.path, first.message
        )));
    }
    out.remark(&format!(
        "  patient imported a chart of {} resources",
        report.resources
    ));
    Ok(person.name)
}

async fn grant(
    patient: &Opened,
    doctor: carechain_domain::SubjectId,
    name: &str,
) -> Result<(), CliError> {
    let access = patient.device.access_view().await?;
    if access.live.iter().any(|g| g.grant.grantee == doctor) {
        return Ok(());
    }
    let now = carechain_client::Platform::now_secs(patient.device.platform());
    let new = NewGrant {
        grantee: doctor,
        read: READ.to_vec(),
        write: vec![Category::Notes],
        purpose: Purpose::Treatment,
        not_after: now + GRANT_SECS,
        request: None,
        name: Some(name.to_owned()),
    };
    patient.device.grant(&new).await?;
    Ok(())
}

/// The doctor reads what was granted, which leaves a receipt, and writes a note.
async fn consult(
    patient: &Device<Terminal>,
    doctor: &Device<Terminal>,
    date: &str,
) -> Result<(), CliError> {
    let query = ChartQuery {
        categories: Some(vec![Category::Laboratory]),
        ..ChartQuery::default()
    };
    doctor.chart(patient.subject(), &query).await?;
    let mut importer = doctor
        .importer(patient.subject(), ImportOptions::default())
        .await?;
    importer.document("demo note", &chart::note(date)).await?;
    match importer.finish().await?.rejected.first() {
        Some(first) => Err(CliError::Demo(format!(
            "the note was rejected: {}",
            first.message
        ))),
        None => Ok(()),
    }
}

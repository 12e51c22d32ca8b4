//! `admin …`: claim a node, read applications, vote.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use carechain_api::DirectoryQuery;
use carechain_client::Registration;
use carechain_domain::{Decision, Kind, SubjectId};
use serde::Serialize;
use serde_json::json;

use crate::args::{AdminCommand, DecisionArgs};
use crate::commands::people::{self, PersonRow};
use crate::context::Context;
use crate::error::CliError;
use crate::files;
use crate::moment::utc;
use crate::output::Table;
use crate::profile::Profile;
use crate::secrets;

pub(super) async fn run(ctx: &Context, command: AdminCommand) -> Result<(), CliError> {
    match command {
        AdminCommand::Claim { code, profile } => {
            let code = secrets::claim_code(code)?;
            let profile = Profile::default().with(&profile);
            let profile = if profile.is_empty() {
                None
            } else {
                Some(profile.to_bytes()?)
            };
            let how = Registration {
                invitation: None,
                claim: Some(code.to_string()),
                profile,
            };
            people::register_as(ctx, Kind::Administrator, &how).await
        }
        AdminCommand::List { kind, status } => {
            let opened = ctx.device().await?;
            let query = DirectoryQuery {
                kind,
                status: Some(status),
                ..DirectoryQuery::default()
            };
            let rows = people::find(&opened, query).await?;
            ctx.out
                .rows(&rows, PersonRow::table, &format!("nobody is {status}"))
        }
        AdminCommand::Documents { subject, output } => documents(ctx, subject, &output).await,
        AdminCommand::Approve(args) => vote(ctx, Decision::Approve, &args).await,
        AdminCommand::Reject(args) => vote(ctx, Decision::Reject, &args).await,
        AdminCommand::Suspend(args) => vote(ctx, Decision::Suspend, &args).await,
        AdminCommand::Reinstate(args) => vote(ctx, Decision::Reinstate, &args).await,
        AdminCommand::Invite { kind } => {
            let opened = ctx.device().await?;
            let invitation = opened.device.invite(kind, None).await?;
            ctx.out.result(&invitation, || {
                format!(
                    "{}  for one {kind}, until {}",
                    invitation.code,
                    utc(invitation.expiry)
                )
            })
        }
        AdminCommand::Threshold { votes } => {
            let opened = ctx.device().await?;
            opened.device.vote_threshold(votes).await?;
            let (threshold, administrators) = opened.device.electorate().await?;
            let object = json!({ "threshold": threshold, "administrators": administrators });
            ctx.out.result(&object, || {
                format!("a decision needs {threshold} of {administrators} administrators")
            })
        }
    }
}

async fn vote(ctx: &Context, decision: Decision, args: &DecisionArgs) -> Result<(), CliError> {
    let needs_reason = matches!(decision, Decision::Reject | Decision::Suspend);
    if needs_reason && args.reason.is_none() {
        return Err(CliError::usage(
            "--reason",
            format!("to {decision} needs one"),
        ));
    }
    let opened = ctx.device().await?;
    let status = opened
        .device
        .vote(args.subject, decision, args.reason)
        .await?;
    let object = json!({ "subject": args.subject, "decision": decision, "status": status });
    ctx.out.result(&object, || {
        format!("voted to {decision}; {} is {status}", args.subject)
    })
}

/// A document of an application, as it was written.
#[derive(Debug, Serialize)]
struct DocumentRow {
    name: String,
    media_type: String,
    size_bytes: usize,
    file: String,
}

async fn documents(ctx: &Context, applicant: SubjectId, dir: &Path) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let documents = opened.device.open_application(applicant).await?;
    files::make_dir(dir).map_err(CliError::file("making", dir))?;
    let mut rows = Vec::with_capacity(documents.len());
    for (n, document) in documents.iter().enumerate() {
        let path = dir.join(format!("{:02}-{}", n + 1, safe_name(&document.name)));
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(&document.bytes)
                    .and_then(|()| file.sync_all())
            })
            .map_err(CliError::file("writing", &path))?;
        rows.push(DocumentRow {
            name: document.name.clone(),
            media_type: document.media_type.clone(),
            size_bytes: document.bytes.len(),
            file: path.display().to_string(),
        });
    }
    let table = |rows: &[DocumentRow]| {
        rows.iter().fold(
            Table::new(["name", "type", "bytes", "file"]),
            |table, row| {
                table.row([
                    row.name.clone(),
                    row.media_type.clone(),
                    row.size_bytes.to_string(),
                    row.file.clone(),
                ])
            },
        )
    };
    ctx.out
        .rows(&rows, table, "the application has no documents")
}

/// Characters of a file's name that are kept.
const NAME_MAX_CHARS: usize = 80;

/// A name given by somebody else, as a file may be called: no folders, nothing hidden.
fn safe_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_. ".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(NAME_MAX_CHARS)
        .collect();
    clean.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::safe_name;

    #[test]
    fn a_strangers_name_stays_in_the_folder() {
        assert_eq!(safe_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(safe_name("licence 1.pdf"), "licence 1.pdf");
        assert_eq!(safe_name("a\u{1b}[2J"), "a__2J");
        assert_eq!(safe_name(".bashrc"), "bashrc");
    }
}

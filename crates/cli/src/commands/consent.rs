//! `request`, `requests`, `answer`, `grant`, `revoke`, `access`, `receipts`.

use std::collections::BTreeMap;

use carechain_client::{AccessRequest, ClientError, GrantView, NewGrant, ReceiptView, RequestView};
use carechain_domain::{
    Category, GrantId, GrantState, Kind, Purpose, RecordId, RequestId, SubjectId,
};
use serde::Serialize;
use serde_json::json;

use crate::args::{
    AccessArgs, Answer, AnswerArgs, CategoryOrAll, GrantArgs, ReceiptsArgs, RequestArgs,
    RequestsArgs, RevokeArgs,
};
use crate::commands::lie_name;
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::ids::{IdPrefix, short};
use crate::moment::utc;
use crate::output::{Table, plain};

/// Seconds since 1970, by this machine's clock.
fn now_secs(opened: &Opened) -> u64 {
    carechain_client::Platform::now_secs(opened.device.platform())
}

/// The name of a purpose; a number that has none is shown as it is.
fn purpose_name(number: u16) -> String {
    Purpose::try_from(number).map_or_else(|_| number.to_string(), |p| p.to_string())
}

fn names(categories: &[Category]) -> String {
    if categories.len() == Category::ALL.len() {
        return "all".to_owned();
    }
    categories
        .iter()
        .map(|c| c.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

/// A request for access.
#[derive(Debug, Serialize)]
struct RequestOut {
    request: RequestId,
    subject: SubjectId,
    requester: SubjectId,
    state: &'static str,
    purpose: String,
    expires: String,
    read: Option<Vec<Category>>,
    write: Option<Vec<Category>>,
    until: Option<String>,
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

impl RequestOut {
    fn of(view: &RequestView) -> Self {
        let asked = view.asked.as_ref();
        RequestOut {
            request: view.request,
            subject: view.fact.subject,
            requester: view.fact.requester,
            state: view.state,
            purpose: purpose_name(view.fact.purpose),
            expires: utc(view.fact.expiry),
            read: asked.map(|a| a.read.clone()),
            write: asked.map(|a| a.write.clone()),
            until: asked.map(|a| utc(a.until)),
            text: asked.map(|a| a.reason.clone()),
            fault: view.fault.as_ref().map(lie_name),
        }
    }

    fn table(rows: &[RequestOut]) -> Table {
        let heads = [
            "request", "state", "from", "to", "read", "write", "until", "text",
        ];
        rows.iter().fold(Table::new(heads), |table, row| {
            let list = |l: &Option<Vec<Category>>| l.as_deref().map_or_else(String::new, names);
            table.row([
                short(row.request.0),
                row.fault.clone().unwrap_or_else(|| row.state.to_owned()),
                short(row.requester.0),
                short(row.subject.0),
                list(&row.read),
                list(&row.write),
                row.until.clone().unwrap_or_default(),
                row.text.clone().unwrap_or_default(),
            ])
        })
    }
}

pub(super) async fn request(ctx: &Context, args: &RequestArgs) -> Result<(), CliError> {
    let (read, write) = (
        CategoryOrAll::flatten(&args.read),
        CategoryOrAll::flatten(&args.write),
    );
    if read.is_empty() && write.is_empty() {
        return Err(CliError::usage(
            "--read",
            "say what you want to read or --write",
        ));
    }
    let opened = ctx.device().await?;
    let now = now_secs(&opened);
    let ask = AccessRequest {
        subject: args.patient,
        read,
        write,
        purpose: args.purpose,
        reason: args.text.clone().unwrap_or_default(),
        until: args.until.secs(now),
        expiry: args.expires.secs(now),
    };
    let request = opened.device.request(&ask).await?;
    let object = json!({ "request": request, "subject": args.patient, "expires": utc(ask.expiry) });
    ctx.out.result(&object, || {
        format!("asked: {request}, to be answered until {}", utc(ask.expiry))
    })
}

/// Requests that concern the keys: to a patient, by anybody else.
async fn all_requests(opened: &Opened) -> Result<Vec<RequestView>, CliError> {
    Ok(match opened.device.kind() {
        Kind::Patient => opened.device.requests_received().await?,
        Kind::Doctor | Kind::Pharmacy | Kind::Organisation | Kind::Administrator => {
            opened.device.requests_made().await?
        }
    })
}

pub(super) async fn requests(ctx: &Context, args: &RequestsArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let views = all_requests(&opened).await?;
    let rows: Vec<RequestOut> = views
        .iter()
        .filter(|v| args.all || v.state == "open")
        .map(RequestOut::of)
        .collect();
    ctx.out.rows(
        &rows,
        RequestOut::table,
        "no request is open; --all lists the others",
    )
}

pub(super) async fn answer(ctx: &Context, args: &AnswerArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let request = match args.request.whole() {
        Some(id) => RequestId(id),
        None => {
            let views = all_requests(&opened).await?;
            RequestId(
                args.request
                    .pick("request", views.iter().map(|v| v.request.0))?,
            )
        }
    };
    let (state, grant) = match args.answer {
        Answer::Refuse => {
            opened.device.refuse(request).await?;
            ("refused", None)
        }
        Answer::Withdraw => {
            opened.device.withdraw(request).await?;
            ("withdrawn", None)
        }
        Answer::Accept => ("accepted", Some(accept(&opened, request, args).await?)),
    };
    ctx.out.result(
        &json!({ "request": request, "state": state, "grant": grant }),
        || match grant {
            Some(grant) => format!("{state}: grant {grant}"),
            None => state.to_owned(),
        },
    )
}

async fn accept(
    opened: &Opened,
    request: RequestId,
    args: &AnswerArgs,
) -> Result<GrantId, CliError> {
    let view = opened.device.request_received(request).await?;
    if let Some(lie) = view.fault {
        return Err(ClientError::from(lie).into());
    }
    let (mut read, mut write) = (
        CategoryOrAll::flatten(&args.read),
        CategoryOrAll::flatten(&args.write),
    );
    let mut until = args.until.map(|w| w.secs(now_secs(opened)));
    if read.is_empty() && write.is_empty() {
        let asked = view.asked.as_ref().ok_or_else(|| {
            CliError::usage(
                "--read",
                "what was asked is not readable here: say what you grant",
            )
        })?;
        (read, write) = (asked.read.clone(), asked.write.clone());
    }
    if until.is_none() {
        until = view.asked.as_ref().map(|a| a.until);
    }
    let not_after = until.ok_or_else(|| CliError::usage("--until", "say when it ends"))?;
    let purpose = Purpose::try_from(view.fact.purpose).unwrap_or_default();
    let new = NewGrant {
        grantee: view.fact.requester,
        read,
        write,
        purpose,
        not_after,
        request: Some(request),
        name: args.name.clone(),
    };
    Ok(opened.device.grant(&new).await?)
}

pub(super) async fn grant(ctx: &Context, args: &GrantArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let new = NewGrant {
        grantee: args.grantee,
        read: CategoryOrAll::flatten(&args.read),
        write: CategoryOrAll::flatten(&args.write),
        purpose: args.purpose,
        not_after: args.until.secs(now_secs(&opened)),
        request: None,
        name: args.name.clone(),
    };
    let grant = opened.device.grant(&new).await?;
    let object = json!({
        "grant": grant,
        "grantee": new.grantee,
        "read": new.read,
        "write": new.write,
        "purpose": new.purpose,
        "not_after": utc(new.not_after),
    });
    ctx.out.result(&object, || {
        let list = |what, categories: &[Category]| {
            if categories.is_empty() {
                String::new()
            } else {
                format!("\n  may {what}  {}", names(categories))
            }
        };
        format!(
            "granted until {}{}{}\n  to end it  carechain revoke {}",
            utc(new.not_after),
            list("read ", &new.read),
            list("write", &new.write),
            short(grant.0)
        )
    })
}

pub(super) async fn revoke(ctx: &Context, args: &RevokeArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let ids = grants_named(&opened, &args.grant).await?;
    for id in ids {
        let revoked = opened.device.revoke(id).await?;
        let object = json!({ "grant": revoked.grant, "block": revoked.block, "remaining": revoked.remaining });
        ctx.out.result(&object, || match revoked.block {
            Some(block) => format!(
                "revoked {} in block {block}: nothing more is released under it, and what is written from now on is \
                 under new keys ({} others got them)",
                short(revoked.grant.0),
                revoked.remaining
            ),
            None => format!("{} had ended already", short(revoked.grant.0)),
        })?;
    }
    Ok(())
}

/// The grant that was named, or every live grant to the grantee that was named.
async fn grants_named(opened: &Opened, named: &IdPrefix) -> Result<Vec<GrantId>, CliError> {
    let access = opened.device.access_view().await?;
    let to_grantee: Vec<GrantId> = access
        .live
        .iter()
        .filter(|g| named.matches(g.grant.grantee.0))
        .map(|g| g.grant.id)
        .collect();
    if !to_grantee.is_empty() {
        return Ok(to_grantee);
    }
    if let Some(id) = named.whole() {
        return Ok(vec![GrantId(id)]);
    }
    let all = access
        .live
        .iter()
        .chain(&access.ended)
        .map(|g| g.grant.id.0);
    Ok(vec![GrantId(named.pick("grant", all)?)])
}

/// A grant.
#[derive(Debug, Serialize)]
struct GrantOut {
    grant: GrantId,
    subject: SubjectId,
    grantee: SubjectId,
    state: GrantState,
    /// What may be read; not known of grants to oneself without opening them.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Vec<Category>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write: Option<Vec<Category>>,
    purpose: String,
    granted_at: String,
    not_after: String,
    has_keys: bool,
}

impl GrantOut {
    fn of(view: &GrantView, by_me: bool) -> Self {
        GrantOut {
            grant: view.grant.id,
            subject: view.grant.subject,
            grantee: view.grant.grantee,
            state: view.state,
            read: by_me.then(|| view.read.clone()),
            write: by_me.then(|| view.write.clone()),
            purpose: purpose_name(view.grant.purpose),
            granted_at: utc(view.grant.granted_at),
            not_after: utc(view.grant.not_after),
            has_keys: view.has_wrap,
        }
    }

    fn table(rows: &[GrantOut], by_me: bool) -> Table {
        let heads = [
            "grant",
            "state",
            if by_me { "grantee" } else { "patient" },
            "read",
            "write",
            "until",
        ];
        rows.iter().fold(Table::new(heads), |table, row| {
            let state = match row.state {
                GrantState::Live => "live",
                GrantState::Expired => "expired",
                GrantState::Revoked => "revoked",
            };
            let list = |l: &Option<Vec<Category>>| l.as_deref().map_or_else(String::new, names);
            table.row([
                short(row.grant.0),
                state.to_owned(),
                if by_me { row.grantee } else { row.subject }.to_string(),
                list(&row.read),
                list(&row.write),
                row.not_after.clone(),
            ])
        })
    }
}

pub(super) async fn access(ctx: &Context, args: &AccessArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let by_me = opened.device.kind() == Kind::Patient && !args.to_me;
    let views = if by_me {
        let access = opened.device.access_view().await?;
        access.live.into_iter().chain(access.ended).collect()
    } else {
        opened.device.grants_held().await?
    };
    let rows: Vec<GrantOut> = views
        .iter()
        .filter(|view| args.all || view.state == GrantState::Live)
        .map(|view| GrantOut::of(view, by_me))
        .collect();
    let none = if by_me {
        "nobody has access but you"
    } else {
        "nobody has given you access"
    };
    ctx.out
        .rows(&rows, |rows| GrantOut::table(rows, by_me), none)
}

/// A receipt.
#[derive(Debug, Serialize)]
struct ReceiptOut {
    number: u64,
    at: String,
    reader: SubjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    device: alloy_primitives::Address,
    purpose: String,
    /// Categories that were listed; empty where single records were opened.
    categories: Vec<Category>,
    records: Vec<ReceiptRecord>,
}

#[derive(Debug, Serialize)]
struct ReceiptRecord {
    record: RecordId,
    version: u32,
}

pub(super) async fn receipts(ctx: &Context, args: &ReceiptsArgs) -> Result<(), CliError> {
    let opened = ctx.device().await?;
    let receipts = opened.device.receipts().await?;
    let receipts: Vec<&ReceiptView> = receipts.iter().filter(|r| r.number > args.after).collect();
    let mut names_of: BTreeMap<SubjectId, Option<String>> = BTreeMap::new();
    for receipt in &receipts {
        if let std::collections::btree_map::Entry::Vacant(vacant) = names_of.entry(receipt.reader) {
            let person = opened.device.person(receipt.reader).await?;
            let profile = person.profile.unwrap_or_default();
            vacant.insert(crate::profile::Profile::read(profile.as_bytes()).name);
        }
    }
    let rows: Vec<ReceiptOut> = receipts
        .iter()
        .map(|receipt| ReceiptOut {
            number: receipt.number,
            at: utc(receipt.at),
            reader: receipt.reader,
            name: names_of.get(&receipt.reader).cloned().flatten(),
            device: receipt.device,
            purpose: purpose_name(receipt.purpose),
            categories: opened.device.own_categories(receipt.lanes),
            records: receipt
                .records
                .iter()
                .map(|(record, version)| ReceiptRecord {
                    record: *record,
                    version: *version,
                })
                .collect(),
        })
        .collect();
    ctx.out
        .rows(&rows, receipts_table, "nobody but you has read anything")
}

fn receipts_table(rows: &[ReceiptOut]) -> Table {
    rows.iter().fold(
        Table::new(["number", "at", "reader", "for", "what"]),
        |table, row| {
            let what = match (row.categories.is_empty(), row.records.as_slice()) {
                (false, records) => {
                    format!("{} entries of {}", records.len(), names(&row.categories))
                }
                (true, [one]) => format!("entry {} version {}", short(one.record.0), one.version),
                (true, records) => format!("{} entries", records.len()),
            };
            table.row([
                row.number.to_string(),
                row.at.clone(),
                row.name
                    .as_deref()
                    .map_or_else(|| short(row.reader.0), plain),
                row.purpose.clone(),
                what,
            ])
        },
    )
}

//! `request`, `requests`, `answer`.

use carechain_client::{AccessRequest, ClientError, NewGrant, RequestView};
use carechain_domain::{Category, GrantId, Kind, Purpose, RequestId, SubjectId};
use serde::Serialize;
use serde_json::json;

use crate::args::{Answer, AnswerArgs, CategoryOrAll, RequestArgs, RequestsArgs};
use crate::commands::consent::{names, now_secs, purpose_name};
use crate::commands::lie_name;
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::ids::short;
use crate::moment::utc;
use crate::output::Table;

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

//! `grant`, `revoke`, `access`.

use carechain_client::{GrantView, NewGrant};
use carechain_domain::{Category, GrantId, GrantState, Kind, Purpose, SubjectId};
use serde::Serialize;
use serde_json::json;

use crate::args::{AccessArgs, CategoryOrAll, GrantArgs, RevokeArgs};
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::ids::{IdPrefix, short};
use crate::moment::utc;
use crate::output::Table;

/// Seconds since 1970, by this machine's clock.
pub(super) fn now_secs(opened: &Opened) -> u64 {
    carechain_client::Platform::now_secs(opened.device.platform())
}

/// The name of a purpose; a number that has none is shown as it is.
pub(super) fn purpose_name(number: u16) -> String {
    Purpose::try_from(number).map_or_else(|_| number.to_string(), |p| p.to_string())
}

pub(super) fn names(categories: &[Category]) -> String {
    if categories.len() == Category::ALL.len() {
        return "all".to_owned();
    }
    categories
        .iter()
        .map(|c| c.as_str())
        .collect::<Vec<_>>()
        .join(",")
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
            "until",
            if by_me { "grantee" } else { "patient" },
            "read",
            "write",
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
                row.not_after.clone(),
                // A patient's id is typed whole, after --patient.
                if by_me {
                    short(row.grantee.0)
                } else {
                    row.subject.to_string()
                },
                list(&row.read),
                list(&row.write),
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

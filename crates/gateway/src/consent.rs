//! Grants and requests as the index lists them; clients prove what matters.

mod wraps;

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use carechain_api::{GrantRow, GrantsPage, MAX_PAGE, RequestRow, RequestsPage};
use carechain_domain::{Epochs, Grant, SubjectId};

use crate::GatewayError;
use crate::extract::Id;
use crate::guard::Caller;
use crate::state::{App, Shared};

pub(crate) use wraps::{
    __path_back_links, __path_put_back_links, __path_put_wrap, __path_wrap, back_links,
    put_back_links, put_wrap, wrap,
};

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/grants", tag = "consent",
    params(("subject" = String, Path, description = "The patient")),
    responses((status = 200, body = GrantsPage), (status = 403, body = carechain_api::ErrorBody)),
)]
/// Grants by the caller, newest first.
pub(crate) async fn grants_of(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
) -> Result<Json<GrantsPage>, GatewayError> {
    caller.must_be(subject)?;
    let grants = app.index.grants_of(subject, MAX_PAGE).await?;
    app.grants_page(grants).await.map(Json)
}

#[utoipa::path(
    get, path = "/v1/grants", tag = "consent",
    responses((status = 200, body = GrantsPage), (status = 401, body = carechain_api::ErrorBody)),
)]
/// Grants to the caller, newest first.
pub(crate) async fn grants_to(
    State(app): State<Shared>,
    caller: Caller,
) -> Result<Json<GrantsPage>, GatewayError> {
    let grants = app.index.grants_to(caller.subject, MAX_PAGE).await?;
    app.grants_page(grants).await.map(Json)
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/requests", tag = "consent",
    params(("subject" = String, Path, description = "The patient")),
    responses((status = 200, body = RequestsPage), (status = 403, body = carechain_api::ErrorBody)),
)]
/// Requests to the caller, newest first.
pub(crate) async fn requests_to(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
) -> Result<Json<RequestsPage>, GatewayError> {
    caller.must_be(subject)?;
    let rows = app.index.requests_to(subject, MAX_PAGE).await?;
    Ok(Json(RequestsPage {
        rows: rows.into_iter().map(request_row).collect(),
    }))
}

#[utoipa::path(
    get, path = "/v1/requests", tag = "consent",
    responses((status = 200, body = RequestsPage), (status = 401, body = carechain_api::ErrorBody)),
)]
/// Requests by the caller, newest first.
pub(crate) async fn requests_by(
    State(app): State<Shared>,
    caller: Caller,
) -> Result<Json<RequestsPage>, GatewayError> {
    let rows = app.index.requests_by(caller.subject, MAX_PAGE).await?;
    Ok(Json(RequestsPage {
        rows: rows.into_iter().map(request_row).collect(),
    }))
}

impl App {
    async fn grants_page(&self, grants: Vec<Grant>) -> Result<GrantsPage, GatewayError> {
        let mut epochs: HashMap<SubjectId, Epochs> = HashMap::new();
        let mut wanted = Vec::with_capacity(grants.len());
        for grant in &grants {
            let present = match epochs.get(&grant.subject) {
                Some(present) => *present,
                None => {
                    let present = self.index.freshness(grant.subject).await?.epochs;
                    epochs.insert(grant.subject, present);
                    present
                }
            };
            wanted.push((grant.id, present.masked(grant.lanes.read)));
        }
        let found = self.vault.has_wraps(&wanted).await?;
        let rows = grants.into_iter().zip(found);
        Ok(GrantsPage {
            rows: rows
                .map(|(grant, has_wrap)| GrantRow { grant, has_wrap })
                .collect(),
        })
    }
}

fn request_row(row: carechain_index::RequestRow) -> RequestRow {
    RequestRow {
        request: row.request,
        subject: row.subject,
        requester: row.requester,
        purpose: row.purpose,
        expiry: row.expiry,
        sealed_hash: row.sealed_hash,
        status: row.status.as_str().to_owned(),
        block: row.block,
    }
}

//! Sealed messages between subjects: what a request asks, and the like.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use carechain_api::{MAX_MAIL_BYTES, MailItem, MailPage, PostMail};
use carechain_domain::{Status, SubjectId};
use carechain_vault::NewMail;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::{Asked, Id, Input};
use crate::guard::Caller;
use crate::notices::After;
use crate::state::Shared;

// The longest mail that the cipher makes is taken by the interface and kept by the vault.
const _: () = assert!(
    MAX_MAIL_BYTES == carechain_crypto::MAIL_MAX_SEALED_BYTES
        && MAX_MAIL_BYTES == carechain_vault::MAX_MAIL_BYTES
);

/// Messages on one page.
const PAGE: u32 = 100;

#[utoipa::path(
    post, path = "/v1/subjects/{subject}/mail", tag = "mail", request_body = PostMail,
    params(("subject" = String, Path, description = "The recipient")),
    responses(
        (status = 204),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 404, body = carechain_api::ErrorBody),
        (status = 409, body = carechain_api::ErrorBody),
        (status = 413, body = carechain_api::ErrorBody),
        (status = 429, body = carechain_api::ErrorBody),
    ),
)]
/// Puts a sealed message into a mailbox. The same message twice is one.
pub(crate) async fn post_mail(
    State(app): State<Shared>,
    caller: Caller,
    Id(recipient): Id<SubjectId>,
    Input(mail): Input<PostMail>,
) -> Result<StatusCode, GatewayError> {
    if caller.status != Status::Approved {
        return Err(GatewayError::NotApproved(
            "only approved subjects send mail",
        ));
    }
    if mail.sealed.0.is_empty() {
        return Err(GatewayError::field("sealed", "it is empty"));
    }
    if mail.sealed.0.len() > MAX_MAIL_BYTES {
        return Err(GatewayError::TooLarge {
            what: "sealed, in bytes,",
            limit: MAX_MAIL_BYTES as u64,
        });
    }
    app.rates.mail.take(caller.subject)?;
    if app.chain.subject(recipient).await?.is_none() {
        return Err(GatewayError::not_found("recipient"));
    }
    // A request may be about to be made; once it is, only its two sides write about it.
    if let Some(request) = app.chain.request(mail.topic).await? {
        let sides = [request.subject, request.requester];
        if !sides.contains(&caller.subject) || !sides.contains(&recipient) {
            return Err(GatewayError::Denied("the request is between others"));
        }
    }
    let mail = NewMail {
        recipient,
        sender: caller.subject,
        topic: mail.topic,
        key_version: mail.key_version,
        sealed: mail.sealed.0,
    };
    app.vault.post_mail(&mail, unix_secs()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/subjects/{subject}/mail", tag = "mail",
    params(("subject" = String, Path, description = "Whose mailbox"), After),
    responses((status = 200, body = MailPage), (status = 403, body = carechain_api::ErrorBody)),
)]
/// The caller's mailbox, oldest first.
pub(crate) async fn mail(
    State(app): State<Shared>,
    caller: Caller,
    Id(subject): Id<SubjectId>,
    Asked(page): Asked<After>,
) -> Result<Json<MailPage>, GatewayError> {
    caller.must_be(subject)?;
    let items = app.vault.mail_after(subject, page.after, PAGE).await?;
    let items = items.into_iter().map(|item| MailItem {
        id: item.id,
        sender: item.sender,
        topic: item.topic,
        key_version: item.key_version,
        at: item.at,
        sealed: item.sealed.into(),
    });
    Ok(Json(MailPage {
        items: items.collect(),
    }))
}

#[utoipa::path(
    delete, path = "/v1/subjects/{subject}/mail/{id}", tag = "mail",
    params(
        ("subject" = String, Path, description = "Whose mailbox"),
        ("id" = u64, Path, description = "Number of the message"),
    ),
    responses((status = 204), (status = 404, body = carechain_api::ErrorBody)),
)]
/// Deletes a message of the caller's.
pub(crate) async fn delete_mail(
    State(app): State<Shared>,
    caller: Caller,
    Path((subject, id)): Path<(String, String)>,
) -> Result<StatusCode, GatewayError> {
    let subject: SubjectId = subject
        .parse()
        .map_err(|_| GatewayError::field("subject", "it must be 0x and 64 hex digits"))?;
    let id: u64 = id
        .parse()
        .map_err(|_| GatewayError::field("id", "it must be a number"))?;
    caller.must_be(subject)?;
    if app
        .vault
        .delete_mail(subject, id.min(i64::MAX as u64))
        .await?
    {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(GatewayError::not_found("message"))
    }
}

//! Release of wrapped keys: a statement signed by the reader's device is authentication and receipt at once.
//!
//! In order: the statement is checked for itself; the device must be live and the reader's on chain; every lane asked
//! for must be readable by the reader at the newest block, at this second; then nonce and receipt become durable; only
//! then is a byte sent. A batch is refused whole, naming the first that is not allowed. An owner's reads make no
//! receipt. Nothing that decides is cached.

mod answer;
mod statement;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use carechain_api::{MAX_LISTING_ITEMS, ReleaseHeader, ReleaseRequest};
use carechain_domain::{Epochs, Lane, LaneSet};
use carechain_index::{AnchorRow, MAX_PAGE};
use carechain_vault::{NewReceipt, ReceiptTip};

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::Input;
use crate::state::{App, Shared};

use answer::Answer;
use statement::Checked;

#[utoipa::path(
    post, path = "/v1/releases", tag = "records", request_body = ReleaseRequest,
    responses(
        (status = 200, content_type = "application/octet-stream", description = "Frames: a ReleaseHeader, ReleaseItems with their blobs, an end"),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 403, body = carechain_api::ErrorBody),
        (status = 404, body = carechain_api::ErrorBody),
        (status = 503, body = carechain_api::ErrorBody),
    ),
)]
/// Wrapped keys, and blobs where asked for, of a listing or of records.
pub(crate) async fn release(
    State(app): State<Shared>,
    Input(request): Input<ReleaseRequest>,
) -> Result<Response, GatewayError> {
    let now = unix_secs();
    let checked = statement::check(&app.settings, &request, now)?;
    app.progress.must_be_current()?;
    let permit = app.releases.clone().acquire_owned().await;
    let permit = permit.map_err(|_| GatewayError::Unavailable("the node is stopping"))?;

    let access = app.access(&request, now).await?;
    let (anchors, block) = app.anchors(&request, access.readable).await?;
    let owner = request.statement.reader == request.statement.subject;
    let tip = app
        .leave_receipt(&request, &checked, &anchors, owner, now)
        .await?;
    if let Some(tip) = tip {
        app.tell_opened(
            request.statement.subject,
            request.statement.reader,
            tip,
            now,
        )
        .await?;
    }
    let header = ReleaseHeader {
        epochs: access.epochs.masked(access.readable),
        items: u32::try_from(anchors.len()).map_err(|_| GatewayError::Stored("too many items"))?,
        receipt: tip.map(|tip| tip.number),
        block,
    };
    metrics::counter!("carechain_released_items_total").increment(u64::from(header.items));
    let rows = app
        .release_rows(request.statement.subject, &anchors, owner)
        .await?;
    let answer = Answer::new(app, header, anchors, rows, request.blobs)?;
    let body = answer.into_body().await?;
    drop(permit);
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What the reader may read now, and the subject's epochs.
struct Access {
    readable: LaneSet,
    epochs: Epochs,
}

impl App {
    /// Asks the chain, at its newest block, for device, lanes and epochs.
    async fn access(&self, request: &ReleaseRequest, now: u64) -> Result<Access, GatewayError> {
        let statement = &request.statement;
        let (live, (readable, _), epochs) = futures::try_join!(
            self.chain.is_device_of(request.device, statement.reader),
            self.chain
                .lanes_of(statement.subject, statement.reader, now),
            self.chain.epochs(statement.subject),
        )?;
        if !live {
            return Err(GatewayError::Denied(
                "the key that signed is no live device of the reader",
            ));
        }
        if readable.is_empty() {
            return Err(GatewayError::NothingGranted);
        }
        let missing = statement
            .lanes
            .iter()
            .find(|lane| !readable.contains(*lane));
        match missing {
            Some(lane) => Err(GatewayError::LaneNotGranted(lane)),
            None => Ok(Access { readable, epochs }),
        }
    }

    /// The anchors asked for, every one of them within the readable lanes, and the block that they reflect.
    async fn anchors(
        &self,
        request: &ReleaseRequest,
        readable: LaneSet,
    ) -> Result<(Vec<AnchorRow>, u64), GatewayError> {
        let block = self.progress.followed();
        let subject = request.statement.subject;
        if request.records.is_empty() {
            return Ok((self.listing(request).await?, block));
        }
        let found = self.index.anchors_of(subject, &request.records).await?;
        let mut anchors = Vec::with_capacity(found.len());
        for (anchor, (record, version)) in found.into_iter().zip(&request.records) {
            let anchor = anchor.ok_or_else(|| {
                GatewayError::not_found(format!("record {record}, version {version}"))
            })?;
            if !readable.contains(anchor.lane) {
                return Err(GatewayError::RecordNotGranted(*record));
            }
            anchors.push(anchor);
        }
        Ok((anchors, block))
    }

    async fn listing(&self, request: &ReleaseRequest) -> Result<Vec<AnchorRow>, GatewayError> {
        let statement = &request.statement;
        let mut from: Vec<(Lane, u64)> = statement
            .lanes
            .iter()
            .map(|lane| {
                let page = request.after.iter().find(|page| page.lane == lane);
                (lane, page.map_or(0, |page| page.sequence))
            })
            .collect();
        let mut anchors: Vec<AnchorRow> = Vec::new();
        loop {
            let page = self
                .index
                .anchors_after(statement.subject, &from, MAX_PAGE)
                .await?;
            let full = page.len() == MAX_PAGE as usize;
            for anchor in &page {
                if let Some(place) = from.iter_mut().find(|(lane, _)| *lane == anchor.lane) {
                    place.1 = anchor.sequence;
                }
            }
            anchors.extend(page);
            if !full || anchors.len() >= MAX_LISTING_ITEMS {
                anchors.truncate(MAX_LISTING_ITEMS);
                return Ok(anchors);
            }
        }
    }

    /// Spends the nonce, and for a grantee makes the receipt durable. None for an owner.
    async fn leave_receipt(
        &self,
        request: &ReleaseRequest,
        checked: &Checked,
        anchors: &[AnchorRow],
        owner: bool,
        now: u64,
    ) -> Result<Option<ReceiptTip>, GatewayError> {
        let statement = &request.statement;
        if owner {
            if !self
                .vault
                .spend_nonce(statement.nonce, statement.expiry)
                .await?
            {
                return Err(GatewayError::Replayed("the nonce"));
            }
            return Ok(None);
        }
        let receipt = NewReceipt {
            subject: statement.subject,
            statement: serde_json::to_string(statement)
                .map_err(|_| GatewayError::Stored("statement"))?,
            digest: checked.digest,
            records: anchors
                .iter()
                .map(|anchor| (anchor.record, anchor.version))
                .collect(),
            device: request.device,
            signature: request.signature.0.clone(),
            nonce: statement.nonce,
            expiry: statement.expiry,
            at: now,
        };
        Ok(Some(self.vault.append_receipt(&receipt).await?))
    }
}

impl Answer {
    /// Small answers go whole, larger ones as they are read.
    async fn into_body(mut self) -> Result<Body, GatewayError> {
        let first = self.next().await?.unwrap_or_default();
        if self.is_done() {
            return Ok(Body::from(first));
        }
        let rest = futures::stream::unfold(self, |mut answer| async move {
            let piece = answer.next_or_error().await?;
            Some((piece, answer))
        });
        let whole = futures::stream::once(async move { first });
        Ok(Body::from_stream(futures::StreamExt::map(
            futures::StreamExt::chain(whole, rest),
            Ok::<_, std::convert::Infallible>,
        )))
    }
}

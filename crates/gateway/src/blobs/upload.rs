//! Uploads: frames of blobs, made durable before the answer.
//!
//! Small blobs are held until the end frame and made durable together; one that grows is streamed to the store as it
//! arrives. Memory for uploads in flight is bounded, and so is what one subject stores.

use std::io;

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use carechain_api::frame::{FrameKind, FrameReader, HEADER_BYTES, MAX_PAYLOAD_BYTES};
use carechain_api::{MAX_BLOB_BYTES, MAX_UPLOAD_BLOBS, MAX_UPLOAD_BYTES, Uploaded};
use carechain_domain::SubjectId;
use carechain_ipfs::{Cid, IpfsError};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::is_type;
use crate::guard::Caller;
use crate::state::{App, Shared};

/// A blob that grows beyond this is streamed to the store.
const STREAM_ABOVE_BYTES: usize = 4 << 20;
/// What one subject may keep.
const QUOTA_BYTES: u64 = 64 << 30;
/// Pieces of a streamed blob that wait for the store.
const STREAM_DEPTH: usize = 4;

#[utoipa::path(
    post, path = "/v1/blobs", tag = "blobs",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "Frames of blobs, then an end frame"),
    responses(
        (status = 200, body = Uploaded),
        (status = 400, body = carechain_api::ErrorBody),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 413, body = carechain_api::ErrorBody),
        (status = 415, body = carechain_api::ErrorBody),
    ),
)]
/// Stores blobs; they are durable when this answers.
pub(crate) async fn upload(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Uploaded>, GatewayError> {
    if !is_type(&headers, "application/octet-stream") {
        return Err(GatewayError::UnsupportedMediaType(
            "application/octet-stream",
        ));
    }
    let kept = app.vault.uploaded_bytes(caller.subject).await?;
    let allowed = QUOTA_BYTES.saturating_sub(kept);
    let announced = body
        .size_hint()
        .upper()
        .filter(|_| headers.contains_key(CONTENT_LENGTH));
    if announced.is_some_and(|bytes| bytes > MAX_BLOB_BYTES + (MAX_BLOB_BYTES >> 10)) {
        return Err(GatewayError::TooLarge {
            what: "the upload, in bytes,",
            limit: MAX_BLOB_BYTES,
        });
    }
    let memory = announced
        .unwrap_or(MAX_UPLOAD_BYTES as u64)
        .min(MAX_UPLOAD_BYTES as u64);
    let units = u32::try_from(memory / 1_024 + 1).unwrap_or(u32::MAX);
    let permit = app.upload_memory.clone().acquire_many_owned(units).await;
    let _memory = permit.map_err(|_| GatewayError::Unavailable("the node is stopping"))?;

    let mut receiving = Receiving::new(&app, Frames::new(body), allowed);
    let blobs = receiving.run().await?;
    app.note(caller.subject, &blobs).await?;
    Ok(Json(Uploaded {
        cids: blobs.into_iter().map(|(cid, _)| cid.to_string()).collect(),
    }))
}

impl App {
    async fn note(&self, subject: SubjectId, blobs: &[(Cid, u64)]) -> Result<(), GatewayError> {
        let names: Vec<_> = blobs
            .iter()
            .map(|(cid, size)| (cid.to_string(), *size))
            .collect();
        self.vault.add_uploads(subject, &names, unix_secs()).await?;
        Ok(())
    }
}

/// Frames as they arrive.
struct Frames {
    body: axum::body::BodyDataStream,
    reader: FrameReader,
}

impl Frames {
    fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            reader: FrameReader::default(),
        }
    }

    /// The next frame; an end of the body before the end frame is an error.
    async fn next(&mut self) -> Result<(FrameKind, Bytes), GatewayError> {
        loop {
            let frame = self
                .reader
                .next_frame()
                .map_err(|error| GatewayError::Body(error.to_string()))?;
            if let Some((kind, payload)) = frame {
                return Ok((kind, Bytes::copy_from_slice(payload)));
            }
            let cut = || GatewayError::Body("it was cut before its end frame".to_owned());
            let piece = self.body.next().await.ok_or_else(cut)?.map_err(|_| cut())?;
            self.reader.push(&piece);
        }
    }

    /// Nothing may follow the end frame.
    async fn finish(&mut self) -> Result<(), GatewayError> {
        let more = self.body.next().await;
        if self.reader.is_drained() && more.is_none() {
            return Ok(());
        }
        Err(GatewayError::Body(
            "something follows its end frame".to_owned(),
        ))
    }
}

/// A blob of an upload, in its place.
enum Received {
    Held(Bytes),
    Stored(Cid, u64),
}

struct Receiving<'a> {
    app: &'a App,
    frames: Frames,
    blobs: Vec<Received>,
    total_bytes: u64,
    allowed_bytes: u64,
}

impl<'a> Receiving<'a> {
    fn new(app: &'a App, frames: Frames, allowed_bytes: u64) -> Self {
        Self {
            app,
            frames,
            blobs: Vec::new(),
            total_bytes: 0,
            allowed_bytes,
        }
    }

    async fn run(&mut self) -> Result<Vec<(Cid, u64)>, GatewayError> {
        loop {
            let (kind, payload) = self.frames.next().await?;
            match kind {
                FrameKind::Blob => self.blob(payload).await?,
                FrameKind::End if payload.is_empty() => break,
                FrameKind::End | FrameKind::Header | FrameKind::Item | FrameKind::Error => {
                    return Err(GatewayError::Body(
                        "an upload has frames of blobs and an empty end frame".to_owned(),
                    ));
                }
            }
        }
        self.frames.finish().await?;
        if self.blobs.is_empty() {
            return Err(GatewayError::Body(
                "an upload has at least one blob".to_owned(),
            ));
        }
        self.store_held().await
    }

    /// Takes one blob, whose first frame is there.
    async fn blob(&mut self, first: Bytes) -> Result<(), GatewayError> {
        if self.blobs.len() == MAX_UPLOAD_BLOBS {
            return Err(GatewayError::TooLarge {
                what: "blobs",
                limit: MAX_UPLOAD_BLOBS as u64,
            });
        }
        let mut last = first.len() < MAX_PAYLOAD_BYTES;
        self.count(first.len())?;
        if last {
            if first.is_empty() {
                return Err(GatewayError::Body("a blob is empty".to_owned()));
            }
            self.blobs.push(Received::Held(first));
            return Ok(());
        }
        let mut held = Vec::with_capacity(first.len() * 2);
        held.extend_from_slice(&first);
        while !last && held.len() <= STREAM_ABOVE_BYTES {
            let piece = self.piece().await?;
            last = piece.len() < MAX_PAYLOAD_BYTES;
            held.extend_from_slice(&piece);
        }
        let received = if last {
            Received::Held(held.into())
        } else {
            self.stream(held.into()).await?
        };
        self.blobs.push(received);
        Ok(())
    }

    async fn piece(&mut self) -> Result<Bytes, GatewayError> {
        let (kind, payload) = self.frames.next().await?;
        if kind != FrameKind::Blob {
            return Err(GatewayError::Body(
                "a blob ends with a frame shorter than the largest".to_owned(),
            ));
        }
        self.count(payload.len())?;
        Ok(payload)
    }

    /// A single blob may be as large as a blob may be; several together are bounded by what is held.
    fn count(&mut self, bytes: usize) -> Result<(), GatewayError> {
        self.total_bytes += (bytes + HEADER_BYTES) as u64;
        let limit = if self.blobs.is_empty() {
            MAX_BLOB_BYTES
        } else {
            MAX_UPLOAD_BYTES as u64
        };
        if self.total_bytes > limit {
            return Err(GatewayError::TooLarge {
                what: "the upload, in bytes,",
                limit,
            });
        }
        if self.total_bytes > self.allowed_bytes {
            return Err(GatewayError::TooLarge {
                what: "what you keep here, in bytes,",
                limit: QUOTA_BYTES,
            });
        }
        Ok(())
    }

    /// Passes a growing blob to the store while it arrives. What was cut is not kept.
    async fn stream(&mut self, begun: Bytes) -> Result<Received, GatewayError> {
        let (send, receive) = mpsc::channel::<io::Result<Bytes>>(STREAM_DEPTH);
        let store = self.app.store.clone();
        let reader = StreamReader::new(ReceiverStream::new(receive));
        let storing = store.put_stream(reader, MAX_BLOB_BYTES);
        let feeding = async {
            let fed = self.feed(&send, begun).await;
            if fed.is_err() {
                // The store may have failed and gone already; then its own error is told.
                drop(send.send(Err(io::Error::other("the upload was cut"))).await);
            }
            drop(send);
            fed
        };
        let (stored, fed) = tokio::join!(storing, feeding);
        match (stored, fed) {
            (Ok((cid, size)), Ok(())) => Ok(Received::Stored(cid, size)),
            (Err(IpfsError::Input(_)), Err(error)) | (Ok(_), Err(error)) => Err(error),
            (Err(error), Ok(()) | Err(_)) => Err(error.into()),
        }
    }

    async fn feed(
        &mut self,
        send: &mpsc::Sender<io::Result<Bytes>>,
        begun: Bytes,
    ) -> Result<(), GatewayError> {
        let gone = |_| GatewayError::Unavailable("the content store went away");
        send.send(Ok(begun)).await.map_err(gone)?;
        loop {
            let piece = self.piece().await?;
            let last = piece.len() < MAX_PAYLOAD_BYTES;
            if !piece.is_empty() {
                send.send(Ok(piece)).await.map_err(gone)?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Makes what was held durable, all with one sync, and puts every CID in its place.
    async fn store_held(&mut self) -> Result<Vec<(Cid, u64)>, GatewayError> {
        let blobs = std::mem::take(&mut self.blobs);
        let held: Vec<Bytes> = blobs.iter().filter_map(Received::held).collect();
        let mut stored = self.app.store.put_many(held).await?.into_iter();
        blobs
            .into_iter()
            .map(|blob| match blob {
                Received::Stored(cid, size) => Ok((cid, size)),
                Received::Held(bytes) => {
                    let cid = stored
                        .next()
                        .ok_or(GatewayError::Stored("fewer CIDs than blobs"))?;
                    Ok((cid, bytes.len() as u64))
                }
            })
            .collect()
    }
}

impl Received {
    fn held(&self) -> Option<Bytes> {
        match self {
            Received::Held(bytes) => Some(bytes.clone()),
            Received::Stored(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carechain_api::ErrorCode;
    use carechain_api::frame;

    async fn frames(bytes: Vec<u8>, piece: usize) -> Result<Vec<(FrameKind, usize)>, GatewayError> {
        let pieces: Vec<_> = bytes
            .chunks(piece)
            .map(|p| Ok::<_, io::Error>(p.to_vec()))
            .collect();
        let mut frames = Frames::new(Body::from_stream(futures::stream::iter(pieces)));
        let mut seen = Vec::new();
        loop {
            let (kind, payload) = frames.next().await?;
            seen.push((kind, payload.len()));
            if kind == FrameKind::End {
                frames.finish().await?;
                return Ok(seen);
            }
        }
    }

    #[tokio::test]
    async fn frames_are_read_whatever_the_pieces() {
        let mut bytes = Vec::new();
        frame::put_blob(&mut bytes, &[1; 3_000]);
        frame::put_blob(&mut bytes, &[2; 1]);
        frame::put(&mut bytes, FrameKind::End, &[]);
        for piece in [1, 7, 4_096] {
            let seen = frames(bytes.clone(), piece).await.unwrap();
            assert_eq!(
                seen,
                [
                    (FrameKind::Blob, 3_000),
                    (FrameKind::Blob, 1),
                    (FrameKind::End, 0)
                ]
            );
        }
    }

    #[tokio::test]
    async fn what_is_cut_long_or_unknown_is_refused() {
        let mut bytes = Vec::new();
        frame::put_blob(&mut bytes, &[1; 100]);
        assert_eq!(
            frames(bytes.clone(), 9).await.unwrap_err().code(),
            ErrorCode::InvalidBody
        );
        frame::put(&mut bytes, FrameKind::End, &[]);
        bytes.push(0);
        assert_eq!(
            frames(bytes, 64).await.unwrap_err().code(),
            ErrorCode::InvalidBody
        );
        assert_eq!(
            frames(vec![9, 0, 0, 0, 0], 5).await.unwrap_err().code(),
            ErrorCode::InvalidBody
        );
        assert_eq!(
            frames(vec![3, 255, 0, 0, 0], 5).await.unwrap_err().code(),
            ErrorCode::InvalidBody
        );
    }
}

//! Blobs up and down, and releases as streams of frames.

use carechain_api::frame::{FrameKind, FrameReader, MAX_PAYLOAD_BYTES};
use carechain_api::{
    ErrorBody, MAX_BLOB_BYTES, MAX_RELEASE_RECORDS, ReleaseHeader, ReleaseItem, ReleaseRequest,
    Uploaded,
};

use super::{Http, MAX_ANSWER_BYTES, encode, parse, read_all, refusal};
use crate::error::{ClientError, Lie};
use crate::platform::{Body, Method, Platform};

/// Bytes of blobs that one release may bring; beyond it the caller asks in parts.
const MAX_RELEASE_BYTES: usize = 2 << 30;

/// What a release brought.
pub(crate) struct Released {
    pub(crate) header: ReleaseHeader,
    pub(crate) items: Vec<ReleasedItem>,
}

/// An item and its blob, where one came with it.
pub(crate) struct ReleasedItem {
    pub(crate) item: ReleaseItem,
    pub(crate) blob: Option<Vec<u8>>,
}

impl<P: Platform> Http<P> {
    /// Uploads frames of blobs that were put together before; durable when it returns.
    pub(crate) async fn upload(&self, frames: Vec<u8>) -> Result<Uploaded, ClientError> {
        let what = "the upload";
        let kind = Some("application/octet-stream");
        let response = self
            .send(Method::Post, "/v1/blobs".to_owned(), kind, &[], frames)
            .await?;
        let status = response.status;
        let bytes = read_all(response.body, MAX_ANSWER_BYTES).await?;
        if (200..300).contains(&status) {
            parse(what, &bytes)
        } else {
            Err(refusal(what, status, &bytes))
        }
    }

    /// A blob, or with `first` its first bytes alone.
    pub(crate) async fn blob(&self, cid: &str, first: Option<u64>) -> Result<Vec<u8>, ClientError> {
        let extra: Vec<(&str, String)> = first
            .map(|n| ("range", format!("bytes=0-{}", n.saturating_sub(1))))
            .into_iter()
            .collect();
        let path = format!("/v1/blobs/{cid}");
        let response = self
            .send(Method::Get, path, None, &extra, Vec::new())
            .await?;
        let status = response.status;
        if matches!(status, 200 | 206) {
            return read_all(response.body, MAX_BLOB_BYTES as usize).await;
        }
        let bytes = read_all(response.body, MAX_ANSWER_BYTES).await?;
        Err(refusal("the blob", status, &bytes))
    }

    /// Sends a signed release and reads its whole stream.
    pub(crate) async fn release(&self, ask: &ReleaseRequest) -> Result<Released, ClientError> {
        let what = "the release";
        let body = encode(what, ask)?;
        let kind = Some("application/json");
        let response = self
            .send(Method::Post, "/v1/releases".to_owned(), kind, &[], body)
            .await?;
        if !(200..300).contains(&response.status) {
            let bytes = read_all(response.body, MAX_ANSWER_BYTES).await?;
            return Err(refusal(what, response.status, &bytes));
        }
        let mut stream = response.body;
        let mut reader = FrameReader::default();
        let mut release = ReleaseReader::default();
        while let Some(piece) = stream.chunk().await? {
            reader.push(&piece);
            while let Some((kind, payload)) = reader
                .next_frame()
                .map_err(|_| bad("a frame cannot be read"))?
            {
                release.frame(kind, payload)?;
            }
        }
        release.finish(reader.is_drained())
    }
}

fn bad(what: &'static str) -> ClientError {
    Lie::BadStream { what }.into()
}

/// Puts a release together from its frames. Pure, so that the order of frames can be tested.
#[derive(Default)]
pub(crate) struct ReleaseReader {
    header: Option<ReleaseHeader>,
    items: Vec<ReleasedItem>,
    /// A blob that has begun and may go on.
    open_blob: bool,
    /// The item before announced a blob that has not begun.
    owed_blob: bool,
    blob_bytes: usize,
    ended: bool,
}

impl ReleaseReader {
    pub(crate) fn frame(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), ClientError> {
        if self.ended {
            return Err(bad("something follows its end"));
        }
        if kind != FrameKind::Blob && (self.open_blob || self.owed_blob) && kind != FrameKind::Error
        {
            return Err(bad("a blob is missing or cut"));
        }
        match kind {
            FrameKind::Header if self.header.is_none() => {
                self.header = Some(parse("the release's header", payload)?);
            }
            FrameKind::Header => return Err(bad("a second header")),
            FrameKind::Item => self.item(parse("a release's item", payload)?)?,
            FrameKind::Blob => self.blob(payload)?,
            FrameKind::Error => return Err(stream_error(payload)),
            FrameKind::End => self.ended = true,
        }
        Ok(())
    }

    fn item(&mut self, item: ReleaseItem) -> Result<(), ClientError> {
        if self.header.is_none() {
            return Err(bad("an item before the header"));
        }
        if self.items.len() >= MAX_RELEASE_RECORDS * 16 {
            return Err(bad("too many items"));
        }
        self.owed_blob = item.has_blob;
        self.items.push(ReleasedItem { item, blob: None });
        Ok(())
    }

    fn blob(&mut self, payload: &[u8]) -> Result<(), ClientError> {
        let Some(last) = self
            .items
            .last_mut()
            .filter(|_| self.open_blob || self.owed_blob)
        else {
            return Err(bad("a blob that no item announced"));
        };
        self.blob_bytes += payload.len();
        if self.blob_bytes > MAX_RELEASE_BYTES {
            return Err(bad("too many bytes"));
        }
        last.blob.get_or_insert_default().extend_from_slice(payload);
        self.owed_blob = false;
        self.open_blob = payload.len() == MAX_PAYLOAD_BYTES;
        Ok(())
    }

    pub(crate) fn finish(self, drained: bool) -> Result<Released, ClientError> {
        if !self.ended || !drained {
            return Err(bad("it was cut before its end"));
        }
        let header = self.header.ok_or_else(|| bad("no header"))?;
        if header.items as usize != self.items.len() {
            return Err(bad("another number of items than announced"));
        }
        Ok(Released {
            header,
            items: self.items,
        })
    }
}

fn stream_error(payload: &[u8]) -> ClientError {
    match serde_json::from_slice::<ErrorBody>(payload) {
        Ok(_) => refusal("the release", 500, payload),
        Err(_) => bad("an error that cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carechain_api::{AnchorRow, ErrorCode};
    use carechain_domain::{Epochs, Lane};

    fn header(items: u32) -> Vec<u8> {
        let header = ReleaseHeader {
            epochs: Epochs::default(),
            items,
            receipt: None,
            block: 1,
        };
        serde_json::to_vec(&header).unwrap()
    }

    fn item(has_blob: bool) -> Vec<u8> {
        let anchor = AnchorRow {
            record: Default::default(),
            author: Default::default(),
            version: 1,
            lane: Lane::try_from(0).unwrap(),
            sequence: 1,
            epoch: 0,
            inbox_only: false,
            commitment: Default::default(),
            amends: Default::default(),
            block: 1,
            time: 1,
        };
        let item = ReleaseItem {
            anchor,
            uid: None,
            cid: None,
            size: 0,
            slot: None,
            slot_epoch: 0,
            inbox: None,
            inbox_key_version: 0,
            has_blob,
        };
        serde_json::to_vec(&item).unwrap()
    }

    fn read(frames: &[(FrameKind, Vec<u8>)]) -> Result<Released, ClientError> {
        let mut reader = ReleaseReader::default();
        for (kind, payload) in frames {
            reader.frame(*kind, payload)?;
        }
        reader.finish(true)
    }

    #[test]
    fn a_whole_release_is_read() {
        let big = vec![1; MAX_PAYLOAD_BYTES];
        let released = read(&[
            (FrameKind::Header, header(2)),
            (FrameKind::Item, item(true)),
            (FrameKind::Blob, big),
            (FrameKind::Blob, vec![2]),
            (FrameKind::Item, item(false)),
            (FrameKind::End, vec![]),
        ])
        .unwrap();
        assert_eq!(
            released.items[0].blob.as_ref().unwrap().len(),
            MAX_PAYLOAD_BYTES + 1
        );
        assert!(released.items[1].blob.is_none());
    }

    #[test]
    fn what_is_cut_or_out_of_order_is_named() {
        type Frames<'a> = &'a [(FrameKind, Vec<u8>)];
        let cases: [(Frames<'_>, &str); 6] = [
            (
                &[(FrameKind::Header, header(0))],
                "it was cut before its end",
            ),
            (
                &[(FrameKind::Item, item(false))],
                "an item before the header",
            ),
            (
                &[(FrameKind::Header, header(1)), (FrameKind::End, vec![])],
                "another number of items than announced",
            ),
            (
                &[
                    (FrameKind::Header, header(1)),
                    (FrameKind::Item, item(true)),
                    (FrameKind::End, vec![]),
                ],
                "a blob is missing or cut",
            ),
            (
                &[
                    (FrameKind::Header, header(1)),
                    (FrameKind::Item, item(false)),
                    (FrameKind::Blob, vec![]),
                ],
                "a blob that no item announced",
            ),
            (
                &[
                    (FrameKind::Header, header(0)),
                    (FrameKind::Header, header(0)),
                ],
                "a second header",
            ),
        ];
        for (frames, what) in cases {
            assert_eq!(read(frames).err(), Some(Lie::BadStream { what }.into()));
        }
    }

    #[test]
    fn an_error_within_the_stream_is_the_nodes_refusal() {
        let body = br#"{"code":"lagging","message":"the index lags"}"#.to_vec();
        let error = read(&[(FrameKind::Header, header(1)), (FrameKind::Error, body)])
            .err()
            .unwrap();
        assert_eq!(error.code(), Some(ErrorCode::Lagging));
    }
}

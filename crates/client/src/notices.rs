//! Notifications: list, mark read, and a parser for server-sent events.

use carechain_api::Notification;

use crate::device::Device;
use crate::error::{ClientError, Lie};
use crate::platform::{Body, Platform};

/// Longest line of a stream of events.
const MAX_LINE_BYTES: usize = 64 << 10;

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    /// Its id; empty where none was given.
    pub id: String,
    /// Its name; empty for a message.
    pub event: String,
    /// Its data, lines joined by line feeds.
    pub data: String,
}

/// Takes events out of bytes as they arrive (WHATWG, server-sent events). Pure.
#[derive(Default)]
pub struct EventReader {
    line: Vec<u8>,
    last_was_cr: bool,
    started: bool,
    pending: Event,
    has_data: bool,
    last_id: String,
}

/// A line longer than is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of the stream is too long")]
pub struct LineTooLong;

impl EventReader {
    /// Adds bytes and gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, LineTooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.last_was_cr => self.last_was_cr = false,
                b'\n' | b'\r' => {
                    self.last_was_cr = *byte == b'\r';
                    events.extend(self.end_line());
                }
                other => {
                    self.last_was_cr = false;
                    if self.line.len() >= MAX_LINE_BYTES {
                        return Err(LineTooLong);
                    }
                    self.line.push(*other);
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let mut bytes = core::mem::take(&mut self.line);
        if !self.started && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        self.started = true;
        let line = String::from_utf8_lossy(&bytes);
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.pending.data.push('\n');
                }
                self.has_data = true;
                self.pending.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.pending.event),
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_id),
            // Comments (an empty field), retry and unknown fields say nothing to this client.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let mut event = core::mem::take(&mut self.pending);
        if !core::mem::take(&mut self.has_data) {
            return None;
        }
        event.id.clone_from(&self.last_id);
        Some(event)
    }
}

/// A live stream of notifications.
pub struct Notices<B> {
    body: B,
    reader: EventReader,
    waiting: std::collections::VecDeque<Notification>,
}

impl<B: Body> Notices<B> {
    /// The next notification; `None` once the node has closed the stream.
    pub async fn next(&mut self) -> Result<Option<Notification>, ClientError> {
        loop {
            if let Some(notification) = self.waiting.pop_front() {
                return Ok(Some(notification));
            }
            let Some(piece) = self.body.chunk().await? else {
                return Ok(None);
            };
            let events = self.reader.push(&piece).map_err(|_| Lie::BadStream {
                what: "a line is too long",
            })?;
            for event in events {
                let notification =
                    serde_json::from_str(&event.data).map_err(|_| Lie::BadStream {
                        what: "an event is no notification",
                    })?;
                self.waiting.push_back(notification);
            }
        }
    }
}

impl<P: Platform> Device<P> {
    /// Notifications after the one with this number, oldest first.
    pub async fn notifications(&self, after: u64) -> Result<Vec<Notification>, ClientError> {
        Ok(self
            .authed(async || self.http.notifications(after).await)
            .await?
            .rows)
    }

    /// Marks all up to and with this one as read.
    pub async fn mark_read(&self, up_to: u64) -> Result<(), ClientError> {
        self.authed(async || self.http.notifications_read(up_to).await)
            .await
    }

    /// Notifications as they come, after the one with this number.
    pub async fn watch(&self, after: u64) -> Result<Notices<P::Body>, ClientError> {
        let body = self
            .authed(async || self.http.notification_stream(after).await)
            .await?;
        Ok(Notices {
            body,
            reader: EventReader::default(),
            waiting: Default::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn event(id: &str, name: &str, data: &str) -> Event {
        Event {
            id: id.into(),
            event: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn events_come_out_whatever_the_pieces_and_line_ends() {
        let text = "\u{feff}: hello\nid: 7\nevent: notice\ndata: {\"a\":\ndata:1}\n\nretry: 5\n\ndata\r\n\r\nid: 8\rdata: x\r\rdata: cut";
        let expected = [
            event("7", "notice", "{\"a\":\n1}"),
            event("7", "", ""),
            event("8", "", "x"),
        ];
        for size in 1..text.len() {
            let mut reader = EventReader::default();
            let mut seen = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                seen.extend(reader.push(piece).unwrap());
            }
            assert_eq!(seen, expected, "pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut reader = EventReader::default();
        assert_eq!(
            reader.push(&vec![b'x'; MAX_LINE_BYTES + 1]),
            Err(LineTooLong)
        );
    }
}

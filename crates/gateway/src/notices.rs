//! Notifications: kept in the vault until read, rung through to open streams at once. Ids alone, nothing medical.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use carechain_api::{MAX_PAGE, Notification, NotificationsPage, NotificationsRead};
use carechain_domain::{Notice, SubjectId};
use carechain_vault::{EventKey, NewNotification, StoredNotification};
use futures::Stream;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::watch;

use crate::GatewayError;
use crate::clock::unix_secs;
use crate::extract::{Asked, Input};
use crate::guard::{Caller, token_of};
use crate::state::{App, Shared};

/// Streams that one subject may hold open.
const MAX_STREAMS_PER_SUBJECT: usize = 8;
/// Streams in all.
const MAX_STREAMS: usize = 4_096;
/// How often a silent stream says that it lives, and its session is looked at.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Notifications read from the vault at once.
const STREAM_BATCH: u32 = 100;
/// One reader's releases within this time are one notification; receipts name each.
const OPENED_EVERY: Duration = Duration::from_secs(600);
/// Readers remembered for that.
const MAX_OPENED: usize = 65_536;

/// Where a stream goes on.
const LAST_EVENT_ID: &str = "last-event-id";

/// Rings open streams.
#[derive(Clone, Default)]
pub(crate) struct Hub {
    bells: Arc<Mutex<HashMap<SubjectId, Bell>>>,
    opened: Arc<Mutex<HashMap<(SubjectId, SubjectId), Instant>>>,
}

struct Bell {
    ring: watch::Sender<()>,
    listeners: usize,
}

/// A listener's place; it is given back when dropped.
struct Listening {
    hub: Hub,
    subject: SubjectId,
    rung: watch::Receiver<()>,
}

impl Hub {
    /// Rings the subject's streams.
    pub(crate) fn ring(&self, subject: SubjectId) {
        if let Some(bell) = self.bells.lock().get(&subject) {
            bell.ring.send_replace(());
        }
    }

    fn listen(&self, subject: SubjectId) -> Result<Listening, GatewayError> {
        let mut bells = self.bells.lock();
        if bells.values().map(|bell| bell.listeners).sum::<usize>() >= MAX_STREAMS {
            return Err(GatewayError::Unavailable("too many streams are open"));
        }
        let bell = bells.entry(subject).or_insert_with(|| Bell {
            ring: watch::channel(()).0,
            listeners: 0,
        });
        if bell.listeners >= MAX_STREAMS_PER_SUBJECT {
            return Err(GatewayError::TooManyRequests {
                retry_after_secs: HEARTBEAT.as_secs(),
            });
        }
        bell.listeners += 1;
        Ok(Listening {
            hub: self.clone(),
            subject,
            rung: bell.ring.subscribe(),
        })
    }

    /// Whether a release by `reader` is to be told: not so soon after the last that was.
    fn tells_of(&self, subject: SubjectId, reader: SubjectId, now: Instant) -> bool {
        let mut opened = self.opened.lock();
        if opened.len() >= MAX_OPENED {
            opened.retain(|_, at| now.saturating_duration_since(*at) < OPENED_EVERY);
        }
        let last = opened.get(&(subject, reader));
        if last.is_some_and(|at| now.saturating_duration_since(*at) < OPENED_EVERY) {
            return false;
        }
        if opened.len() < MAX_OPENED {
            opened.insert((subject, reader), now);
        }
        true
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut bells = self.hub.bells.lock();
        if let Some(bell) = bells.get_mut(&self.subject) {
            bell.listeners -= 1;
            if bell.listeners == 0 {
                bells.remove(&self.subject);
            }
        }
    }
}

impl App {
    /// Tells a patient that somebody opened records, once for a run of releases.
    pub(crate) async fn tell_opened(
        &self,
        subject: SubjectId,
        reader: SubjectId,
        receipt: carechain_vault::ReceiptTip,
        at: u64,
    ) -> Result<(), GatewayError> {
        if !self.hub.tells_of(subject, reader, Instant::now()) {
            return Ok(());
        }
        let notice = NewNotification {
            recipient: subject,
            event: EventKey::receipt(subject, receipt.number),
            notice: Notice::RecordsOpened,
            subject,
            actor: Some(reader),
            about: receipt.hash,
            block: 0,
            at,
        };
        for told in self.vault.append_notifications(&[notice]).await? {
            self.hub.ring(told.recipient);
        }
        Ok(())
    }
}

/// Where a page begins.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub(crate) struct After {
    /// Number after which the page begins.
    #[serde(default)]
    pub(crate) after: u64,
}

#[utoipa::path(
    get, path = "/v1/notifications", tag = "notifications", params(After),
    responses((status = 200, body = NotificationsPage), (status = 401, body = carechain_api::ErrorBody)),
)]
/// The caller's notifications, oldest first.
pub(crate) async fn notifications(
    State(app): State<Shared>,
    caller: Caller,
    Asked(page): Asked<After>,
) -> Result<Json<NotificationsPage>, GatewayError> {
    let rows = app
        .vault
        .notifications_after(caller.subject, page.after, MAX_PAGE)
        .await?;
    Ok(Json(NotificationsPage {
        rows: rows.into_iter().map(shown).collect(),
    }))
}

#[utoipa::path(
    post, path = "/v1/notifications/read", tag = "notifications", request_body = NotificationsRead,
    responses((status = 204), (status = 401, body = carechain_api::ErrorBody)),
)]
/// Marks the caller's notifications as read.
pub(crate) async fn notifications_read(
    State(app): State<Shared>,
    caller: Caller,
    Input(read): Input<NotificationsRead>,
) -> Result<StatusCode, GatewayError> {
    let up_to = read.up_to.min(i64::MAX as u64);
    app.vault
        .mark_read(caller.subject, up_to, unix_secs())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/v1/notifications/stream", tag = "notifications",
    params(("Last-Event-ID" = Option<u64>, Header, description = "Number after which the stream begins")),
    responses(
        (status = 200, body = Notification, content_type = "text/event-stream"),
        (status = 401, body = carechain_api::ErrorBody),
        (status = 429, body = carechain_api::ErrorBody),
    ),
)]
/// The caller's notifications as they come, as server-sent events.
pub(crate) async fn stream(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, GatewayError> {
    let last = match headers.get(LAST_EVENT_ID) {
        None => 0,
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| GatewayError::field(LAST_EVENT_ID, "it must be a number"))?,
    };
    let token = token_of(&headers)
        .ok_or(GatewayError::SignInRequired)?
        .to_owned();
    let listening = app.hub.listen(caller.subject)?;
    let state = Streaming {
        app,
        caller,
        token,
        listening,
        last,
        queue: VecDeque::new(),
    };
    let events = futures::stream::unfold(state, |mut state| async move {
        let notification = state.next().await?;
        // A notification is plain data: it cannot fail to be written.
        let event = Event::default()
            .id(notification.id.to_string())
            .json_data(&notification)
            .ok()?;
        Some((Ok(event), state))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Streaming {
    app: Shared,
    caller: Caller,
    token: String,
    listening: Listening,
    last: u64,
    queue: VecDeque<StoredNotification>,
}

impl Streaming {
    /// The next notification; none when the session or the gateway ends.
    async fn next(&mut self) -> Option<Notification> {
        loop {
            if let Some(row) = self.queue.pop_front() {
                self.last = row.id;
                return Some(shown(row));
            }
            self.listening.rung.borrow_and_update();
            match self
                .app
                .vault
                .notifications_after(self.caller.subject, self.last, STREAM_BATCH)
                .await
            {
                Ok(rows) => self.queue.extend(rows),
                Err(error) => {
                    let error = GatewayError::from(error);
                    tracing::error!(cause = error.causes(), "a stream of notifications failed");
                    return None;
                }
            }
            if self.queue.is_empty() && !self.wait().await {
                return None;
            }
        }
    }

    /// Waits for the bell; `false` when the stream is to end.
    async fn wait(&mut self) -> bool {
        loop {
            tokio::select! {
                () = self.app.stop.cancelled() => return false,
                rung = self.listening.rung.changed() => return rung.is_ok(),
                () = tokio::time::sleep(HEARTBEAT) => {
                    let caller = self.app.caller(&self.token).await;
                    if !matches!(caller, Ok(Some(caller)) if caller.subject == self.caller.subject) {
                        return false;
                    }
                }
            }
        }
    }
}

fn shown(row: StoredNotification) -> Notification {
    Notification {
        id: row.id,
        notice: row.notice,
        subject: row.subject,
        actor: row.actor,
        about: row.about,
        block: row.block,
        at: row.at,
        read: row.read,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn streams_of_one_subject_are_bounded_and_given_back() {
        let hub = Hub::default();
        let subject = SubjectId::default();
        let mut open: Vec<_> = (0..MAX_STREAMS_PER_SUBJECT)
            .map(|_| hub.listen(subject).unwrap())
            .collect();
        assert!(matches!(
            hub.listen(subject),
            Err(GatewayError::TooManyRequests { .. })
        ));
        hub.ring(subject);
        assert!(open[0].rung.has_changed().unwrap());
        open.pop();
        open.push(hub.listen(subject).unwrap());
        drop(open);
        assert!(hub.bells.lock().is_empty());
    }

    #[test]
    fn a_run_of_releases_by_one_reader_is_one_notification() {
        let hub = Hub::default();
        let (patient, reader) = (SubjectId::from([1; 32]), SubjectId::from([2; 32]));
        let now = Instant::now();
        assert!(hub.tells_of(patient, reader, now));
        assert!(!hub.tells_of(patient, reader, now + OPENED_EVERY / 2));
        assert!(hub.tells_of(patient, patient, now));
        assert!(hub.tells_of(patient, reader, now + OPENED_EVERY));
    }
}

//! Notifications: kept until read, without medical content.

use alloy_primitives::B256;
use carechain_domain::{Notice, SubjectId};
use serde::{Deserialize, Serialize};

/// One notification. Also the data of a server-sent event on `GET /v1/notifications/stream`, whose id is `id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notification {
    /// Number within the recipient's notifications, rising.
    pub id: u64,
    /// What happened.
    pub notice: Notice,
    /// Whose record or subject it concerns.
    pub subject: SubjectId,
    /// Who did it, where somebody did.
    pub actor: Option<SubjectId>,
    /// Id of the request, grant, record, receipt or device.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub about: B256,
    /// Block number; 0 where it is not from the chain.
    pub block: u64,
    /// When.
    pub at: u64,
    /// Whether it was read.
    pub read: bool,
}

/// `GET /v1/notifications?after=`: unread and recent ones, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotificationsPage {
    /// At most MAX_PAGE.
    pub rows: Vec<Notification>,
}

/// `POST /v1/notifications/read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotificationsRead {
    /// All up to and with this one are read.
    pub up_to: u64,
}

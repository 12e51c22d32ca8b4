//! Kinds of notification. A notification says that something happened and to which id, never what is in a record.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that names no kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of notification")]
pub struct UnknownNotice;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// Somebody asks you for access.
    AccessRequested,
    /// Your request was refused.
    RequestRefused,
    /// A request to you was taken back.
    RequestWithdrawn,
    /// You were granted access.
    AccessGranted,
    /// A grant to you, or of yours, ended.
    AccessEnded,
    /// Somebody else wrote into your record.
    RecordAdded,
    /// Somebody amended a record that you wrote.
    RecordAmended,
    /// Somebody opened records of yours.
    RecordsOpened,
    /// Somebody applies for approval (administrators).
    ApplicationReceived,
    /// Your status changed.
    StatusChanged,
    /// A device was added to your keys.
    DeviceAdded,
    /// A device was removed from your keys.
    DeviceRemoved,
}

impl Notice {
    /// All of them.
    pub const ALL: [Notice; 12] = [
        Notice::AccessRequested,
        Notice::RequestRefused,
        Notice::RequestWithdrawn,
        Notice::AccessGranted,
        Notice::AccessEnded,
        Notice::RecordAdded,
        Notice::RecordAmended,
        Notice::RecordsOpened,
        Notice::ApplicationReceived,
        Notice::StatusChanged,
        Notice::DeviceAdded,
        Notice::DeviceRemoved,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Notice::AccessRequested => "access-requested",
            Notice::RequestRefused => "request-refused",
            Notice::RequestWithdrawn => "request-withdrawn",
            Notice::AccessGranted => "access-granted",
            Notice::AccessEnded => "access-ended",
            Notice::RecordAdded => "record-added",
            Notice::RecordAmended => "record-amended",
            Notice::RecordsOpened => "records-opened",
            Notice::ApplicationReceived => "application-received",
            Notice::StatusChanged => "status-changed",
            Notice::DeviceAdded => "device-added",
            Notice::DeviceRemoved => "device-removed",
        }
    }
}

impl FromStr for Notice {
    type Err = UnknownNotice;

    fn from_str(text: &str) -> Result<Self, UnknownNotice> {
        Notice::ALL
            .into_iter()
            .find(|n| n.as_str() == text)
            .ok_or(UnknownNotice)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_match_json() {
        for notice in Notice::ALL {
            assert_eq!(
                serde_json::to_string(&notice).unwrap(),
                format!("\"{notice}\"")
            );
            assert_eq!(notice.as_str().parse::<Notice>().unwrap(), notice);
        }
    }
}

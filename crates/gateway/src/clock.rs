//! The one place that reads the system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds; 0 for a clock before 1970, at which nothing is yet granted.
pub(crate) fn unix_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Unix milliseconds, as the content store counts.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

//! Moments as people type and read them: `30d`, `2027-01-31`, `2027-01-31T12:00:00Z`.
//!
//! Times are UTC wherever they are printed, and say so by their Z.

use core::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Seconds of the longest duration: ten years.
const MAX_DURATION_SECS: u64 = 10 * 366 * 86_400;

/// Characters of a date such as 2027-01-31.
const DATE_CHARS: usize = 10;

/// A moment, or how long from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Seconds from now.
    In(u64),
    /// Seconds since 1970.
    At(u64),
}

impl When {
    /// Seconds since 1970, seen from `now_secs`.
    pub(crate) fn secs(self, now_secs: u64) -> u64 {
        match self {
            When::In(secs) => now_secs.saturating_add(secs),
            When::At(secs) => secs,
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a duration (2s, 15m, 12h, 30d, 4w), a date (2027-01-31) or a moment with its offset \
                        (2027-01-31T12:00:00Z)";
        if let Some(secs) = duration_secs(text) {
            return match secs {
                1..=MAX_DURATION_SECS => Ok(When::In(secs)),
                _ => Err("a duration is 1 second to 10 years".to_owned()),
            };
        }
        let moment = if let Ok(moment) = text.parse::<Timestamp>() {
            moment
        } else {
            // A date alone means its end: "until Friday" includes Friday.
            // A day with an hour but no offset would be somebody's hour: it is refused.
            if text.len() != DATE_CHARS {
                return Err(expected.to_owned());
            }
            let date: Date = text.parse().map_err(|_| expected)?;
            let next = date.tomorrow().map_err(|_| expected)?;
            next.to_zoned(TimeZone::UTC)
                .map_err(|_| expected)?
                .timestamp()
        };
        u64::try_from(moment.as_second())
            .map(When::At)
            .map_err(|_| "a moment is after 1970".to_owned())
    }
}

fn duration_secs(text: &str) -> Option<u64> {
    let (unit_at, unit) = text.char_indices().next_back()?;
    let unit_secs = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let digits = &text[..unit_at];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(
        digits
            .parse::<u64>()
            .map_or(u64::MAX, |n| n.saturating_mul(unit_secs)),
    )
}

/// A moment for people and JSON: `2027-01-31T12:00:00Z`.
pub(crate) fn utc(secs: u64) -> String {
    i64::try_from(secs)
        .ok()
        .and_then(|s| Timestamp::from_second(s).ok())
        .map_or_else(|| "never".to_owned(), |t| t.to_string())
}

/// The date of a moment, for FHIR: `2027-01-31`.
pub(crate) fn utc_date(secs: u64) -> String {
    utc(secs).split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations_dates_and_moments_are_understood() {
        let parse = |text: &str| text.parse::<When>().unwrap();
        assert_eq!(parse("2s").secs(100), 102);
        assert_eq!(parse("15m").secs(0), 900);
        assert_eq!(parse("2h").secs(0), 7_200);
        assert_eq!(parse("30d").secs(0), 2_592_000);
        assert_eq!(parse("4w").secs(0), 2_419_200);
        assert_eq!(utc(parse("2027-01-31").secs(5)), "2027-02-01T00:00:00Z");
        assert_eq!(
            utc(parse("2027-01-31T12:00:00+05:30").secs(5)),
            "2027-01-31T06:30:00Z"
        );
        assert_eq!(utc_date(1_800_000_000), "2027-01-15");
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for bad in [
            "",
            "d",
            "30",
            "-5d",
            "0s",
            "11000d",
            "1.5h",
            "30 d",
            "tomorrow",
            "2027-02-30",
            "2027-01-31T12:00",
            "99999999999999999999w",
            "日",
        ] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_moment_is_out_of_words() {
        assert_eq!(utc(u64::MAX), "never");
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
    }
}

//! Comparing FHIR dates of different precision, and asking whether a day exists.

/// A date or time with as much as its text says, ready to be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    /// Minutes since 1 January of year 0, in UTC where a zone was given.
    minutes: i64,
    /// Thousandths of a second.
    millis: i64,
}

/// Whether the period `start` to `end` ends before it starts, precision taken into account: a
/// period from 1 to "February" is not reversed.
pub(super) fn reversed(start: &str, end: &str) -> bool {
    let common = start.len().min(end.len());
    let (cut_start, cut_end) = if common <= 10 {
        (start.get(..common), end.get(..common))
    } else {
        (Some(start), Some(end))
    };
    match (cut_start.and_then(moment), cut_end.and_then(moment)) {
        (Some(start), Some(end)) => start > end,
        _ => false,
    }
}

/// Whether text that starts like a full date names a day that no calendar has.
pub(super) fn impossible_day(text: &str) -> bool {
    let Some(date) = text.get(..10) else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) =
        (number(date, 0, 4), number(date, 5, 7), number(date, 8, 10))
    else {
        return false;
    };
    let dashes = date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    dashes && (1..=12).contains(&month) && !(1..=days_in(year, month)).contains(&day)
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn moment(text: &str) -> Option<Moment> {
    let year = number(text, 0, 4)?;
    let month = if text.len() >= 7 {
        number(text, 5, 7)?
    } else {
        1
    };
    let day = if text.len() >= 10 {
        number(text, 8, 10)?
    } else {
        1
    };
    if !(1..=12).contains(&month) {
        return None;
    }
    let earlier: i64 = (1..month).map(|m| days_in(year, m)).sum();
    let leap_days = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let mut minutes = (year * 365 + leap_days + earlier + day - 1) * 24 * 60;
    let mut millis = 0;
    if text.len() > 10 {
        minutes += number(text, 11, 13)? * 60 + number(text, 14, 16)?;
        millis = number(text, 17, 19)? * 1000;
        let rest = &text[19..];
        let zone_at = rest.find(['Z', '+', '-'])?;
        let (fraction, zone) = rest.split_at(zone_at);
        for (place, digit) in [100, 10, 1].into_iter().zip(fraction.bytes().skip(1)) {
            millis += place * i64::from(digit.wrapping_sub(b'0'));
        }
        if zone != "Z" {
            let offset = number(zone, 1, 3)? * 60 + number(zone, 4, 6)?;
            minutes -= if zone.starts_with('-') {
                -offset
            } else {
                offset
            };
        }
    }
    Some(Moment { minutes, millis })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_compare_by_what_they_say() {
        for (start, end, expected) in [
            ("2024-02-01", "2024-01-01", true),
            ("2024-02-01", "2024-02", false),
            ("2024-02-01", "2024", false),
            ("2024-02-01T10:00:00Z", "2024-02-01", false),
            ("2024-02-01T10:00:00Z", "2024-02-01T10:30:00+01:00", true),
            ("2024-02-01T10:00:00.5Z", "2024-02-01T10:00:00.25Z", true),
            ("2024-02-29", "2024-03-01", false),
            ("2023-12-31T23:00:00-05:00", "2024-01-01T03:00:00Z", true),
            ("nonsense", "2024", false),
            ("2024-01-01T", "2023-01-01Tx", false),
        ] {
            assert_eq!(reversed(start, end), expected, "{start} to {end}");
        }
    }

    #[test]
    fn days_are_on_the_calendar() {
        for (text, bad) in [
            ("2023-02-29", true),
            ("2024-02-29T10:00:00Z", false),
            ("2024-04-31", true),
            ("2024-04", false),
            ("2024-00-10", false),
            ("1900-02-29", true),
            ("ééééééé", false),
        ] {
            assert_eq!(impossible_day(text), bad, "{text}");
        }
    }
}

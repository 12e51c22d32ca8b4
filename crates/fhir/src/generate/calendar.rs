//! Days of the Gregorian calendar, counted, so that visits can be spaced.

use core::fmt;

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Day(pub(super) i64);

impl Day {
    pub(super) fn new(year: i64, month: i64, day: i64) -> Day {
        // Years start in March, so that the leap day is the last: the usual civil-date arithmetic.
        let shifted = if month <= 2 { year - 1 } else { year };
        let era = shifted.div_euclid(400);
        let of_era = shifted.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Day(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// Reads `YYYY-MM-DD`; days that do not exist are refused.
    pub(super) fn parse(text: &str) -> Option<Day> {
        let number = |from, to| -> Option<i64> {
            let digits: &str = text.get(from..to)?;
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let found = (1..=12)
            .contains(&month)
            .then(|| Day::new(year, month, day))?;
        (text.len() == 10 && found.to_string() == text).then_some(found)
    }

    pub(super) fn year(self) -> i64 {
        self.parts().0
    }

    pub(super) fn plus(self, days: i64) -> Day {
        Day(self.0 + days)
    }

    /// The years lived since `born`.
    pub(super) fn age(self, born: Day) -> i64 {
        let (year, month, day) = self.parts();
        let (born_year, born_month, born_day) = born.parts();
        year - born_year - i64::from((month, day) < (born_month, born_day))
    }

    fn parts(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 {
            month_index + 3
        } else {
            month_index - 9
        };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_like_the_calendar() {
        assert_eq!(Day::new(1970, 1, 1), Day(0));
        assert_eq!(Day::new(2000, 2, 29).plus(1).to_string(), "2000-03-01");
        assert_eq!(Day::new(2023, 12, 31).plus(1).to_string(), "2024-01-01");
        assert_eq!(Day::parse("2024-02-29"), Some(Day::new(2024, 2, 29)));
        for bad in ["2023-02-29", "2024-13-01", "2024-1-01", "2024-01-01x", ""] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        assert_eq!(Day::new(2024, 3, 1).age(Day::new(2000, 3, 2)), 23);
        for n in (-200_000..200_000).step_by(37) {
            assert_eq!(Day::parse(&Day(n).to_string()), Some(Day(n)));
        }
    }
}

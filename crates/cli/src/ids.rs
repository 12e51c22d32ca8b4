//! Ids as people type them: whole, or their first characters while these name one thing alone.

use core::fmt;
use core::str::FromStr;

use alloy_primitives::B256;

use crate::error::CliError;

/// Hex digits that a prefix has at least: fewer would name a thing by accident.
const PREFIX_MIN_DIGITS: usize = 6;
/// Hex digits that tables print.
const SHORT_DIGITS: usize = 12;
/// Hex digits of a whole id.
const DIGITS: usize = 64;

/// The beginning of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdPrefix(String);

impl IdPrefix {
    /// The id, where all of it was given.
    pub(crate) fn whole(&self) -> Option<B256> {
        (self.0.len() == DIGITS).then(|| self.0.parse().expect("64 hex digits are 32 bytes"))
    }

    /// Whether `id` begins so.
    pub(crate) fn matches(&self, id: B256) -> bool {
        hex::encode(id).starts_with(&self.0)
    }

    /// The one of `ids` that begins so.
    pub(crate) fn pick(
        &self,
        what: &'static str,
        ids: impl IntoIterator<Item = B256>,
    ) -> Result<B256, CliError> {
        let mut found = None;
        for id in ids {
            if self.matches(id) && found.replace(id).is_some_and(|other| other != id) {
                return Err(CliError::Ambiguous {
                    what,
                    prefix: self.to_string(),
                });
            }
        }
        found.ok_or_else(|| CliError::NotFound {
            what,
            id: self.to_string(),
        })
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", self.0)
    }
}

impl FromStr for IdPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .strip_prefix("0x")
            .unwrap_or(text)
            .trim_end_matches('…');
        let fits = (PREFIX_MIN_DIGITS..=DIGITS).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if fits {
            Ok(IdPrefix(digits.to_ascii_lowercase()))
        } else {
            Err(format!(
                "expected 0x and {PREFIX_MIN_DIGITS} to {DIGITS} hex digits"
            ))
        }
    }
}

/// The first characters of an id, for tables.
pub(crate) fn short(id: B256) -> String {
    let mut text = format!("{id:#x}");
    text.truncate(2 + SHORT_DIGITS);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_names_one_thing_or_is_refused() {
        let ids = [
            B256::repeat_byte(0x11),
            B256::repeat_byte(0x12),
            B256::repeat_byte(0x11),
        ];
        let prefix: IdPrefix = "0x111111".parse().unwrap();
        assert_eq!(prefix.pick("record", ids).unwrap(), ids[0]);
        let absent: IdPrefix = "0x131313".parse().unwrap();
        assert!(matches!(
            absent.pick("record", ids),
            Err(CliError::NotFound { .. })
        ));
        let mut near = B256::repeat_byte(0x11);
        near.0[31] = 0;
        assert!(matches!(
            prefix.pick("record", [ids[0], near]),
            Err(CliError::Ambiguous { .. })
        ));
    }

    #[test]
    fn what_tables_print_can_be_typed() {
        let id = B256::repeat_byte(0xab);
        let prefix: IdPrefix = short(id).parse().unwrap();
        assert!(prefix.matches(id));
        assert_eq!(prefix.whole(), None);
        assert_eq!(
            format!("{id:#x}").parse::<IdPrefix>().unwrap().whole(),
            Some(id)
        );
        for bad in ["", "0x", "0x12345", "0xzzzzzz", "12 34 56"] {
            assert!(bad.parse::<IdPrefix>().is_err(), "{bad}");
        }
    }
}

//! Kinds of subject, their status, and administrators' decisions, numbered as the Directory contract numbers them.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text or number that is none of a term's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}; one of {values}")]
pub struct UnknownTerm {
    /// Which term was expected.
    pub what: &'static str,
    /// Its values.
    pub values: &'static str,
}

macro_rules! term {
    ($(#[$doc:meta])* $name:ident, $what:literal, $values:literal, { $($(#[$vdoc:meta])* $variant:ident = $number:literal $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)+ }

        impl $name {
            /// Its number in the contract.
            pub fn number(self) -> u8 {
                self as u8
            }

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }

        impl TryFrom<u8> for $name {
            type Error = UnknownTerm;

            fn try_from(number: u8) -> Result<Self, UnknownTerm> {
                match number {
                    $($number => Ok($name::$variant),)+
                    _ => Err(UnknownTerm { what: $what, values: $values }),
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownTerm;

            fn from_str(text: &str) -> Result<Self, UnknownTerm> {
                match text {
                    $($text => Ok($name::$variant),)+
                    _ => Err(UnknownTerm { what: $what, values: $values }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

term! {
    /// What a subject is.
    Kind, "kind", "patient, doctor, pharmacy, organisation, administrator", {
        /// Owns a chart.
        Patient = 1 "patient",
        /// Treats patients once approved.
        Doctor = 2 "doctor",
        /// Dispenses once approved.
        Pharmacy = 3 "pharmacy",
        /// Runs nodes, employs doctors.
        Organisation = 4 "organisation",
        /// Approves and suspends by votes.
        Administrator = 5 "administrator",
    }
}

term! {
    /// Where a subject stands.
    Status, "status", "pending, approved, rejected, suspended", {
        /// Waits for administrators.
        Pending = 1 "pending",
        /// May act.
        Approved = 2 "approved",
        /// Was turned down; may apply again.
        Rejected = 3 "rejected",
        /// Was stopped; may be reinstated.
        Suspended = 4 "suspended",
    }
}

term! {
    /// What administrators vote on.
    Decision, "decision", "approve, reject, suspend, reinstate", {
        /// Pending becomes approved.
        Approve = 1 "approve",
        /// Pending becomes rejected.
        Reject = 2 "reject",
        /// Approved becomes suspended.
        Suspend = 3 "suspend",
        /// Suspended becomes approved.
        Reinstate = 4 "reinstate",
    }
}

term! {
    /// Why, as a number on chain; never free text.
    Reason, "reason", "incomplete, unverifiable, not-licensed, duplicate, complaint, licence-ended, misuse, withdrawn, other", {
        /// Documents are missing.
        Incomplete = 1 "incomplete",
        /// Documents could not be verified.
        Unverifiable = 2 "unverifiable",
        /// The licence does not cover this.
        NotLicensed = 3 "not-licensed",
        /// The person is registered already.
        Duplicate = 4 "duplicate",
        /// A complaint was upheld.
        Complaint = 5 "complaint",
        /// The licence ended.
        LicenceEnded = 6 "licence-ended",
        /// Access was misused.
        Misuse = 7 "misuse",
        /// On the person's own wish.
        Withdrawn = 8 "withdrawn",
        /// Something else.
        Other = 255 "other",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_numbers_go_both_ways() {
        for n in 0..=255u8 {
            if let Ok(kind) = Kind::try_from(n) {
                assert_eq!(kind.number(), n);
                assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
                assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
            }
            if let Ok(reason) = Reason::try_from(n) {
                assert_eq!(reason.as_str().parse::<Reason>().unwrap(), reason);
            }
        }
        assert_eq!(
            "surgeon".parse::<Kind>().unwrap_err().to_string(),
            "unknown kind; one of patient, doctor, pharmacy, organisation, administrator"
        );
        assert!(Status::try_from(0).is_err());
    }
}

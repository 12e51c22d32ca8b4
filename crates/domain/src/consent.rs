//! Grants and what follows from them. The Consent contract decides; this says the same thing off chain, so that a
//! device can plan, explain and check before it sends.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EpochExhausted, Epochs, GrantId, LaneSet, SubjectId};

/// A text or number that names no purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown purpose; one of treatment, second-opinion, emergency, payment, research, personal"
)]
pub struct UnknownPurpose;

/// What access is for, a number on chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[repr(u16)]
pub enum Purpose {
    /// Care of the patient.
    #[default]
    Treatment = 1,
    /// Another doctor's view.
    SecondOpinion = 2,
    /// Emergency care.
    Emergency = 3,
    /// Billing and insurance.
    Payment = 4,
    /// Research the patient agreed to.
    Research = 5,
    /// The patient's own use.
    Personal = 6,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Purpose; 6] = [
        Purpose::Treatment,
        Purpose::SecondOpinion,
        Purpose::Emergency,
        Purpose::Payment,
        Purpose::Research,
        Purpose::Personal,
    ];

    /// Its number in the contract.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Treatment => "treatment",
            Purpose::SecondOpinion => "second-opinion",
            Purpose::Emergency => "emergency",
            Purpose::Payment => "payment",
            Purpose::Research => "research",
            Purpose::Personal => "personal",
        }
    }
}

impl TryFrom<u16> for Purpose {
    type Error = UnknownPurpose;

    fn try_from(number: u16) -> Result<Self, UnknownPurpose> {
        Purpose::ALL
            .into_iter()
            .find(|p| p.number() == number)
            .ok_or(UnknownPurpose)
    }
}

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        Purpose::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or(UnknownPurpose)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Lanes that may be read and lanes that may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lanes {
    /// May be read.
    pub read: LaneSet,
    /// May be written.
    pub write: LaneSet,
}

/// A grant as the chain holds it. Times are Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Whose records.
    pub subject: SubjectId,
    /// Who may.
    pub grantee: SubjectId,
    /// Which lanes.
    pub lanes: Lanes,
    /// What for, as the chain's number.
    pub purpose: u16,
    /// Since when.
    pub granted_at: u64,
    /// First second at which it no longer holds.
    pub not_after: u64,
    /// Ended before its date.
    pub ended: bool,
}

/// Where a grant stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GrantState {
    /// Holds.
    Live,
    /// Its end date has passed.
    Expired,
    /// The patient ended it.
    Revoked,
}

impl Grant {
    /// Where it stands at `at`.
    pub fn state(&self, at: u64) -> GrantState {
        if self.ended {
            GrantState::Revoked
        } else if at >= self.not_after {
            GrantState::Expired
        } else {
            GrantState::Live
        }
    }
}

/// freshUntil that follows from the grants that remain: the earliest end of a live grant that may read, else the
/// largest number ("no end").
pub fn earliest_end<'a>(grants: impl IntoIterator<Item = &'a Grant>, at: u64) -> u64 {
    grants
        .into_iter()
        .filter(|g| g.state(at) == GrantState::Live && !g.lanes.read.is_empty())
        .map(|g| g.not_after)
        .min()
        .unwrap_or(u64::MAX)
}

/// Whether authors may make key slots at `at`. The chain's 0 means that it was never set.
pub fn fresh_at(fresh_until: u64, at: u64) -> bool {
    fresh_until == 0 || at < fresh_until
}

/// Epochs after the lanes of `grant` have moved.
pub fn epochs_after(epochs: Epochs, grant: &Grant) -> Result<Epochs, EpochExhausted> {
    epochs.moved(grant.lanes.read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(read: u16, not_after: u64, ended: bool) -> Grant {
        Grant {
            id: GrantId::default(),
            subject: SubjectId::default(),
            grantee: SubjectId::default(),
            lanes: Lanes {
                read: LaneSet(read),
                write: LaneSet(1),
            },
            purpose: 1,
            granted_at: 0,
            not_after,
            ended,
        }
    }

    #[test]
    fn a_grant_ends_at_its_second_and_not_before() {
        let g = grant(1, 100, false);
        assert_eq!(g.state(99), GrantState::Live);
        assert_eq!(g.state(100), GrantState::Expired);
        assert_eq!(grant(1, 100, true).state(0), GrantState::Revoked);
    }

    #[test]
    fn only_live_reading_grants_bound_freshness() {
        let grants = [
            grant(1, 300, false),
            grant(0, 50, false),
            grant(1, 20, true),
            grant(1, 10, false),
        ];
        assert_eq!(earliest_end(&grants, 15), 300);
        assert_eq!(earliest_end(&grants, 5), 10);
        assert_eq!(earliest_end(&[], 5), u64::MAX);
    }

    #[test]
    fn fresh_ends_at_its_second() {
        assert!(fresh_at(0, 5));
        assert!(fresh_at(6, 5));
        assert!(!fresh_at(5, 5));
    }
}

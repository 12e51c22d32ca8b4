//! Each transaction in words, for the person who signs it.

use alloy_primitives::B256;
use carechain_bindings::consent::IConsent;
use carechain_domain::{GrantId, LaneSet, Lanes, Purpose, Reason, SubjectId};

use super::Action;

/// What a grant says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// Whose records.
    pub subject: SubjectId,
    /// Who may.
    pub grantee: SubjectId,
    /// Random part of the id.
    pub salt: B256,
    /// Which lanes.
    pub lanes: Lanes,
    /// What for.
    pub purpose: Purpose,
    /// First second at which it no longer holds.
    pub not_after: u64,
}

impl Terms {
    /// keccak256(abi.encode(subject, grantee, salt)).
    pub fn id(&self) -> GrantId {
        pair_id(self.subject, self.grantee, self.salt).into()
    }

    pub(super) fn abi(&self) -> IConsent::Terms {
        IConsent::Terms {
            subject: self.subject.0,
            grantee: self.grantee.0,
            salt: self.salt,
            readLanes: self.lanes.read.0,
            writeLanes: self.lanes.write.0,
            purpose: self.purpose.number(),
            notAfter: self.not_after,
        }
    }
}

/// The id of a grant or request: keccak256 of subject, other party and salt.
pub(crate) fn pair_id(subject: SubjectId, other: SubjectId, salt: B256) -> B256 {
    let mut bytes = [0; 96];
    bytes[..32].copy_from_slice(subject.0.as_slice());
    bytes[32..64].copy_from_slice(other.0.as_slice());
    bytes[64..].copy_from_slice(salt.as_slice());
    alloy_primitives::keccak256(bytes)
}

/// A moment in UTC, or "without end".
pub(crate) fn moment(secs: u64) -> String {
    i64::try_from(secs)
        .ok()
        .and_then(|s| jiff::Timestamp::from_second(s).ok())
        .map_or_else(|| "without end".to_owned(), |t| t.to_string())
}

fn lanes(count: LaneSet) -> String {
    match count.iter().count() {
        0 => "nothing".to_owned(),
        1 => "1 category".to_owned(),
        n => format!("{n} categories"),
    }
}

impl Action {
    /// What it does, in a few words, for errors.
    pub fn what(&self) -> &'static str {
        match self {
            Action::Register(_) => "register",
            Action::AddDevice { .. } => "add a device",
            Action::RemoveDevice { .. } => "remove a device",
            Action::SetProfile { .. } => "publish a profile",
            Action::Apply { .. } => "apply for approval",
            Action::Vote { .. } => "vote",
            Action::VoteThreshold { .. } => "vote on the threshold",
            Action::Request { .. } => "ask for access",
            Action::Refuse { .. } => "refuse a request",
            Action::Withdraw { .. } => "take a request back",
            Action::Grant { .. } => "grant access",
            Action::Revoke { .. } => "revoke a grant",
            Action::MoveEpochs { .. } => "move keys on",
            Action::Anchor { .. } => "add records",
        }
    }

    /// What signing it means, in words.
    pub fn explain(&self) -> String {
        match self {
            Action::Register(call) => format!(
                "Register a new subject on this node's chain and make {:#x} its first device. The root key is \
                 dropped from this device afterwards; only the 24 words bring it back.",
                call.registration.device
            ),
            Action::AddDevice { device, .. } => format!(
                "Let device {device:#x} act for you: read, write, grant and revoke, until you remove it."
            ),
            Action::RemoveDevice { device } => format!(
                "Device {device:#x} may no longer act for you. What it has read stays read."
            ),
            Action::SetProfile { hash } => {
                format!("Publish a profile that everybody can read (hash {hash:#x}).")
            }
            Action::Apply { credential_hash } => format!(
                "Hand in documents for approval. Administrators alone can open them; the chain gets their hash \
                 {credential_hash:#x}."
            ),
            Action::Vote {
                subject,
                decision,
                reason,
                credential_hash,
            } => {
                let why = Reason::try_from(u8::try_from(*reason).unwrap_or(0))
                    .map_or_else(|_| String::new(), |r| format!(", because: {r}"));
                let judged = if credential_hash.is_zero() {
                    "who handed in no documents".to_owned()
                } else {
                    format!("by the documents of hash {credential_hash:#x}")
                };
                format!(
                    "Vote to {decision} {subject}, {judged}{why}. Your vote is public and names you."
                )
            }
            Action::VoteThreshold { threshold } => {
                format!("Vote that decisions need {threshold} administrators from now on.")
            }
            Action::Request {
                subject, expiry, ..
            } => format!(
                "Ask {subject} for access, to be answered until {}. What you ask for and why is sealed to them; the \
                 chain shows that you asked.",
                moment(*expiry)
            ),
            Action::Refuse { request } => format!("Refuse request {request}."),
            Action::Withdraw { request } => format!("Take request {request} back."),
            Action::Grant { .. }
            | Action::Revoke { .. }
            | Action::MoveEpochs { .. }
            | Action::Anchor { .. } => self.explain_care(),
        }
    }

    /// Words for what concerns records and access to them.
    fn explain_care(&self) -> String {
        if let Action::Grant { terms, .. } = self {
            return format!(
                "Let {} read {} and write {} of your record for {}, until {}. What is read stays read, also after \
                 you revoke.",
                terms.grantee,
                lanes(terms.lanes.read),
                lanes(terms.lanes.write),
                terms.purpose,
                moment(terms.not_after)
            );
        }
        if let Action::Revoke { grant, .. } = self {
            return format!(
                "End grant {grant} at once. Keys move on, so that nothing written from now on opens with the old \
                 ones. What was read stays read."
            );
        }
        if let Action::MoveEpochs {
            lanes: moved,
            expired,
            ..
        } = self
        {
            return format!(
                "Move the keys of {} on; {} grants that have ended are closed.",
                lanes(*moved),
                expired.len()
            );
        }
        if let Action::Anchor {
            subject,
            items,
            deadline,
        } = self
        {
            return format!(
                "Add {} record versions to the record of {subject}. They cannot be taken out of the chain again; \
                 their keys can be erased. To be included until {}.",
                items.len(),
                moment(*deadline)
            );
        }
        self.what().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carechain_domain::Decision;

    #[test]
    fn words_name_what_matters() {
        let terms = Terms {
            subject: SubjectId::default(),
            grantee: SubjectId(B256::repeat_byte(7)),
            salt: B256::ZERO,
            lanes: Lanes {
                read: LaneSet(0b11),
                write: LaneSet(1),
            },
            purpose: Purpose::Treatment,
            not_after: 1_800_000_000,
        };
        let text = Action::Grant {
            terms,
            request: Default::default(),
            fresh_until: 1,
        }
        .explain();
        assert!(
            text.contains("read 2 categories and write 1 category"),
            "{text}"
        );
        assert!(text.contains("2027-01-15T08:00:00Z"), "{text}");
        let vote = Action::Vote {
            subject: terms.grantee,
            decision: Decision::Suspend,
            reason: 5,
            credential_hash: B256::repeat_byte(0xc4),
        };
        let text = vote.explain();
        assert!(
            text.contains("suspend") && text.contains("complaint"),
            "{text}"
        );
        assert!(
            text.contains(&B256::repeat_byte(0xc4).to_string()),
            "{text}"
        );
        assert_eq!(moment(u64::MAX), "without end");
    }
}

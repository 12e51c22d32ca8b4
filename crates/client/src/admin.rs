//! What administrators do: open applications, vote, invite. Also managing one's own devices, by words.

use alloy_primitives::{Address, B256};
use carechain_api::{DirectoryQuery, Invitation};
use carechain_crypto::{ApplicationDocument, ApplicationKeySlot, Words, open_application};
use carechain_domain::{Decision, Kind, Reason, Status, SubjectId};

use crate::device::{Device, send};
use crate::directory::Person;
use crate::error::{ClientError, Lie};
use crate::facts::Ask;
use crate::platform::Platform;
use crate::tx::Action;

impl<P: Platform> Device<P> {
    /// Subjects that wait for approval, proven, those of one kind or of all.
    pub async fn pending(&self, kind: Option<Kind>) -> Result<Vec<Person>, ClientError> {
        let mut query = DirectoryQuery {
            kind,
            status: Some(Status::Pending),
            ..DirectoryQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = self.directory(&query).await?;
            let waiting = page
                .rows
                .into_iter()
                .filter(|p| p.fact.status == Status::Pending);
            found.extend(waiting);
            query.after = page.next;
            if query.after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The documents that an applicant handed in, compared with the commitment on chain. This device remembers which
    /// they were, so that a vote judges them and no others.
    pub async fn open_application(
        &self,
        applicant: SubjectId,
    ) -> Result<Vec<ApplicationDocument>, ClientError> {
        let facts = self.prove(Ask::default().subject(applicant)).await?;
        let fact = facts.subject(applicant).ok_or(ClientError::Unknown {
            what: "subject",
            id: applicant.0,
        })?;
        if fact.credential_hash.is_zero() {
            return Err(ClientError::Unknown {
                what: "application of",
                id: applicant.0,
            });
        }
        let application = self
            .authed(async || self.http.application(applicant).await)
            .await?;
        let own = self.subject();
        let key = application
            .keys
            .iter()
            .find(|key| key.administrator == own)
            .ok_or(ClientError::field(
                "application",
                "it was not sealed to you",
            ))?;
        let slot = ApplicationKeySlot {
            applicant: applicant.0,
            administrator: own.0,
            key_version: key.key_version,
            credential_hash: fact.credential_hash,
        };
        let changed = |_| Lie::RowChanged {
            what: "application",
            id: applicant.0,
        };
        let key = slot
            .open(&self.kem(), key.sealed.as_ref())
            .map_err(changed)?;
        let envelope = application.envelope.as_ref();
        let package = open_application(&applicant.0, &key, envelope, &fact.credential_hash)
            .map_err(changed)?;
        self.http
            .platform
            .save(
                &self.judged_name(applicant),
                fact.credential_hash.as_slice(),
            )
            .await?;
        Ok(package.documents().to_vec())
    }

    /// Where the hash of the application that was opened last is kept.
    fn judged_name(&self, applicant: SubjectId) -> String {
        format!("judged/{:x}/{:x}", self.subject().0, applicant.0)
    }

    /// The credentials that a vote is about: to approve and to reject those that this device opened last, where it
    /// opened any; else those that the chain proves. A saved hash of another length counts as none.
    async fn judged(&self, subject: SubjectId, decision: Decision) -> Result<B256, ClientError> {
        let facts = self.prove(Ask::default().subject(subject)).await?;
        let proven = facts
            .subject(subject)
            .ok_or(ClientError::Unknown {
                what: "subject",
                id: subject.0,
            })?
            .credential_hash;
        if !matches!(decision, Decision::Approve | Decision::Reject) {
            return Ok(proven);
        }
        let saved = self.http.platform.load(&self.judged_name(subject)).await?;
        match saved.and_then(|bytes| B256::try_from(bytes.as_slice()).ok()) {
            Some(opened) if opened != proven => Err(ClientError::CredentialsChanged { subject }),
            Some(_) | None => Ok(proven),
        }
    }

    /// Votes on somebody. Gives the status that the chain has afterwards: unchanged while votes are missing. The vote
    /// names the credentials it judges, and the chain refuses it once they are replaced.
    pub async fn vote(
        &self,
        subject: SubjectId,
        decision: Decision,
        reason: Option<Reason>,
    ) -> Result<Status, ClientError> {
        let needs_reason = matches!(decision, Decision::Reject | Decision::Suspend);
        if needs_reason && reason.is_none() {
            return Err(ClientError::field(
                "reason",
                "rejecting and suspending need one",
            ));
        }
        let reason = reason.map_or(0, |r| u16::from(r.number()));
        let credential_hash = self.judged(subject, decision).await?;
        self.act(&Action::Vote {
            subject,
            decision,
            reason,
            credential_hash,
        })
        .await?;
        let facts = self.prove(Ask::default().subject(subject)).await?;
        let fact = facts.subject(subject);
        Ok(fact
            .ok_or(ClientError::Unknown {
                what: "subject",
                id: subject.0,
            })?
            .status)
    }

    /// Votes on how many votes a decision needs.
    pub async fn vote_threshold(&self, threshold: u8) -> Result<(), ClientError> {
        self.act(&Action::VoteThreshold { threshold })
            .await
            .map(drop)
    }

    /// Votes that a decision needs, and how many administrators there are.
    pub async fn electorate(&self) -> Result<(u8, u32), ClientError> {
        Ok(self.prove(Ask::default().electorate()).await?.electorate())
    }

    /// A code for one voucher.
    pub async fn invite(&self, kind: Kind, expiry: Option<u64>) -> Result<Invitation, ClientError> {
        let ask = Invitation {
            kind,
            code: String::new(),
            expiry: expiry.unwrap_or(0),
        };
        self.authed(async || self.http.invitation(&ask).await).await
    }

    /// Removes one of one's own devices; only the words can.
    pub async fn remove_device(&self, words: &Words, device: Address) -> Result<(), ClientError> {
        let index = self.keyset.header().index;
        let root = words
            .seed()
            .root_key(index)
            .map_err(ClientError::crypto("derive the root key"))?;
        let facts = self.prove(Ask::default().root(root.address())).await?;
        if facts.root(root.address()) != self.subject() {
            return Err(ClientError::field(
                "words",
                "they are not those of this subject",
            ));
        }
        let action = Action::RemoveDevice { device };
        send(&self.http, self.pins(), &action, &root)
            .await
            .map(drop)
    }

    /// One's own status and keys on chain, proven.
    pub async fn standing(&self) -> Result<Person, ClientError> {
        let subject = self.subject();
        let facts = self.prove(Ask::default().subject(subject)).await?;
        let fact = facts.subject(subject).ok_or(ClientError::NotRegistered)?;
        Ok(Person {
            subject,
            fact,
            profile: None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use alloy_primitives::U256;

    use super::*;
    use crate::slots;
    use crate::testing::{FakeNode, run};

    const APPLICANT: SubjectId = SubjectId(B256::repeat_byte(0x21));

    fn hand_in(node: &FakeNode, hash: B256) {
        let directory = node.info().contracts.directory;
        let value = U256::from_be_bytes(hash.0);
        node.set(directory, slots::subject(APPLICANT, 4), value);
    }

    #[test]
    fn a_vote_judges_what_was_opened_and_stops_when_it_was_replaced() {
        let node = FakeNode::new();
        let administrator = node.person(3, Kind::Administrator);
        node.set_subject(APPLICANT, Kind::Doctor, 1, B256::repeat_byte(1));
        let (read, swapped) = (B256::repeat_byte(0xaa), B256::repeat_byte(0xbb));
        let judged = |decision| run(administrator.judged(APPLICANT, decision));
        hand_in(&node, read);
        assert_eq!(judged(Decision::Approve).unwrap(), read, "none was opened");

        let name = administrator.judged_name(APPLICANT);
        run((&node).save(&name, read.as_slice())).unwrap();
        assert_eq!(judged(Decision::Approve).unwrap(), read);
        node.number.set(node.number.get() + 1);
        hand_in(&node, swapped);
        for decision in [Decision::Approve, Decision::Reject] {
            let refused = judged(decision).unwrap_err();
            assert!(
                matches!(refused, ClientError::CredentialsChanged { subject } if subject == APPLICANT),
                "{refused}"
            );
        }
        let refused = run(administrator.vote(APPLICANT, Decision::Approve, None));
        assert!(matches!(
            refused,
            Err(ClientError::CredentialsChanged { .. })
        ));
        assert_eq!(judged(Decision::Suspend).unwrap(), swapped);

        run((&node).save(&name, swapped.as_slice())).unwrap();
        assert_eq!(judged(Decision::Approve).unwrap(), swapped);
    }
}

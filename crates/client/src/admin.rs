//! What administrators do: open applications, vote, invite. Also managing one's own devices, by words.

use alloy_primitives::Address;
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

    /// The documents that an applicant handed in, compared with the commitment on chain.
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
        Ok(package.documents().to_vec())
    }

    /// Votes on somebody. Gives the status that the chain has afterwards: unchanged while votes are missing.
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
        self.act(&Action::Vote {
            subject,
            decision,
            reason,
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

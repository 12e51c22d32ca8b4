//! What a change sets off: staged rows are published, staged documents go live, sessions of removed devices and wraps
//! of ended grants go, and those concerned are told, by ids alone.

use std::collections::HashSet;

use alloy_primitives::B256;
use carechain_domain::{Kind, Notice, Status, SubjectId};
use carechain_index::{Change, What};
use carechain_vault::{DocumentKind, EventKey, MAX_APPEND, NewNotification, VaultError};

use super::Follower;
use crate::GatewayError;
use crate::clock::unix_secs;

/// Changes older than this are not told any more: read notifications are kept as long, so that an index built anew
/// tells nobody twice.
pub(crate) const NOTICE_AGE_SECS: u64 = 30 * 86_400;

impl Follower {
    /// Tells of changes. Idempotent.
    pub(super) async fn tell(&self, changes: &[Change]) -> Result<(), GatewayError> {
        let anchored: Vec<_> = changes.iter().filter_map(anchored).collect();
        if !anchored.is_empty() {
            self.vault.publish(&anchored).await?;
        }
        for change in changes {
            self.settle(&change.what).await?;
        }
        let notices = self.notices(changes).await?;
        for chunk in notices.chunks(MAX_APPEND) {
            for told in self.vault.append_notifications(chunk).await? {
                self.hub.ring(told.recipient);
            }
        }
        Ok(())
    }

    /// What the vault does about a change.
    async fn settle(&self, what: &What) -> Result<(), GatewayError> {
        let done = match what {
            What::KeyBundleChanged { subject, hash, .. } => self
                .vault
                .promote_document(*subject, DocumentKind::KeyBundle, *hash)
                .await
                .map(drop),
            What::ProfileChanged { subject, hash } => self
                .vault
                .promote_document(*subject, DocumentKind::Profile, *hash)
                .await
                .map(drop),
            What::DeviceRemoved { subject, device } => self
                .vault
                .end_sessions_of(*subject, *device)
                .await
                .map(drop),
            What::Ended { grant, .. } => self.vault.delete_wraps(*grant).await.map(drop),
            What::Registered { .. }
            | What::StatusChanged { .. }
            | What::Applied { .. }
            | What::Voted { .. }
            | What::ThresholdChanged { .. }
            | What::HomeChanged { .. }
            | What::DeviceAdded { .. }
            | What::Requested { .. }
            | What::Refused { .. }
            | What::Accepted { .. }
            | What::Withdrawn { .. }
            | What::Granted { .. }
            | What::EpochsMoved { .. }
            | What::FreshUntilLowered { .. }
            | What::Anchored { .. }
            | What::PointerMoved { .. } => Ok(()),
        };
        match done {
            // Nothing is kept for a subject that was erased.
            Ok(()) | Err(VaultError::Erased(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn notices(&self, changes: &[Change]) -> Result<Vec<NewNotification>, GatewayError> {
        let oldest = unix_secs().saturating_sub(NOTICE_AGE_SECS);
        let recent = || changes.iter().filter(|change| change.time >= oldest);
        let administrators = if recent().any(|change| for_administrators(&change.what)) {
            self.index
                .administrators()
                .await?
                .into_iter()
                .map(|row| row.subject)
                .collect()
        } else {
            Vec::new()
        };
        // A batch of anchors of one author in one block is one notification.
        let mut writers = HashSet::new();
        let mut notices = Vec::new();
        for change in recent() {
            if let What::Anchored {
                subject, author, ..
            } = &change.what
                && !writers.insert((change.block, *subject, *author))
            {
                continue;
            }
            notices.extend(told(change, &administrators));
        }
        Ok(notices)
    }
}

fn anchored(change: &Change) -> Option<(carechain_domain::RecordId, u32, B256)> {
    if let What::Anchored {
        record,
        version,
        commitment,
        ..
    } = &change.what
    {
        Some((*record, *version, *commitment))
    } else {
        None
    }
}

fn for_administrators(what: &What) -> bool {
    matches!(
        what,
        What::Applied { .. }
            | What::StatusChanged {
                kind: Kind::Administrator,
                status: Status::Pending,
                initial: true,
                ..
            }
    )
}

/// Who is told what of a change.
#[allow(clippy::too_many_lines, reason = "a table: one arm a kind of change")]
fn told(change: &Change, administrators: &[SubjectId]) -> Vec<NewNotification> {
    use Notice as N;
    let tell =
        |to, notice, subject, by, about| notification(change, to, notice, subject, by, about);
    let all = |subject: SubjectId, about| {
        let others = administrators.iter().filter(|to| **to != subject);
        others
            .map(|to| tell(*to, N::ApplicationReceived, subject, Some(subject), about))
            .collect()
    };
    // s: the subject; r: who asks; g: who is granted; a: the author.
    match change.what.clone() {
        What::Requested {
            request,
            subject: s,
            requester: r,
        } => {
            vec![tell(s, N::AccessRequested, s, Some(r), request.0)]
        }
        What::Withdrawn {
            request,
            subject: s,
            requester: r,
        } => {
            vec![tell(s, N::RequestWithdrawn, s, Some(r), request.0)]
        }
        What::Refused {
            request,
            subject: s,
            requester: r,
        } => {
            vec![tell(r, N::RequestRefused, s, Some(s), request.0)]
        }
        What::Granted {
            grant,
            subject: s,
            grantee: g,
        } => {
            vec![tell(g, N::AccessGranted, s, Some(s), grant.0)]
        }
        What::Ended {
            grant,
            subject: s,
            grantee: g,
            revoked,
        } => {
            let by_date = (!revoked).then(|| tell(s, N::AccessEnded, s, None, grant.0));
            let ended = tell(g, N::AccessEnded, s, Some(s), grant.0);
            std::iter::once(ended).chain(by_date).collect()
        }
        What::Anchored {
            subject: s,
            author: a,
            record,
            amends,
            ..
        } => {
            // Who wrote what was amended is told of that; the patient of one thing or the other.
            let amended = amends.filter(|(_, of)| *of != a);
            let of = amended.map(|(which, of)| tell(of, N::RecordAmended, s, Some(a), which.0));
            let added = a != s && amended.is_none_or(|(_, of)| of != s);
            let added = added.then(|| tell(s, N::RecordAdded, s, Some(a), record.0));
            of.into_iter().chain(added).collect()
        }
        What::Applied {
            subject,
            credential_hash,
        } => all(subject, credential_hash),
        What::StatusChanged {
            subject,
            initial: true,
            ..
        } if for_administrators(&change.what) => all(subject, subject.0),
        What::StatusChanged {
            subject: s,
            initial: false,
            ..
        } => {
            vec![tell(s, N::StatusChanged, s, None, s.0)]
        }
        What::DeviceAdded {
            subject: s,
            device,
            first: false,
        } => {
            vec![tell(s, N::DeviceAdded, s, None, device.into_word())]
        }
        What::DeviceRemoved { subject: s, device } => {
            vec![tell(s, N::DeviceRemoved, s, None, device.into_word())]
        }
        What::Registered { .. }
        | What::StatusChanged { .. }
        | What::Voted { .. }
        | What::ThresholdChanged { .. }
        | What::KeyBundleChanged { .. }
        | What::ProfileChanged { .. }
        | What::HomeChanged { .. }
        | What::DeviceAdded { .. }
        | What::Accepted { .. }
        | What::EpochsMoved { .. }
        | What::FreshUntilLowered { .. }
        | What::PointerMoved { .. } => Vec::new(),
    }
}

fn notification(
    change: &Change,
    recipient: SubjectId,
    notice: Notice,
    subject: SubjectId,
    actor: Option<SubjectId>,
    about: B256,
) -> NewNotification {
    let event = EventKey::chain(change.block, change.log_index);
    let (block, at) = (change.block, change.time);
    NewNotification {
        recipient,
        event,
        notice,
        subject,
        actor,
        about,
        block,
        at,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carechain_domain::{Lane, RecordId};

    fn id(byte: u8) -> SubjectId {
        SubjectId(B256::repeat_byte(byte))
    }

    fn change(what: What) -> Change {
        Change {
            block: 7,
            log_index: 3,
            time: 100,
            what,
        }
    }

    fn anchor(author: SubjectId, amends: Option<(RecordId, SubjectId)>) -> Change {
        change(What::Anchored {
            subject: id(1),
            author,
            record: RecordId(B256::repeat_byte(9)),
            version: 1,
            lane: Lane::try_from(0).unwrap(),
            commitment: B256::repeat_byte(8),
            amends,
        })
    }

    fn who(change: &Change) -> Vec<(SubjectId, Notice)> {
        told(change, &[id(5), id(6)])
            .into_iter()
            .map(|n| (n.recipient, n.notice))
            .collect()
    }

    #[test]
    fn a_patient_is_told_of_others_records_and_not_of_the_own() {
        assert_eq!(who(&anchor(id(1), None)), []);
        assert_eq!(who(&anchor(id(2), None)), [(id(1), Notice::RecordAdded)]);
        let amended = RecordId(B256::repeat_byte(4));
        assert_eq!(
            who(&anchor(id(2), Some((amended, id(3))))),
            [(id(3), Notice::RecordAmended), (id(1), Notice::RecordAdded)]
        );
        assert_eq!(
            who(&anchor(id(2), Some((amended, id(1))))),
            [(id(1), Notice::RecordAmended)]
        );
        assert_eq!(
            who(&anchor(id(2), Some((amended, id(2))))),
            [(id(1), Notice::RecordAdded)]
        );
    }

    #[test]
    fn administrators_are_told_of_applications_alone_and_never_of_their_own() {
        let applied = change(What::Applied {
            subject: id(5),
            credential_hash: B256::ZERO,
        });
        assert_eq!(who(&applied), [(id(6), Notice::ApplicationReceived)]);
        let status = |kind, initial| {
            change(What::StatusChanged {
                subject: id(2),
                kind,
                status: Status::Pending,
                reason: 0,
                initial,
            })
        };
        assert_eq!(who(&status(Kind::Doctor, true)), []);
        assert_eq!(who(&status(Kind::Administrator, true)).len(), 2);
        assert_eq!(
            who(&status(Kind::Doctor, false)),
            [(id(2), Notice::StatusChanged)]
        );
    }

    #[test]
    fn a_grant_that_ends_by_date_is_told_to_both() {
        let grant = carechain_domain::GrantId(B256::ZERO);
        let ended = |revoked| {
            change(What::Ended {
                grant,
                subject: id(1),
                grantee: id(2),
                revoked,
            })
        };
        assert_eq!(who(&ended(true)), [(id(2), Notice::AccessEnded)]);
        assert_eq!(who(&ended(false)).len(), 2);
    }
}

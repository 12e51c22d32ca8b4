//! What can go wrong, in words for people.
//!
//! [`Lie`] is what a node said that its chain, a signature or a key contradicts. It is kept apart from
//! [`ClientError`]'s other variants, which are refusals and failures that an honest node has too.

use alloy_primitives::B256;
use carechain_api::ErrorCode;
use carechain_crypto::CryptoError;
use carechain_domain::{Category, GrantId, RecordId, SubjectId};

pub use crate::lie::Lie;
use crate::platform::PlatformError;

/// Everything that can go wrong on a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The node said something that cannot be true.
    #[error("{0}")]
    Lie(#[from] Lie),
    /// Network, storage or randomness failed.
    #[error("{0}")]
    Platform(#[from] PlatformError),
    /// The node refused; its message says why.
    #[error("{message}")]
    Refused {
        /// Stable code.
        code: ErrorCode,
        /// For people.
        message: String,
        /// Field at fault.
        field: Option<String>,
        /// The contract's error.
        revert: Option<String>,
    },
    /// An answer that is not what docs/gateway.md says.
    #[error("the node's answer to {what} cannot be read: {why}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// Status or fault.
        why: String,
    },
    /// A contract refused a transaction.
    #[error("the chain refused to {what}: {error}")]
    Reverted {
        /// What the transaction was to do.
        what: &'static str,
        /// The contract's error with its arguments.
        error: String,
    },
    /// A key, signature or ciphertext of one's own.
    #[error("{what}: {source}")]
    Crypto {
        /// What was being done.
        what: &'static str,
        /// What failed.
        source: CryptoError,
    },
    /// Nothing of that id on chain.
    #[error("there is no {what} {id}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: B256,
    },
    /// The subject is not approved, so that it may not do this.
    #[error("{subject} is {status}, not approved")]
    NotApproved {
        /// Who.
        subject: SubjectId,
        /// Where it stands.
        status: String,
    },
    /// No live grant covers this.
    #[error("no live grant of {subject} lets you {what}")]
    NotGranted {
        /// Whose records.
        subject: SubjectId,
        /// Read or write.
        what: &'static str,
    },
    /// The grant does not let one write this category.
    #[error("no live grant lets you write {category}")]
    CategoryNotGranted {
        /// Which category.
        category: Category,
    },
    /// A live grant without the wrap of the present epochs: the patient's device has to make it.
    #[error(
        "grant {grant} is live, but its keys are not there: the patient's device has to be unlocked, or the node withholds them"
    )]
    WrapMissing {
        /// Which grant.
        grant: GrantId,
    },
    /// The record is known, but its keys have been erased.
    #[error("the keys of record {record} have been erased")]
    Erased {
        /// Which record.
        record: RecordId,
    },
    /// The record waits in the patient's inbox until the patient's device has made a key slot.
    #[error("record {record} waits for the patient's device")]
    Waiting {
        /// Which record.
        record: RecordId,
    },
    /// The applicant handed in others since this device opened its documents.
    #[error("{subject} has replaced its documents since you opened them: open them again")]
    CredentialsChanged {
        /// Whose they are.
        subject: SubjectId,
    },
    /// Something is already so.
    #[error("{0}")]
    Already(&'static str),
    /// The key set has not been registered yet.
    #[error("these keys are not registered at the node yet")]
    NotRegistered,
    /// The device key was removed from the subject.
    #[error("this device was removed from {subject}")]
    DeviceRemoved {
        /// Whose device it was.
        subject: SubjectId,
    },
    /// Words under which the chain knows nobody.
    #[error(
        "nobody is registered under these words at this node (first {scanned} indices looked up)"
    )]
    NobodyFound {
        /// How many indices.
        scanned: u32,
    },
    /// A value given by the caller.
    #[error("{field}: {why}")]
    Field {
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A saved outbox entry that cannot be read.
    #[error("the outbox entry {name} cannot be read: {why}")]
    Outbox {
        /// Its name.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Somebody else moved first, again and again.
    #[error("the chain moved while trying to {what}; try again")]
    Contended {
        /// What was being done.
        what: &'static str,
    },
    /// Written meanwhile by another device.
    #[error("record {record} was written by another device of yours meanwhile; import again")]
    Conflict {
        /// Which record.
        record: RecordId,
    },
    /// The person said no.
    #[error("stopped: {0}")]
    Declined(String),
}

impl ClientError {
    pub(crate) fn crypto(what: &'static str) -> impl FnOnce(CryptoError) -> ClientError {
        move |source| ClientError::Crypto { what, source }
    }

    pub(crate) fn field(field: &'static str, why: impl Into<String>) -> ClientError {
        ClientError::Field {
            field,
            why: why.into(),
        }
    }

    /// Whether the chain moved between planning and sending, so that planning again may help.
    pub(crate) fn is_race(&self) -> bool {
        let text = if let ClientError::Reverted { error, .. } = self {
            error
        } else if let ClientError::Refused {
            revert: Some(revert),
            ..
        } = self
        {
            revert
        } else {
            return false;
        };
        [
            "EpochWrong",
            "NotFresh",
            "DeadlinePassed",
            "EpochsChanged",
            "FreshUntil",
            "LanesStale",
        ]
        .iter()
        .any(|name| text.contains(name))
    }

    /// The node's stable code, where it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        if let ClientError::Refused { code, .. } = self {
            Some(*code)
        } else {
            None
        }
    }

    /// The lie, where it is one.
    pub fn lie(&self) -> Option<&Lie> {
        if let ClientError::Lie(lie) = self {
            Some(lie)
        } else {
            None
        }
    }
}

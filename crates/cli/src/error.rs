//! What can go wrong in the terminal, what it is called, and what to do about it.
//!
//! Every error has a stable code for programs (`--json` prints it on stderr), a message for people, often a second
//! line that says what to do, and an exit code: 1 refused or failed, 2 wrong use. No message holds a secret or the
//! content of a record.

use std::io;
use std::path::{Path, PathBuf};

use carechain_client::{ClientError, Lie, PlatformError};
use carechain_crypto::CryptoError;
use carechain_node::NodeError;

/// Everything that ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A value that was given and cannot be used.
    #[error("{field}: {why}")]
    Usage {
        /// Option, argument or field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The client refused or failed.
    #[error(transparent)]
    Client(Box<ClientError>),
    /// The node did not start, run or stop.
    #[error(transparent)]
    Node(Box<NodeError>),
    /// Keys or documents of one's own.
    #[error("{what}: {source}")]
    Crypto {
        /// What was being done.
        what: &'static str,
        /// What failed.
        source: CryptoError,
    },
    /// A file or folder could not be used.
    #[error("{what} {path}: {source}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is larger than anything of its kind.
    #[error("{path} is over {limit} bytes")]
    FileTooLarge {
        /// Which.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// No keyset file where one was expected.
    #[error("there is no keyset file {0}")]
    KeysetMissing(PathBuf),
    /// A keyset file is where a new one was to be written.
    #[error("there is a keyset file {0} already")]
    KeysetExists(PathBuf),
    /// The keyset file does not open with this password.
    #[error("wrong password for {0}")]
    WrongPassword(PathBuf),
    /// No password was to be had.
    #[error("no password: {0}")]
    NoPassword(&'static str),
    /// Another command works with the same keyset.
    #[error("another command has been working with {0} for too long")]
    KeysetBusy(PathBuf),
    /// Several things begin with what was typed.
    #[error("several {what}s begin with {prefix}")]
    Ambiguous {
        /// What kind of thing.
        what: &'static str,
        /// What was typed.
        prefix: String,
    },
    /// Nothing begins with what was typed.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// What was typed.
        id: String,
    },
    /// Import rejected something; the rows say what.
    #[error("{0} rejected; nothing of them was stored")]
    Rejected(usize),
    /// Verification found faults; the rows say which.
    #[error("{0} found")]
    Faults(String),
    /// The demo people could not be made.
    #[error("the demo people could not be made: {0}")]
    Demo(String),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system")]
    Random,
    /// The runtime could not be started.
    #[error("the runtime could not be started: {0}")]
    Runtime(io::Error),
    /// Results could not be written.
    #[error("writing results: {0}")]
    Output(io::Error),
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> CliError {
        CliError::Client(Box::new(error))
    }
}

impl From<NodeError> for CliError {
    fn from(error: NodeError) -> CliError {
        CliError::Node(Box::new(error))
    }
}

impl CliError {
    /// What the client refused or failed at, where it did.
    fn client(&self) -> Option<&ClientError> {
        if let CliError::Client(error) = self {
            Some(error)
        } else {
            None
        }
    }

    /// Whether the node could not be reached.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(
            self.client(),
            Some(ClientError::Platform(PlatformError::Network(_)))
        )
    }

    /// A value that was given and cannot be used.
    pub(crate) fn usage(field: &'static str, why: impl Into<String>) -> CliError {
        CliError::Usage {
            field,
            why: why.into(),
        }
    }

    /// What was being done with keys or documents of one's own.
    pub(crate) fn crypto(what: &'static str) -> impl FnOnce(CryptoError) -> CliError {
        move |source| CliError::Crypto { what, source }
    }

    /// What was being done with a file.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CliError {
        let path = path.to_owned();
        move |source| CliError::File { what, path, source }
    }

    /// 1 refused or failed, 2 wrong use.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, CliError::Usage { .. }) {
            2
        } else {
            1
        }
    }

    /// Whether the reader of the results went away, which is nobody's fault.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, CliError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Stable; programs decide by it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            CliError::Usage { .. } => "usage",
            CliError::Client(error) => client_code(error),
            CliError::Node(error) => node_code(error),
            CliError::Crypto { .. } => "keys",
            CliError::File { .. } => "file",
            CliError::FileTooLarge { .. } => "too_large",
            CliError::KeysetMissing(_) => "keyset_missing",
            CliError::KeysetExists(_) => "keyset_exists",
            CliError::WrongPassword(_) => "wrong_password",
            CliError::NoPassword(_) => "no_password",
            CliError::KeysetBusy(_) => "keyset_busy",
            CliError::Ambiguous { .. } => "ambiguous",
            CliError::NotFound { .. } => "not_found",
            CliError::Rejected(_) => "rejected",
            CliError::Faults(_) => "faults",
            CliError::Demo(_) => "demo",
            CliError::Random => "no_randomness",
            CliError::Runtime(_) => "runtime",
            CliError::Output(_) => "output",
        }
    }

    /// The field at fault, where there is one.
    pub(crate) fn field(&self) -> Option<&str> {
        if let CliError::Usage { field, .. } = self {
            return Some(field);
        }
        let error = self.client()?;
        if let ClientError::Field { field, .. } = error {
            Some(field)
        } else if let ClientError::Refused { field, .. } = error {
            field.as_deref()
        } else {
            None
        }
    }

    /// The message with its causes.
    pub(crate) fn message(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        ADVICE
            .iter()
            .find(|(applies, _)| applies(self))
            .map(|(_, advice)| *advice)
    }
}

/// Whether an advice fits an error, and the advice.
type Advice = (fn(&CliError) -> bool, &'static str);

/// Which errors something can be done about, and what.
const ADVICE: [Advice; 16] = [
    (
        |e| matches!(e, CliError::KeysetMissing(_)),
        "make keys with `carechain keys create`, bring them back with `carechain keys restore`, or name another file \
         by --keyset",
    ),
    (
        |e| matches!(e, CliError::KeysetExists(_)),
        "name another file by --keyset; this one is not overwritten",
    ),
    (
        |e| matches!(e, CliError::WrongPassword(_)),
        "try again; without the password, `carechain keys restore` with your 24 words makes a new keyset file",
    ),
    (
        |e| matches!(e, CliError::NoPassword(_)),
        "give it by --password-file or CARECHAIN_PASSWORD, or run this in a terminal",
    ),
    (
        |e| matches!(e, CliError::KeysetBusy(_)),
        "wait until it has ended, or end it",
    ),
    (
        |e| matches!(e, CliError::Ambiguous { .. }),
        "type more of it; --json prints it whole",
    ),
    (
        |e| matches!(e, CliError::Rejected(_)),
        "correct the files, or store them as they are with --lenient",
    ),
    (
        |e| matches!(e, CliError::Faults(_)),
        "do not rely on what is listed; keep the output and tell the node's operator",
    ),
    (
        CliError::is_unreachable,
        "is the node running? Start one with `carechain node`, or name another by --node",
    ),
    (
        |e| matches!(e.client(), Some(ClientError::NotRegistered)),
        "register them: carechain register patient",
    ),
    (
        |e| matches!(e.client(), Some(ClientError::Lie(Lie::AnotherNode { .. }))),
        "name the node that the keys belong to by --node, or other keys by --keyset",
    ),
    (
        |e| {
            matches!(
                e.client(),
                Some(ClientError::NotGranted { .. } | ClientError::CategoryNotGranted { .. })
            )
        },
        "ask for access: carechain request PATIENT --read …",
    ),
    (
        |e| matches!(e.client(), Some(ClientError::NotApproved { .. })),
        "apply with `carechain apply`, and wait for an administrator",
    ),
    (
        |e| matches!(e.client(), Some(ClientError::CredentialsChanged { .. })),
        "read them again: carechain admin documents SUBJECT --output FOLDER",
    ),
    (
        |e| matches!(e, CliError::Node(error) if matches!(**error, NodeError::NotLoopback(_))),
        "use --listen 127.0.0.1:PORT, with a TLS proxy before it",
    ),
    (
        |e| matches!(e, CliError::Node(error) if matches!(**error, NodeError::InUse(_))),
        "stop the other node, or use another --data",
    ),
];

fn client_code(error: &ClientError) -> &'static str {
    match error {
        ClientError::Lie(_) => "lie",
        ClientError::Platform(_) => "unreachable",
        ClientError::Refused { code, .. } => code.as_str(),
        ClientError::Answer { .. } => "bad_answer",
        ClientError::Reverted { .. } => "reverted",
        ClientError::Crypto { .. } => "keys",
        ClientError::Unknown { .. } => "not_found",
        ClientError::NotApproved { .. } => "not_approved",
        ClientError::NotGranted { .. } | ClientError::CategoryNotGranted { .. } => "not_granted",
        ClientError::WrapMissing { .. } => "wrap_missing",
        ClientError::Erased { .. } => "erased",
        ClientError::Waiting { .. } => "waiting",
        ClientError::CredentialsChanged { .. } => "credentials_changed",
        ClientError::Already(_) => "already",
        ClientError::NotRegistered => "not_registered",
        ClientError::DeviceRemoved { .. } => "device_removed",
        ClientError::NobodyFound { .. } => "nobody_found",
        ClientError::Field { .. } => "invalid_field",
        ClientError::Outbox { .. } => "outbox",
        ClientError::Contended { .. } => "contended",
        ClientError::Conflict { .. } => "conflict",
        ClientError::Declined(_) => "declined",
    }
}

fn node_code(error: &NodeError) -> &'static str {
    if matches!(error, NodeError::NotLoopback(_)) {
        "not_loopback"
    } else if matches!(error, NodeError::InUse(_)) {
        "in_use"
    } else if matches!(error, NodeError::NewerFormat { .. }) {
        "newer_format"
    } else if matches!(error, NodeError::Damaged { .. }) {
        "damaged"
    } else {
        "node"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_use_is_2_and_everything_else_1() {
        assert_eq!(CliError::usage("--until", "is in the past").exit_code(), 2);
        assert_eq!(CliError::WrongPassword("k".into()).exit_code(), 1);
        assert_eq!(CliError::from(ClientError::NotRegistered).exit_code(), 1);
    }

    #[test]
    fn a_message_has_its_causes_once() {
        let error = CliError::file("reading", Path::new("x"))(io::Error::other("broken disk"));
        assert_eq!(error.message(), "reading x: broken disk");
        let error = CliError::from(NodeError::InUse("d".into()));
        assert_eq!(
            error.message(),
            "data folder d is in use by another process"
        );
    }
}

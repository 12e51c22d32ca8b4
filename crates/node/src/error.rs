//! Why a node does not start or stop. Texts name the file or the engine and say what to do; no secret is in them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Errors of starting and running a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A file or folder could not be used.
    #[error("{what} {path}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The data folder was written by a newer program.
    #[error(
        "data folder {path} has format {found}, this program reads up to {known}: use a newer carechain"
    )]
    NewerFormat {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// A file in the data folder does not hold what it should.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another process holds the folder.
    #[error("data folder {0} is in use by another process")]
    InUse(PathBuf),
    /// TLS is not there yet, so people beyond this machine may not be served.
    #[error("{0} is not a loopback address: without TLS a node listens on this machine alone")]
    NotLoopback(SocketAddr),
    /// The embedded chain.
    #[error("chain")]
    Chain(#[from] carechain_chain::ChainError),
    /// The chain answered a request with an error.
    #[error("chain request: {0}")]
    Rpc(String),
    /// The contracts could not be put on the chain, or are not what the folder says.
    #[error("contracts: {0}")]
    Contracts(String),
    /// The content store.
    #[error("content store")]
    Ipfs(#[from] carechain_ipfs::IpfsError),
    /// The vault.
    #[error("vault")]
    Vault(#[from] carechain_vault::VaultError),
    /// The index.
    #[error("index")]
    Index(#[from] carechain_index::IndexError),
    /// The gateway.
    #[error("gateway")]
    Gateway(#[from] carechain_gateway::GatewayError),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system")]
    Random,
}

impl NodeError {
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> NodeError {
        let path = path.to_owned();
        move |source| NodeError::File { what, path, source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> NodeError {
        NodeError::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

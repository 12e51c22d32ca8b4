//! What gateway and client say to each other: requests, responses, frames, limits and error codes, defined once.
//!
//! JSON in snake case; ids and hashes as `0x` hex; bytes as base64 ([`Base64`]); times in Unix seconds. Blobs travel
//! in binary [`frame`]s. Nothing here holds a plaintext record or a private key.

#![forbid(unsafe_code)]

mod base64;
mod chain;
mod consent;
mod directory;
mod error;
pub mod frame;
mod limits;
mod node;
mod notices;
mod records;
mod session;

pub use base64::Base64;
pub use chain::{
    Nonce, ProofAccount, ProofRequest, ProvenAccount, ProvenSlot, SendRequest, Sent, SignedHead,
    StateProof,
};
pub use consent::{
    BackLink, BackLinks, GrantRow, GrantsPage, MailItem, MailPage, PostMail, RequestRow,
    RequestsPage, SignedWrap,
};
pub use directory::{
    Application, ApplicationKey, DirectoryPage, DirectoryQuery, DirectoryRow, PutDocument,
    SubjectView, VaultCopy,
};
pub use error::{ErrorBody, ErrorCode};
pub use limits::*;
pub use node::{
    ClaimRequest, Contracts, Invitation, NodeInfo, VoucherPolicy, VoucherRequest, VoucherView,
};
pub use notices::{Notification, NotificationsPage, NotificationsRead};
pub use records::{
    AnchorRow, LanePage, PutSlots, Receipt, ReceiptsPage, ReleaseHeader, ReleaseItem,
    ReleaseRequest, ReleaseStatement, SlotRow, Stage, StageRow, Staged, Uploaded,
};
pub use session::{Session, SessionRequest, SignInNonce};

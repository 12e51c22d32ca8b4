//! What a person's device does, the same in a terminal and in a browser.
//!
//! Keys never leave it: it seals before it sends and opens after it has checked. It trusts the node for nothing that
//! it can check: every security-relevant fact passes the chain view (`view`), where a storage proof must lead to a
//! head that the pinned node key has signed. What a node says that cannot be true has a name: [`Lie`].
//!
//! No runtime, no HTTP library, no file, clock or random source is in here: a [`Platform`] brings them. Everything
//! written goes through an outbox in local storage, so that a crash between any two steps is finished by
//! [`Device::resume`].

#![forbid(unsafe_code)]

mod error;
mod lie;
mod platform;

mod facts;
mod http;
mod proof;
mod slots;
mod tx;
mod view;

mod device;
mod keys;
mod restore;
mod sign_in;

mod access;
mod chart;
mod open;
mod records;

mod add;
mod consent;
mod import;
mod moves;
mod outbox;
mod resume;
mod seal;
mod wraps;
mod write;

mod admin;
mod directory;
mod notices;
mod receipts;
#[cfg(test)]
mod testing;

pub use add::{Added, NewRecord};
pub use carechain_crypto::{
    ApplicationDocument, CryptoError, Keyset, PasswordCost, Statement, Words,
};
pub use chart::{Chart, ChartQuery, ChartRow, RowState};
pub use consent::{AccessRequest, AccessView, Asked, GrantView, NewGrant, RequestView};
pub use device::Device;
pub use directory::{People, Person};
pub use error::{ClientError, Lie};
pub use facts::{DeviceFact, FreshnessFact, LaneFact, RequestFact, SubjectFact};
pub use import::{ImportOptions, ImportReport, Importer, Rejected};
pub use keys::{CreatedKeys, NewKeys, Registration, create_keys};
pub use moves::Revoked;
pub use notices::{Event, EventReader, LineTooLong, Notices};
pub use platform::{Body, Method, Platform, PlatformError, Request, Response};
pub use proof::{Head, Values, verify_head, verify_proof};
pub use receipts::ReceiptView;
pub use records::{Content, Fault, Verification};
pub use restore::{RESTORE_GAP, Restored, restore_keys};
pub use resume::{Resumed, Tended};
pub use seal::MAX_CONTENT_BYTES;
pub use tx::{Action, Terms};

//! The vault: a node's erasable SQL store. It keeps the small wrapped keys that make records readable, and what a
//! node remembers of its people beside the chain: uploads, mail, documents, receipts, notifications, sessions,
//! vouchers, settings.
//!
//! It sees ciphertext and ids alone. Rows that hold keys are sealed once more under a key per subject, which lives in
//! a file outside ordinary backups: destroying it erases the subject here and in every copy. The vault decides
//! nothing: who may do what is the gateway's to ask of the chain, and times are handed in. It knows neither chain,
//! IPFS nor index.

mod counters;
mod documents;
mod erase;
mod error;
mod mail;
mod notifications;
mod receipts;
mod records;
mod sessions;
mod settings;
mod sql;
mod uploads;
mod vault;
mod vouchers;
mod wraps;

pub use documents::{
    DocumentKind, MAX_APPLICATION_BYTES, MAX_DOCUMENT_BYTES, MAX_STAGED_DOCUMENTS,
    MAX_STAGED_PER_OWNER, StoredApplication,
};
pub use error::VaultError;
pub use mail::{MAX_MAIL_BYTES, MAX_MAIL_PER_RECIPIENT, MAX_MAIL_PER_SENDER, MailItem, NewMail};
pub use notifications::{
    EventKey, MAX_APPEND, MAX_EVENT_BYTES, MAX_NOTIFICATIONS, NewNotification, StoredNotification,
};
pub use receipts::{
    MAX_PAGE_RECORDS, MAX_SIGNATURE_BYTES, MAX_STATEMENT_BYTES, NONCE_GRACE_SECS, NewReceipt,
    ReceiptTip, StoredReceipt, receipt_hash,
};
pub use records::{
    MAX_CID_BYTES, MAX_RELEASE_ROWS, MAX_SLOT_BYTES, MAX_STAGE_ROWS, MAX_SWEEP_ROWS, ReleaseRow,
    SlotRow, StageRow, SweptRow,
};
pub use sessions::{MAX_SESSIONS_PER_SUBJECT, MAX_SIGN_IN_NONCES, SessionToken, StoredSession};
pub use settings::MAX_SETTING_BYTES;
pub use uploads::MAX_UPLOADS;
pub use vault::{Erasure, Vault, VaultKeys};
pub use vouchers::{Gate, MAX_CODES, MAX_VOUCHERS, StoredVoucher};
pub use wraps::{
    BackLink, MAX_BACK_LINK_BYTES, MAX_BACK_LINKS, MAX_KEYSET_BYTES, MAX_WRAP_BYTES,
    MAX_WRAPS_PER_GRANT, MAX_WRAPS_PER_SUBJECT, Wrap,
};

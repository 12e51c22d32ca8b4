//! Carechain's cryptography: keys from words, envelopes, slots, wraps, names and signatures.
//!
//! The bytes are specified in `docs/records.md`; the vectors beside this crate are opened by an
//! independent reader in JavaScript. Everything here is pure: no I/O, no clock, and randomness only
//! through a `rand_core::CryptoRng` that the caller hands in. It builds for wasm32.
//!
//! It refuses to print secrets (`Debug` is redacted, errors name places and never values), to
//! recover malleable signatures, and to read any CBOR that is not the one deterministic encoding.
//! It does not decide who may do what: grants, devices and epochs are compared with the chain by
//! the caller.

#![forbid(unsafe_code)]

mod aead;
mod application;
mod bundle;
mod cbor;
mod envelope;
mod error;
mod hash;
mod head;
mod kem;
mod keys;
mod keyset;
mod lanes;
mod mail;
mod meta;
mod names;
mod release;
mod secret;
mod sign;
mod slot;
#[cfg(test)]
mod testing;
mod words;
mod wrap;

pub use application::{
    APPLICATION_DOCUMENTS_MAX, APPLICATION_KEY_BYTES, APPLICATION_MAX_BYTES, Application,
    ApplicationDocument, ApplicationKeySlot, application_uid, credential_hash, open_application,
    seal_application,
};
pub use bundle::{KeyBundle, PROFILE_MAX_BYTES, profile_hash};
pub use envelope::{
    HEADER_BYTES, LENGTHS_BYTES, Layout, META_MAX_BYTES, Opened, Opener, PLAINTEXT_MIN_BYTES,
    SEGMENT_LOG2, SEGMENT_LOG2_MAX, SEGMENT_LOG2_MIN, Sealer, StreamOpener, open_envelope, padme,
    seal_envelope,
};
pub use error::CryptoError;
pub use head::head_digest;
pub use kem::{ENCAPSULATED_BYTES, HPKE_OVERHEAD_BYTES, KEM_PUBLIC_BYTES, KemPublic, KemSecret};
pub use keys::{EncryptionRoot, Roots};
pub use keyset::{
    KEYSET_MAX_BYTES, Keyset, KeysetChain, KeysetContracts, KeysetHeader, KeysetKind,
    KeysetSecrets, OpenKeyset, PASSWORD_MAX_BYTES, PASSWORDS_MAX_KIB_PASSES, PasswordCost,
    UNLOCKERS_MAX,
};
pub use lanes::{LANES, Lane, LanePermutation};
pub use mail::{MAIL_MAX_BYTES, MAIL_MAX_SEALED_BYTES, MailInfo, sealed_hash};
pub use meta::{Meta, Statement, author_digest};
pub use names::{CID_BYTES, Committed, commitment, content_id, fold, record_id, tag, uid, word};
pub use release::{Release, ReleaseShape, receipt_hash, release_root};
pub use secret::{LaneKey, MasterKey, PersonTag, RecordKey, UidKey};
pub use sign::{SIGNATURE_BYTES, Signature, SigningKey, recover};
pub use slot::{BACK_LINK_BYTES, BackLink, INBOX_SLOT_BYTES, InboxSlot, KEY_SLOT_BYTES, KeySlot};
pub use words::{Seed, WORD_COUNT, Words};
pub use wrap::{
    ReadLane, SignedWrap, WRAP_MAX_BYTES, WRAP_NAME_MAX_BYTES, WrapBody, WrapInfo, WriteLane,
};

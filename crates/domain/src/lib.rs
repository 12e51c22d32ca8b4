//! The words of Carechain as types: ids, kinds, categories, lanes, epochs, grants and the rules between them.
//!
//! Pure: no I/O, no clock, no randomness. Gateway, client and index share these, so that a term means one thing
//! in Solidity, SQL, Rust and on screen. `docs/glossary.md` explains each.

#![forbid(unsafe_code)]

mod category;
mod consent;
mod ids;
mod lanes;
mod notice;
mod person;

pub use category::{Category, UnknownCategory};
pub use consent::{
    Grant, GrantState, Lanes, Purpose, UnknownPurpose, earliest_end, epochs_after, fresh_at,
};
pub use ids::{GrantId, NodeAddress, ParseIdError, RecordId, RequestId, SubjectId, Tag, Uid};
pub use lanes::{EpochExhausted, Epochs, LANES, Lane, LaneOutOfRange, LaneSet};
pub use notice::{Notice, UnknownNotice};
pub use person::{Decision, Kind, Reason, Status, UnknownTerm};

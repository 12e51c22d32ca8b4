//! The index: the contracts' events as SQL tables, for listings that a chain cannot answer.
//!
//! It is derived and decides nothing: dropped and rebuilt from genesis it is identical (`Index::digest`), and clients
//! prove against the chain what matters. It is fed with blocks and their logs in order, from whatever node they come,
//! and refuses a gap, another parent, or logs that the contracts cannot have emitted. It reads contracts' events
//! alone: no calls, no state, and nothing of the vault or IPFS.

mod apply;
mod block;
mod change;
mod digest;
mod error;
mod index;
mod query;
mod rows;
mod sql;

pub use block::{BlockLog, BlockLogs, Contracts, Cursor, IndexConfig, MAX_BLOCKS, MAX_LOGS};
pub use change::{Change, What};
pub use error::IndexError;
pub use index::{Index, MAX_CHANGES};
pub use query::{MAX_ANCHORS_ASKED, MAX_PAGE};
pub use rows::{
    Access, Actor, AnchorRow, DeviceRow, Freshness, LaneRow, PointerRow, RequestRow, RequestStatus,
    SubjectRow, TipRow, VoteRow,
};

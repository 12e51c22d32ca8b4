//! The envelope "CCR1": one immutable blob per record version.
//!
//! A fixed header of 72 bytes with a key commitment, then segments sealed by STREAM, so that a
//! reader can open any range of a large attachment and notices every cut, swap and change. The
//! context is uid and version alone: a blob survives a move to another node, chain or subject.
//!
//! - [`seal_envelope`] and [`open_envelope`] for what fits in memory;
//! - [`Sealer`] for content that comes in pieces, [`StreamOpener`] for reading in order;
//! - [`Opener`] with [`Layout`] for ranges.

mod header;
mod layout;
mod open;
mod seal;

pub use header::{HEADER_BYTES, SEGMENT_LOG2, SEGMENT_LOG2_MAX, SEGMENT_LOG2_MIN};
pub use layout::{LENGTHS_BYTES, Layout, META_MAX_BYTES, PLAINTEXT_MIN_BYTES, padme};
pub use open::{Opened, Opener, StreamOpener, open_envelope};
pub use seal::{Sealer, seal_envelope};

#[cfg(test)]
mod tests;

//! Carechain's content store: IPFS blocks and files on this machine's disk.
//!
//! Two layers:
//! - [`dag`]: how a file becomes blocks and what its CID is. Pure, without I/O, builds for wasm32
//!   (`default-features = false`), so that a person's device can check the CID of what it uploads.
//! - [`Store`] (feature `store`, on by default): durable blocks keyed by multihash, verified against
//!   their CID on every read.
//!
//! The store sees ciphertext only. It knows no subject, record, key, chain or network, and it refuses
//! to return a byte that does not hash to the CID that was asked for, to acknowledge a block that is
//! not on the disk, and to write again after a write or a sync has failed.

#![forbid(unsafe_code)]

pub mod dag;
#[cfg(feature = "store")]
mod error;
#[cfg(feature = "store")]
mod store;

pub use cid::Cid;
pub use dag::BlockError;
#[cfg(feature = "store")]
pub use error::IpfsError;
#[cfg(feature = "store")]
pub use store::{
    Damage, FileReader, Listed, OpenReport, Removed, Stats, Store, StoreConfig, Which, limits,
};

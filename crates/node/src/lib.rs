//! The composition root: turns a data folder and a configuration into a running node.
//!
//! Order of start: data folder (format, lock) -> keys -> chain -> contracts -> content store -> vault -> index ->
//! gateway. Stop is the reverse. This crate is the only one that knows all engines; it holds no rule of consent, no
//! HTTP and no SQL. It refuses a data folder of a newer format, a listener that is not loopback, and a second process
//! on the same folder.

#![forbid(unsafe_code)]

mod admission;
mod contracts;
mod error;
mod folder;
mod local_transport;
mod secrets;
mod start;

pub use error::NodeError;
pub use folder::FORMAT_VERSION;
pub use start::{CHAIN_ID_RANGE, Node, NodeConfig, Ready};

//! The HTTP gateway: the only crate that knows HTTP.
//!
//! It serves people's devices over the types of `carechain-api` (docs/gateway.md lists every address and who may
//! call it), follows the chain into the index and the vault, and hands out ciphertext and wrapped keys against a
//! signature. It holds no private key of a person and no plaintext record, and it decides nothing about rights:
//! every right is asked of the contracts at the newest block.
//!
//! It refuses to listen beyond loopback (there is no TLS yet), to serve keys for a cookie, to release anything
//! while the index lags behind the chain, and to tell a caller what went wrong inside.

#![forbid(unsafe_code)]

mod blobs;
mod chain;
mod clock;
mod config;
mod consent;
mod directory;
mod error;
mod extract;
mod follow;
mod guard;
mod health;
mod mail;
mod notices;
mod observe;
mod openapi;
mod rate;
mod records;
mod release;
mod revert;
mod session;
mod siwe;
mod start;
mod state;
mod sweep;
#[cfg(test)]
mod testing;
mod voucher;

pub use config::{Engines, GatewayConfig};
pub use error::GatewayError;
pub use openapi::document as openapi_document;
pub use start::{Running, start};

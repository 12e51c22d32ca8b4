//! WebAssembly shim over the client core: keys, sealing and opening, proofs, FHIR.
//!
//! Thin: each function reads its arguments, calls one crate and gives JSON or bytes. Errors are JavaScript errors with
//! the crate's own words, which never hold a secret. The signed-in device of the browser is built on the same crates.

mod chain;
mod keys;
mod records;

pub use chain::{Events, verify};
pub use keys::{identity_of_words, new_words, open_keyset};
pub use records::{Frames, categories, check_document, describe, open, open_slot};

use wasm_bindgen::JsError;

/// Reads 32 bytes from hex with or without `0x`.
fn word(what: &'static str, text: &str) -> Result<alloy_primitives::B256, JsError> {
    text.parse()
        .map_err(|_| JsError::new(&format!("{what}: 32 bytes in hex are expected")))
}

/// Any error in its own words.
fn failed(error: impl core::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}

/// A value as JSON text.
fn json(value: &impl serde::Serialize) -> Result<String, JsError> {
    serde_json::to_string(value).map_err(failed)
}

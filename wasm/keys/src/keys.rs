//! Words, addresses and keyset files.

use carechain_crypto::{Keyset, Words};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{failed, json};

/// What words give for one subject, without a secret.
#[derive(Serialize)]
struct Identity {
    root: String,
    subject: String,
    salt: String,
    key_bundle_hash: String,
}

/// The subject that 24 words give at an index, as JSON: `root`, `subject`, `salt`, `key_bundle_hash`.
#[wasm_bindgen(js_name = identityOfWords)]
pub fn identity_of_words(words: &str, index: u32) -> Result<String, JsError> {
    let seed = Words::parse(words).map_err(failed)?.seed();
    let bundle = carechain_crypto::KeyBundle::of(seed.roots(index).current());
    json(&Identity {
        root: seed.root_key(index).map_err(failed)?.address().to_string(),
        subject: seed.subject(index).map_err(failed)?.to_string(),
        salt: seed.subject_salt(index).to_string(),
        key_bundle_hash: bundle.hash().to_string(),
    })
}

/// New words from the page's randomness.
#[wasm_bindgen(js_name = newWords)]
pub fn new_words() -> Result<String, JsError> {
    let mut entropy = zeroize::Zeroizing::new([0u8; 32]);
    getrandom_fill(entropy.as_mut_slice())?;
    Ok(Words::from_entropy(&entropy).reveal().to_string())
}

#[cfg(target_arch = "wasm32")]
fn getrandom_fill(out: &mut [u8]) -> Result<(), JsError> {
    getrandom::fill(out).map_err(failed)
}

/// The module is for wasm32 alone; elsewhere it only has to compile.
#[cfg(not(target_arch = "wasm32"))]
fn getrandom_fill(_out: &mut [u8]) -> Result<(), JsError> {
    Err(JsError::new("this module runs in WebAssembly alone"))
}

/// Whether a password opens a keyset file; gives the subject.
#[wasm_bindgen(js_name = openKeyset)]
pub fn open_keyset(file: &[u8], password: &str) -> Result<String, JsError> {
    let open = Keyset::parse(file)
        .map_err(failed)?
        .open(password)
        .map_err(failed)?;
    Ok(open.header().subject.to_string())
}

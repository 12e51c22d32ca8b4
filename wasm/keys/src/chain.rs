//! Proofs of the facts of the chain, and server-sent events.

use carechain_api::{ProofRequest, StateProof};
use carechain_client::{EventReader, verify_proof};
use carechain_crypto::KeysetChain;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{failed, json};

/// What a proof proved.
#[derive(Serialize)]
struct Proven {
    number: String,
    hash: String,
    /// Contract, slot and value.
    values: Vec<(String, String, String)>,
}

/// Checks a head and a storage proof against what a keyset pins; all arguments are JSON. Gives JSON with `number`,
/// `hash` and `values`.
#[wasm_bindgen(js_name = verifyProof)]
pub fn verify(pins: &str, request: &str, answer: &str, now: u32) -> Result<String, JsError> {
    let pins: KeysetChain = serde_json::from_str(pins).map_err(failed)?;
    let request: ProofRequest = serde_json::from_str(request).map_err(failed)?;
    let answer: StateProof = serde_json::from_str(answer).map_err(failed)?;
    let (head, values) = verify_proof(&pins, &request, &answer, u64::from(now)).map_err(failed)?;
    json(&Proven {
        number: head.number.to_string(),
        hash: head.hash.to_string(),
        values: values
            .into_iter()
            .map(|((contract, slot), value)| {
                (
                    contract.to_string(),
                    slot.to_string(),
                    format!("{value:#x}"),
                )
            })
            .collect(),
    })
}

/// Reads server-sent events as they arrive.
#[wasm_bindgen]
#[derive(Default)]
pub struct Events {
    reader: EventReader,
}

#[wasm_bindgen]
impl Events {
    /// A reader with nothing in it.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Events {
        Events::default()
    }

    /// Adds bytes; gives the events that they complete as JSON: `[{"id","event","data"}, …]`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, JsError> {
        let events = self.reader.push(bytes).map_err(failed)?;
        json(&events)
    }
}

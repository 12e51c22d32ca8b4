//! Envelopes, slots, resources and frames.

use alloy_primitives::hex;
use carechain_api::frame::FrameReader;
use carechain_crypto::{KeySlot, Lane, LaneKey, Meta, RecordKey, Words, open_envelope};
use carechain_domain::Category;
use carechain_fhir::{Resource, check, classify, view, when};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{failed, json, word};

/// An opened envelope, in hex; the statement where its metadata is one.
#[derive(Serialize)]
struct OpenedEnvelope {
    content: String,
    meta: String,
    statement: Option<Said>,
}

/// What the author says of the content.
#[derive(Serialize)]
struct Said {
    media_type: String,
    category: u8,
    author: String,
}

/// Opens an envelope; gives JSON with `content` and `meta` in hex, and `statement` with `media_type`, `category` and
/// `author`, whose hash was compared with the content.
#[wasm_bindgen(js_name = openEnvelope)]
pub fn open(key: &str, uid: &str, version: u32, blob: &[u8]) -> Result<String, JsError> {
    let key = RecordKey::from_bytes(word("key", key)?.0);
    let opened = open_envelope(&key, &word("uid", uid)?, version, blob).map_err(failed)?;
    let statement = match Meta::decode(opened.meta()) {
        Ok(meta) => {
            meta.check_content(opened.content()).map_err(failed)?;
            Some(Said {
                media_type: meta.statement().media_type.clone(),
                category: meta.statement().category,
                author: meta.statement().author.to_string(),
            })
        }
        Err(_) => None,
    };
    json(&OpenedEnvelope {
        content: hex::encode(opened.content()),
        meta: hex::encode(opened.meta()),
        statement,
    })
}

/// Where a key slot lies.
#[derive(serde::Deserialize)]
struct SlotPlace {
    subject: alloy_primitives::B256,
    record: alloy_primitives::B256,
    version: u32,
    lane: u8,
    epoch: u16,
}

/// Opens a key slot with the lane key that words give; gives the record key in hex. `place` is JSON with `subject`,
/// `record`, `version`, `lane`, `epoch`.
#[wasm_bindgen(js_name = openSlotByWords)]
pub fn open_slot(words: &str, index: u32, place: &str, slot: &[u8]) -> Result<String, JsError> {
    let place: SlotPlace = serde_json::from_str(place).map_err(failed)?;
    let lane = Lane::new(place.lane).map_err(failed)?;
    let root = Words::parse(words)
        .map_err(failed)?
        .seed()
        .encryption_root(index, 0);
    let key: LaneKey = root.lane_key(&place.subject, lane, place.epoch);
    let slot_of = KeySlot {
        subject: place.subject,
        record: place.record,
        version: place.version,
        lane,
        epoch: place.epoch,
    };
    Ok(hex::encode(
        slot_of.open(&key, slot).map_err(failed)?.expose(),
    ))
}

/// What a resource is, for people.
#[derive(Serialize)]
struct Described {
    category: Category,
    date: Option<String>,
    view: carechain_fhir::View,
}

/// Reads a FHIR resource; gives JSON with `category`, `date`, `view`.
#[wasm_bindgen(js_name = describeResource)]
pub fn describe(bytes: &[u8]) -> Result<String, JsError> {
    let resource = Resource::parse(bytes).map_err(failed)?;
    json(&Described {
        category: classify(&resource),
        date: when(&resource),
        view: view(&resource),
    })
}

/// Everything that is wrong with a FHIR document, as JSON.
#[wasm_bindgen(js_name = checkDocument)]
pub fn check_document(bytes: &[u8]) -> Result<String, JsError> {
    json(&check(bytes))
}

/// Names of the categories, in the order of their numbers, as JSON.
#[wasm_bindgen(js_name = categories)]
pub fn categories() -> Result<String, JsError> {
    json(&Category::ALL)
}

/// Reads frames as they arrive.
#[wasm_bindgen]
#[derive(Default)]
pub struct Frames {
    reader: FrameReader,
}

#[wasm_bindgen]
impl Frames {
    /// A reader with nothing in it.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Frames {
        Frames::default()
    }

    /// Adds bytes; gives the frames that they complete as JSON: `[[kind, payload in hex], …]`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, JsError> {
        self.reader.push(bytes);
        let mut frames = Vec::new();
        while let Some((kind, payload)) = self.reader.next_frame().map_err(failed)? {
            frames.push((kind as u8, hex::encode(payload)));
        }
        json(&frames)
    }

    /// Whether every byte was part of a whole frame.
    #[wasm_bindgen(js_name = isDrained)]
    pub fn is_drained(&self) -> bool {
        self.reader.is_drained()
    }
}

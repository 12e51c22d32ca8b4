//! The JSON of a keyset file.

use alloy_primitives::{Address, B256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::password::{PasswordUnlocker, check_all};
use super::{Keyset, KeysetChain, KeysetHeader, KeysetKind, UNLOCKERS_MAX};
use crate::CryptoError;

/// The longest keyset file.
pub const KEYSET_MAX_BYTES: usize = 64 << 10;
/// The longest sealed body; the real ones have under 250 bytes.
const SEALED_MAX_BYTES: usize = 1024;
const FORMAT: &str = "carechain-keyset";
const VERSION: u32 = 1;
/// Kinds of unlocker that later versions open; kept as they are.
const RESERVED_KINDS: [&str; 2] = ["passkey", "guardians"];

/// Bytes as base64 with padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(|_| D::Error::custom("not base64"))
    }
}

/// One way to the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unlocker {
    /// By a password.
    Password(PasswordUnlocker),
    /// Of a kind that this version cannot open; kept, so that rewriting a file loses nothing.
    Reserved(Map<String, Value>),
}

impl Serialize for Unlocker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Password(unlocker) => unlocker.serialize(serializer),
            Self::Reserved(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Unlocker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        match map.get("kind").and_then(Value::as_str) {
            Some("password") => {
                const FIELDS: usize = 6;
                if map.len() != FIELDS {
                    return Err(D::Error::custom("a password unlocker has six fields"));
                }
                serde_json::from_value(Value::Object(map))
                    .map(Self::Password)
                    .map_err(|_| D::Error::custom("a password unlocker is malformed"))
            }
            Some(kind) if RESERVED_KINDS.contains(&kind) => Ok(Self::Reserved(map)),
            Some(_) | None => Err(D::Error::custom("an unlocker is of an unknown kind")),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    chain: KeysetChain,
    subject: B256,
    kind: KeysetKind,
    index: u32,
    address: Address,
    unlockers: Vec<Unlocker>,
    sealed: Base64,
}

pub(super) fn parse(json: &[u8]) -> Result<Keyset, CryptoError> {
    if json.len() > KEYSET_MAX_BYTES {
        let limit = KEYSET_MAX_BYTES as u64;
        return Err(CryptoError::TooLarge {
            what: "the keyset file",
            limit,
        });
    }
    let file: File = serde_json::from_slice(json).map_err(|e| CryptoError::KeysetJson {
        line: e.line(),
        column: e.column(),
    })?;
    let fault = |field, reason| Err(CryptoError::Keyset { field, reason });
    if file.format != FORMAT {
        return fault("format", "not carechain-keyset");
    }
    if file.version != VERSION {
        return fault("version", "not 1; a newer program is needed");
    }
    if file.unlockers.is_empty() || file.unlockers.len() > UNLOCKERS_MAX {
        return fault("unlockers", "there are 1 to 8");
    }
    if file.sealed.0.len() > SEALED_MAX_BYTES {
        return fault("sealed", "over 1024 bytes");
    }
    check_all(passwords(&file.unlockers))?;
    let header = KeysetHeader {
        chain: file.chain,
        subject: file.subject,
        kind: file.kind,
        index: file.index,
        address: file.address,
    };
    Ok(Keyset {
        header,
        unlockers: file.unlockers,
        sealed: file.sealed.0,
    })
}

/// The unlockers that a password opens.
pub(super) fn passwords(unlockers: &[Unlocker]) -> impl Iterator<Item = &PasswordUnlocker> {
    unlockers.iter().filter_map(|unlocker| match unlocker {
        Unlocker::Password(unlocker) => Some(unlocker),
        Unlocker::Reserved(_) => None,
    })
}

pub(super) fn to_json(keyset: &Keyset) -> Vec<u8> {
    let header = &keyset.header;
    let mut json = serde_json::to_vec_pretty(&File {
        format: FORMAT.to_owned(),
        version: VERSION,
        chain: header.chain.clone(),
        subject: header.subject,
        kind: header.kind,
        index: header.index,
        address: header.address,
        unlockers: keyset.unlockers.clone(),
        sealed: Base64(keyset.sealed.clone()),
    })
    .expect("plain fields have no way to fail");
    json.push(b'\n');
    json
}

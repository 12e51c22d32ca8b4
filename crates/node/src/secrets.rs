//! The node's own secrets: the key that signs heads and seals blocks, the operator key that signs vouchers, the
//! one-time claim code. They are files of 0600 in the data folder; a person's keys are never here.

use carechain_crypto::SigningKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::NodeError;
use crate::folder::Folder;

const CLAIM_FILE: &str = "claim-code";
/// Characters of a claim code; without those that look alike. 16 of 32 symbols are 80 bits.
const CLAIM_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CLAIM_LENGTH: usize = 16;

/// A signing key kept at `keys/NAME.key`, made at first.
pub(crate) fn signing_key(folder: &Folder, name: &str) -> Result<SigningKey, NodeError> {
    folder.sub("keys")?;
    let file = format!("keys/{name}.key");
    if let Some(text) = folder.read_text(&file)? {
        let text = Zeroizing::new(text);
        let mut bytes = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
            .map_err(|_| NodeError::damaged(&folder.path(&file), "not 64 hex digits"))?;
        return SigningKey::from_bytes(&bytes)
            .map_err(|_| NodeError::damaged(&folder.path(&file), "not a secp256k1 key"));
    }
    loop {
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| NodeError::Random)?;
        if let Ok(key) = SigningKey::from_bytes(&bytes) {
            let text = Zeroizing::new(hex::encode(bytes.as_slice()));
            folder.write_durable(&file, text.as_bytes())?;
            return Ok(key);
        }
    }
}

/// Removes a key that has served.
pub(crate) fn forget_key(folder: &Folder, name: &str) -> Result<(), NodeError> {
    folder.remove(&format!("keys/{name}.key"))
}

/// The claim code, made at first start and kept until somebody has claimed the node.
pub(crate) fn claim_code(folder: &Folder) -> Result<Zeroizing<String>, NodeError> {
    if let Some(text) = folder.read_text(CLAIM_FILE)? {
        return Ok(Zeroizing::new(text.trim().to_owned()));
    }
    let mut bytes = Zeroizing::new([0u8; CLAIM_LENGTH]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| NodeError::Random)?;
    let mut code = Zeroizing::new(String::with_capacity(CLAIM_LENGTH + 3));
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 && i % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(CLAIM_ALPHABET[usize::from(byte % 32)]));
    }
    folder.write_durable(CLAIM_FILE, format!("{}\n", code.as_str()).as_bytes())?;
    Ok(code)
}

/// Removes the claim code of a node that has been claimed.
pub(crate) fn forget_claim_code(folder: &Folder) -> Result<(), NodeError> {
    folder.remove(CLAIM_FILE)
}

/// What the gateway compares a code with.
pub(crate) fn claim_hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_and_code_are_made_once_and_readable_by_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let key = signing_key(&folder, "node").unwrap();
        assert_eq!(
            signing_key(&folder, "node").unwrap().address(),
            key.address()
        );
        assert_ne!(
            signing_key(&folder, "operator").unwrap().address(),
            key.address()
        );
        let code = claim_code(&folder).unwrap();
        assert_eq!(claim_code(&folder).unwrap(), code);
        assert_eq!(code.len(), CLAIM_LENGTH + 3);
        for file in ["keys/node.key", "claim-code"] {
            let mode = std::fs::metadata(dir.path().join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        forget_claim_code(&folder).unwrap();
        assert_ne!(claim_code(&folder).unwrap(), code);
    }

    #[test]
    fn a_damaged_key_file_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.sub("keys").unwrap();
        folder.write_durable("keys/node.key", b"short").unwrap();
        assert!(matches!(
            signing_key(&folder, "node"),
            Err(NodeError::Damaged { .. })
        ));
        assert_eq!(folder.read_text("keys/node.key").unwrap().unwrap(), "short");
    }
}

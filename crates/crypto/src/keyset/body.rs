//! The secrets inside a keyset.

use zeroize::Zeroizing;

use crate::cbor::{self, Reader};
use crate::{CryptoError, EncryptionRoot, Roots, SigningKey};

const WHAT: &str = "the body of the keyset file";
/// Four keys of 32 bytes, two numbers and CBOR heads.
const BODY_BYTES: usize = 192;

/// What a device of a subject holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetSecrets {
    /// The encryption roots.
    pub roots: Roots,
    /// The device's own signing key.
    pub device: SigningKey,
    /// The root signing key, until the first device is on chain.
    pub root: Option<SigningKey>,
}

impl KeysetSecrets {
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let bytes = cbor::write(BODY_BYTES, |e| {
            e.array(if self.root.is_some() { 6 } else { 5 })?.u8(1)?;
            e.u16(self.roots.current().generation())?;
            e.bytes(self.roots.current().expose())?;
            e.bytes(self.roots.origin().expose())?;
            e.bytes(&*self.device.expose())?;
            if let Some(root) = &self.root {
                e.bytes(&*root.expose())?;
            }
            Ok(())
        });
        Zeroizing::new(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CryptoError> {
        cbor::read(WHAT, bytes, Self::read, |secrets| secrets.encode().to_vec())
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CryptoError> {
        let length = r.array()?;
        if length != 5 && length != 6 {
            return Err(r.fault("an array has another length"));
        }
        r.version()?;
        let generation = r.u16()?;
        let current = EncryptionRoot::new(generation, Zeroizing::new(r.bytes_of()?));
        let origin = EncryptionRoot::new(0, Zeroizing::new(r.bytes_of()?));
        let mut key = || -> Result<SigningKey, CryptoError> {
            SigningKey::from_bytes(&Zeroizing::new(r.bytes_of()?))
        };
        let device = key()?;
        let root = if length == 6 { Some(key()?) } else { None };
        Ok(Self {
            roots: Roots::new(current, origin)?,
            device,
            root,
        })
    }
}

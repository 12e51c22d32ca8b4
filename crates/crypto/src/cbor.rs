//! Deterministic CBOR (RFC 8949, section 4.2): one value, one encoding.
//!
//! A reader decodes, writes again what it understood and demands the same bytes. That refuses long
//! forms of numbers, indefinite lengths, unordered or unknown keys and trailing bytes alike.

use core::convert::Infallible;

use alloy_primitives::B256;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use crate::CryptoError;

pub(crate) type Writer<'a> = Encoder<&'a mut Vec<u8>>;
pub(crate) type Written = Result<(), minicbor::encode::Error<Infallible>>;

/// Writes into a buffer of at least `capacity` bytes, so that secrets are not copied by growing.
pub(crate) fn write(capacity: usize, f: impl FnOnce(&mut Writer<'_>) -> Written) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity);
    f(&mut Encoder::new(&mut out)).expect("writing to memory does not fail");
    out
}

/// Reads one document and demands that `write` gives the same bytes.
pub(crate) fn read<'b, T>(
    what: &'static str,
    bytes: &'b [u8],
    read: impl FnOnce(&mut Reader<'b>) -> Result<T, CryptoError>,
    write: impl FnOnce(&T) -> Vec<u8>,
) -> Result<T, CryptoError> {
    let mut reader = Reader {
        what,
        decoder: Decoder::new(bytes),
    };
    let value = read(&mut reader)?;
    if reader.decoder.position() != bytes.len() {
        return Err(reader.fault("bytes after its end"));
    }
    if *Zeroizing::new(write(&value)) != bytes {
        return Err(reader.fault("not the deterministic encoding"));
    }
    Ok(value)
}

/// A decoder whose errors name the document.
pub(crate) struct Reader<'b> {
    what: &'static str,
    decoder: Decoder<'b>,
}

impl<'b> Reader<'b> {
    pub(crate) const fn fault(&self, reason: &'static str) -> CryptoError {
        CryptoError::Malformed {
            what: self.what,
            reason,
        }
    }

    pub(crate) fn array(&mut self) -> Result<u64, CryptoError> {
        match self.decoder.array() {
            Ok(Some(length)) => Ok(length),
            Ok(None) | Err(_) => Err(self.fault("an array is missing")),
        }
    }

    pub(crate) fn array_of(&mut self, length: u64) -> Result<(), CryptoError> {
        if self.array()? == length {
            Ok(())
        } else {
            Err(self.fault("an array has another length"))
        }
    }

    pub(crate) fn map(&mut self) -> Result<u64, CryptoError> {
        match self.decoder.map() {
            Ok(Some(length)) => Ok(length),
            Ok(None) | Err(_) => Err(self.fault("a map is missing")),
        }
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CryptoError> {
        self.decoder
            .u64()
            .map_err(|_| self.fault("a number is missing"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CryptoError> {
        u8::try_from(self.u64()?).map_err(|_| self.fault("a number is too large"))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, CryptoError> {
        u16::try_from(self.u64()?).map_err(|_| self.fault("a number is too large"))
    }

    /// The format's version, which begins every document.
    pub(crate) fn version(&mut self) -> Result<(), CryptoError> {
        if self.u64()? == 1 {
            Ok(())
        } else {
            Err(self.fault("another version than 1"))
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'b [u8], CryptoError> {
        self.decoder
            .bytes()
            .map_err(|_| self.fault("a byte string is missing"))
    }

    pub(crate) fn bytes_of<const N: usize>(&mut self) -> Result<[u8; N], CryptoError> {
        let bytes = self.bytes()?;
        bytes
            .try_into()
            .map_err(|_| self.fault("a byte string has another length"))
    }

    pub(crate) fn b256(&mut self) -> Result<B256, CryptoError> {
        self.bytes_of::<32>().map(B256::from)
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, CryptoError> {
        self.decoder
            .str()
            .map_err(|_| self.fault("a text is missing"))
    }

    pub(crate) fn text_or_null(&mut self) -> Result<Option<&'b str>, CryptoError> {
        if matches!(self.decoder.datatype(), Ok(Type::Null)) {
            self.decoder
                .null()
                .map_err(|_| self.fault("a text is missing"))?;
            return Ok(None);
        }
        self.text().map(Some)
    }
}

//! Ids: 32 bytes each, written as `0x` and 64 hex digits, never interchangeable.

use core::fmt;
use core::str::FromStr;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// A text that is not `0x` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 0x and 64 hex digits")]
pub struct ParseIdError {
    /// Which id was expected.
    pub what: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub struct $name(pub B256);

        impl $name {
            /// The 32 bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0.0
            }

            /// Whether it is the zero id, which stands for none.
            pub fn is_zero(&self) -> bool {
                self.0.is_zero()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let error = ParseIdError { what: $what };
                if text.len() != 66 || !text.starts_with("0x") {
                    return Err(error);
                }
                text.parse().map($name).map_err(|_| error)
            }
        }

        impl From<B256> for $name {
            fn from(bytes: B256) -> Self {
                $name(bytes)
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                $name(B256::from(bytes))
            }
        }

        impl From<$name> for B256 {
            fn from(id: $name) -> B256 {
                id.0
            }
        }
    };
}

id! {
    /// A person's or organisation's identity on chain.
    SubjectId, "subject"
}
id! {
    /// A record on chain: keccak256(abi.encode(subject, author, tag)).
    RecordId, "record"
}
id! {
    /// A grant: keccak256(abi.encode(subject, grantee, salt)).
    GrantId, "grant"
}
id! {
    /// A request for access.
    RequestId, "request"
}
id! {
    /// A record's blinded name in an anchor: keccak256("carechain/tag/v1" ‖ uid ‖ subject).
    Tag, "tag"
}
id! {
    /// A record's name off chain: an HMAC under the author's uid key.
    Uid, "uid"
}

/// The address whose signature makes a chain head a node's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeAddress(pub Address);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parses_what_it_prints_and_refuses_the_rest() {
        let id = SubjectId(B256::repeat_byte(0xab));
        assert_eq!(id.to_string().parse::<SubjectId>().unwrap(), id);
        for bad in [
            "",
            "0x",
            "ab",
            &"ab".repeat(33),
            &format!("0x{}", "zz".repeat(32)),
        ] {
            assert_eq!(bad.parse::<SubjectId>().unwrap_err().what, "subject");
        }
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }
}

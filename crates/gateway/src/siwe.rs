//! The sign-in message (EIP-4361), read strictly: eleven lines in one order, each compared or bounded.
//!
//! Nothing is optional, so that one meaning has one text: a message for another site, chain, statement or moment, or
//! with a line more, does not sign anybody in here. Whether the nonce is ours and the key acts for somebody is asked
//! elsewhere.

use alloy_primitives::{Address, B256, eip191_hash_message};

use crate::GatewayError;

/// What the person agrees to.
pub(crate) const STATEMENT: &str = "Sign in to Carechain. This opens no record.";
/// Longest message.
const MAX_MESSAGE_BYTES: usize = 2_048;
/// Longest time between issue and expiry, and oldest issue.
pub(crate) const MAX_AGE_SECS: u64 = 600;
/// How far a device's clock may run ahead.
const MAX_SKEW_SECS: u64 = 60;

/// What a message is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The node's origin.
    pub(crate) origin: &'a str,
    /// Its host and port.
    pub(crate) domain: &'a str,
    /// The chain's id.
    pub(crate) chain_id: u64,
    /// The node's clock.
    pub(crate) now: u64,
}

/// What remains to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    /// Who claims to sign.
    pub(crate) address: Address,
    /// The nonce that the node gave out.
    pub(crate) nonce: String,
    /// The digest (EIP-191) of the message.
    pub(crate) digest: B256,
}

/// Reads and checks a message.
pub(crate) fn check(message: &str, expected: &Expected<'_>) -> Result<SignIn, GatewayError> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(GatewayError::TooLarge {
            what: "message",
            limit: MAX_MESSAGE_BYTES as u64,
        });
    }
    if !message
        .bytes()
        .all(|b| b == b'\n' || (0x20..0x7f).contains(&b))
    {
        return Err(wrong("it holds other characters than printable ASCII"));
    }
    let lines: Vec<&str> = message.split('\n').collect();
    let Ok(
        [
            asking,
            address,
            blank1,
            statement,
            blank2,
            uri,
            version,
            chain_id,
            nonce,
            issued,
            expires,
        ],
    ) = <[&str; 11]>::try_from(lines)
    else {
        return Err(wrong(
            "it must have the eleven lines of this node's sign-in message",
        ));
    };
    let domain = asking.strip_suffix(" wants you to sign in with your Ethereum account:");
    if domain != Some(expected.domain) {
        return Err(wrong("the domain is not this node's"));
    }
    if !blank1.is_empty() || !blank2.is_empty() {
        return Err(wrong("the statement must stand between two empty lines"));
    }
    if statement != STATEMENT {
        return Err(wrong("the statement is not this node's"));
    }
    if after(uri, "URI: ")? != expected.origin {
        return Err(wrong("the URI is not this node's public URL"));
    }
    if version != "Version: 1" {
        return Err(wrong("the version must be 1"));
    }
    if after(chain_id, "Chain ID: ")? != expected.chain_id.to_string() {
        return Err(wrong("the chain id is not this node's"));
    }
    check_times(
        after(issued, "Issued At: ")?,
        after(expires, "Expiration Time: ")?,
        expected.now,
    )?;
    Ok(SignIn {
        address: checksummed(address)?,
        nonce: nonce_text(after(nonce, "Nonce: ")?)?,
        digest: eip191_hash_message(message),
    })
}

fn wrong(reason: &'static str) -> GatewayError {
    GatewayError::field("message", reason)
}

fn after<'a>(line: &'a str, name: &'static str) -> Result<&'a str, GatewayError> {
    line.strip_prefix(name)
        .ok_or_else(|| wrong("its lines are not in the order of EIP-4361"))
}

fn checksummed(text: &str) -> Result<Address, GatewayError> {
    Address::parse_checksummed(text, None)
        .map_err(|_| wrong("the address must be written as EIP-55 has it"))
}

fn nonce_text(nonce: &str) -> Result<String, GatewayError> {
    if (8..=128).contains(&nonce.len()) && nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(nonce.to_owned())
    } else {
        Err(wrong("the nonce must be 8 to 128 letters and digits"))
    }
}

fn check_times(issued: &str, expires: &str, now: u64) -> Result<(), GatewayError> {
    let (issued, expires) = (moment(issued)?, moment(expires)?);
    let fits = issued <= now + MAX_SKEW_SECS
        && now < issued.saturating_add(MAX_AGE_SECS)
        && now < expires
        && expires <= issued.saturating_add(MAX_AGE_SECS);
    if fits {
        Ok(())
    } else {
        Err(GatewayError::Expired("the sign-in message"))
    }
}

/// RFC 3339 to Unix seconds.
fn moment(text: &str) -> Result<u64, GatewayError> {
    let wrong = || wrong("its times must be RFC 3339, in UTC");
    if !text.ends_with('Z') {
        return Err(wrong());
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(time.as_second()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carechain_crypto::SigningKey;

    const NOW: u64 = 1_800_000_000;
    const EXPECTED: Expected<'_> = Expected {
        origin: "http://localhost:8080",
        domain: "localhost:8080",
        chain_id: 7_000_000_001,
        now: NOW,
    };

    fn good() -> String {
        let address = SigningKey::from_bytes(&[1; 32])
            .unwrap()
            .address()
            .to_checksum(None);
        format!(
            "localhost:8080 wants you to sign in with your Ethereum account:\n{address}\n\n{STATEMENT}\n\n\
             URI: http://localhost:8080\nVersion: 1\nChain ID: 7000000001\nNonce: abcDEF123456\n\
             Issued At: 2027-01-15T08:00:00Z\nExpiration Time: 2027-01-15T08:05:00Z"
        )
    }

    #[test]
    fn this_nodes_own_message_is_read() {
        let read = check(&good(), &EXPECTED).unwrap();
        assert_eq!(read.nonce, "abcDEF123456");
        assert_eq!(
            read.address,
            SigningKey::from_bytes(&[1; 32]).unwrap().address()
        );
        assert_eq!(read.digest, eip191_hash_message(good()));
    }

    #[test]
    fn every_other_message_is_refused() {
        let swaps = [
            ("localhost:8080 wants", "evil.example wants"),
            ("localhost:8080 wants", "http://localhost:8080 wants"),
            ("URI: http://localhost:8080", "URI: http://localhost:8080/"),
            ("URI: http://localhost:8080", "URI: http://evil.example"),
            (STATEMENT, "Sign in."),
            (STATEMENT, ""),
            ("Version: 1", "Version: 2"),
            ("Chain ID: 7000000001", "Chain ID: 1"),
            ("Chain ID: 7000000001", "Chain ID: 07000000001"),
            ("Nonce: abcDEF123456", "Nonce: short"),
            ("Nonce: abcDEF123456", "Nonce: abc DEF 123456"),
            ("Nonce: ", "nonce: "),
            ("\nVersion: 1", ""),
            (
                "Expiration Time: 2027-01-15T08:05:00Z",
                "Expiration Time: never",
            ),
            (
                "Expiration Time: 2027-01-15T08:05:00Z",
                "Expiration Time: 2027-01-15T10:05:00+02:00",
            ),
            ("\nExpiration Time: 2027-01-15T08:05:00Z", ""),
            ("account:\n", "account:\r\n"),
            ("account:\n", "account:\n\n"),
        ];
        for (from, to) in swaps {
            let changed = good().replacen(from, to, 1);
            assert_ne!(changed, good(), "{from}");
            assert!(check(&changed, &EXPECTED).is_err(), "{from} -> {to}");
        }
        assert!(check(&format!("{}\nResources:", good()), &EXPECTED).is_err());
        assert!(check(&format!("{}\n", good()), &EXPECTED).is_err());
        assert!(check(&"x".repeat(3_000), &EXPECTED).is_err());
        let address = SigningKey::from_bytes(&[1; 32])
            .unwrap()
            .address()
            .to_checksum(None);
        assert!(
            check(
                &good().replace(&address, &address.to_lowercase()),
                &EXPECTED
            )
            .is_err()
        );
    }

    #[test]
    fn a_message_holds_for_its_minutes_alone() {
        for now in [NOW, NOW + 299, NOW - 60] {
            check(&good(), &Expected { now, ..EXPECTED }).unwrap();
        }
        for now in [NOW + 300, NOW - 61, NOW + 86_400] {
            let refused = check(&good(), &Expected { now, ..EXPECTED });
            assert!(matches!(refused, Err(GatewayError::Expired(_))), "{now}");
        }
        let long = good().replace("08:05:00", "08:10:01");
        assert!(matches!(
            check(&long, &EXPECTED),
            Err(GatewayError::Expired(_))
        ));
    }
}

//! What a gateway is started with, and the origin that binds sign-in, cookies and releases.

use std::net::SocketAddr;

use alloy_primitives::B256;
use alloy_provider::DynProvider;
use carechain_api::{Contracts, VoucherPolicy};
use carechain_crypto::SigningKey;
use carechain_index::Index;
use carechain_ipfs::Store;
use carechain_vault::Vault;

use crate::GatewayError;

/// Longest public URL.
const MAX_ORIGIN_BYTES: usize = 255;

/// The engines that a gateway serves from. It closes vault and index when it stops.
#[derive(Debug)]
pub struct Engines {
    /// The chain.
    pub provider: DynProvider,
    /// Ciphertext.
    pub store: Store,
    /// Wrapped keys, sessions, mail, receipts.
    pub vault: Vault,
    /// What the chain's events add up to.
    pub index: Index,
}

/// How to serve.
#[derive(Debug)]
pub struct GatewayConfig {
    /// Where to listen; loopback alone, port 0 for any.
    pub listen: SocketAddr,
    /// Origin that people use; `http://localhost:PORT` where it is not given.
    pub public_url: Option<String>,
    /// Chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis: B256,
    /// The contracts.
    pub contracts: Contracts,
    /// Signs heads.
    pub node_key: SigningKey,
    /// Signs vouchers, and nothing else.
    pub operator_key: SigningKey,
    /// Who gets a voucher.
    pub vouchers: VoucherPolicy,
    /// SHA-256 of the one-time code for the first administrator, while nobody has claimed the node.
    pub claim_code_hash: Option<[u8; 32]>,
    /// Whether this node carries demo data.
    pub demo: bool,
}

/// A checked origin: scheme, host and port, as a browser's `Origin` header spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    text: String,
    secure: bool,
}

impl Origin {
    /// Takes `http://` or `https://`, a lower-case host, and a port where it is not the scheme's own.
    pub(crate) fn parse(text: &str) -> Result<Self, GatewayError> {
        let fail = |reason| GatewayError::PublicUrl {
            url: text.to_owned(),
            reason,
        };
        if text.len() > MAX_ORIGIN_BYTES {
            return Err(fail("it is too long"));
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(fail("it must begin with http:// or https://")),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(fail(
                "it must be an origin: scheme, host and port alone, without a final slash",
            ));
        }
        let (host, port) = split_port(rest);
        if !is_host(host) {
            return Err(fail("the host must be a name in lower case or an address"));
        }
        if let Some(port) = port {
            let number: u16 = port
                .parse()
                .map_err(|_| fail("the port must be 1 to 65535"))?;
            if number == 0 || port.starts_with('0') || port.starts_with('+') {
                return Err(fail("the port must be 1 to 65535"));
            }
            if number == if secure { 443 } else { 80 } {
                return Err(fail("leave out the scheme's own port: browsers do"));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            secure,
        })
    }

    /// The origin itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, as EIP-4361 calls the domain.
    pub(crate) fn domain(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, rest)| rest)
    }

    /// Whether it is https.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }
}

/// Host and port; the colons within `[…]` belong to the host.
fn split_port(rest: &str) -> (&str, Option<&str>) {
    match rest.rfind(':') {
        Some(at) if !rest[at..].contains(']') => (&rest[..at], Some(&rest[at + 1..])),
        Some(_) | None => (rest, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner
            .parse::<std::net::Ipv6Addr>()
            .is_ok_and(|ip| ip.to_string() == inner);
    }
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    !host.is_empty()
        && host.bytes().all(allowed)
        && host
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_origin_is_taken_as_browsers_spell_it() {
        for good in [
            "http://localhost:8080",
            "https://care.example",
            "https://care.example:8443",
            "http://127.0.0.1:80801".trim_end_matches('1'),
            "http://[::1]:9000",
        ] {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(Origin::parse("https://a.b:1").unwrap().domain(), "a.b:1");
        assert!(Origin::parse("https://a.b").unwrap().is_secure());
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "localhost",
            "ftp://a",
            "http://",
            "http://a/",
            "http://a/b",
            "http://a?b",
            "http://u@a",
            "http://A",
            "http://a:0",
            "http://a:080",
            "http://a:80",
            "https://a:443",
            "http://a:65536",
            "http://a:",
            "http://a b",
            "http://-a",
            "http://a..b",
            "http://[::1",
            "http://[0:0::1]:1",
            "null",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}

//! The terminal as a [`Platform`]: HTTP to one node, files beside the keyset, the system's clock and randomness.
//!
//! It talks to loopback over HTTP alone: without TLS nothing leaves the machine. It follows no redirect and uses no
//! proxy. Local storage is `<keyset>.state/`, a file a name, each written in one durable step.

mod storage;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use carechain_client::{Body, Method, Platform, PlatformError, Request, Response};
use reqwest::Url;

use crate::error::CliError;

pub(crate) use storage::{Storage, StorageLock};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the node may be silent within an answer; its notification stream says something every 15 s.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(120);

/// The surroundings of a command.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    http: reqwest::Client,
    node: String,
    storage: Storage,
}

impl Terminal {
    /// Surroundings with the node at `node`.
    pub(crate) fn new(node: &str, storage: Storage) -> Result<Self, CliError> {
        let node = node_origin(node)?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .build()
            .map_err(|e| CliError::from(carechain_client::ClientError::from(network(&e))))?;
        Ok(Terminal {
            http,
            node,
            storage,
        })
    }
}

/// The origin of a node's address; the address is checked as far as it can be.
fn node_origin(text: &str) -> Result<String, CliError> {
    let refused = |why: &str| Err(CliError::usage("--node", format!("{why}: {text:?}")));
    let Ok(url) = text.parse::<Url>() else {
        return refused("expected an address such as http://localhost:8080");
    };
    if url.scheme() != "http" {
        return refused("only http:// to this machine is spoken; a TLS tunnel ends before it");
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return refused("expected scheme, host and port alone");
    }
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    if host != "localhost" && !address.is_ok_and(|ip| ip.is_loopback()) {
        return refused("without TLS only a node on this machine is spoken to");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn network(error: &reqwest::Error) -> PlatformError {
    // The innermost cause says it in the system's words; the address in the outer ones would be noise.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    PlatformError::Network(cause.to_string())
}

/// A body as it arrives.
pub(crate) struct TerminalBody(reqwest::Response);

impl Body for TerminalBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, PlatformError> {
        let chunk = self.0.chunk().await.map_err(|e| network(&e))?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }
}

impl Platform for Terminal {
    type Body = TerminalBody;

    async fn send(&self, request: Request) -> Result<Response<TerminalBody>, PlatformError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self
            .http
            .request(method, format!("{}{}", self.node, request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let response = builder.send().await.map_err(|e| network(&e))?;
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        Ok(Response {
            status: response.status().as_u16(),
            headers,
            body: TerminalBody(response),
        })
    }

    fn now_secs(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs())
    }

    fn fill_random(&self, out: &mut [u8]) -> Result<(), PlatformError> {
        getrandom::fill(out).map_err(|e| PlatformError::Random(e.to_string()))
    }

    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, PlatformError> {
        self.storage.load(name)
    }

    async fn save(&self, name: &str, bytes: &[u8]) -> Result<(), PlatformError> {
        self.storage.save(name, bytes)
    }

    async fn remove(&self, name: &str) -> Result<(), PlatformError> {
        self.storage.remove(name)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, PlatformError> {
        self.storage.list(prefix)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to() {
        for good in [
            "http://localhost:8080",
            "http://127.0.0.1:1/",
            "http://[::1]:8080",
        ] {
            assert_eq!(node_origin(good).unwrap(), good.trim_end_matches('/'));
        }
        for bad in [
            "localhost:8080",
            "https://localhost:8080",
            "http://example.org",
            "http://192.168.1.2:8080",
            "http://localhost:8080/path",
            "http://user:pw@localhost:8080",
            "http://localhost:8080?x",
            "",
        ] {
            let error = node_origin(bad).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
            assert_eq!(error.field(), Some("--node"), "{bad}");
        }
    }
}
